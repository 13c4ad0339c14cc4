import { builtInFunction } from "../builtins/coordinator-functions/index.ts";
import { defaultAdapter, isBuiltInAdapter } from "../builtins/input-adapters/index.ts";
import type { JsonObject } from "../errors/index.ts";
import { isObject } from "../graph/format/plain-data.ts";
import type { GraphNode } from "../graph/index.ts";
import { builderName } from "./identifiers.ts";
import { array, call, type Doc, object } from "./layout.ts";
import { argument, literal, objectOf, property, stringLiteral } from "./literals.ts";
import { argsOf, inputOf, isWorker } from "./source-graph.ts";

/** How definitions are called in the source. */
export interface DefinitionNames {
  readonly handlers: ReadonlyMap<string, string>;
  readonly fns: ReadonlyMap<string, string>;
  /** The handlers may suggest adapters of their own: the default one is written out. */
  readonly mayPropose: boolean;
}

/** `.then("clean", clean, { ... })`: the node that stands behind `previous`. */
export function nodeCall(node: GraphNode, previous: string | undefined, names: DefinitionNames): Doc {
  const { node_id: id, depends_on: parents } = node;
  const goesOn = isWorker(node) && parents.length === 1 && parents[0] === previous;
  const method = isWorker(node) ? (goesOn ? "then" : "node") : "fn";
  const options = optionsOf(node, { names, hasAfter: !goesOn });
  const isPlain = typeof options !== "string" && options.kind === "list" && options.items.length === 0;
  return call(`.${method}`, [stringLiteral(id), definitionOf(node, names), ...(isPlain ? [] : [options])]);
}

function definitionOf(node: GraphNode, { handlers, fns }: DefinitionNames): string {
  const { fn = "" } = node.io ?? {};
  if (isWorker(node)) return handlers.get(node.type) ?? stringLiteral(node.type);
  return fns.get(fn) ?? stringLiteral(fn);
}

function optionsOf(node: GraphNode, given: { readonly names: DefinitionNames; readonly hasAfter: boolean }): Doc {
  const { depends_on: parents, retry_policy: retry, limits } = node;
  const args = isWorker(node) ? argsOf(node) : functionArgs(node);
  return objectOf({
    after: given.hasAfter && parents.length > 0 ? array(parents.map(stringLiteral)) : undefined,
    fanIn: text(node.fan_in),
    startWhen: text(node.io?.start_when),
    input: inputDoc(node, given.names),
    args: Object.keys(args).length === 0 ? undefined : argument(args),
    retry: retry === undefined ? undefined : renamed(retry as JsonObject),
    timeoutSec: number(node.timeout_sec),
    partitions: number(node.partitions),
    maxPendingBatches: number(node.io?.max_pending_batches),
    limits: limits === undefined || Object.keys(limits).length === 0 ? undefined : renamed(limits),
  });
}

const text = (value: string | undefined): Doc | undefined => (value === undefined ? undefined : stringLiteral(value));
const number = (value: number | undefined): Doc | undefined => (value === undefined ? undefined : literal(value));

const renamed = (json: JsonObject): Doc =>
  object(Object.entries(json).map(([key, value]) => property(builderName(key), literal(value))));

function inputDoc(node: GraphNode, { mayPropose }: DefinitionNames): Doc | undefined {
  const input = inputOf(node);
  if (input === undefined) return undefined;
  const { adapter, sources, aliases, args } = input;
  const isAll = aliases === undefined && sources.join() === node.depends_on.join();
  const isDefault = adapter === defaultAdapter && isAll && Object.keys(args).length === 0;
  if (isDefault && !mayPropose) return undefined;
  const from = aliases === undefined ? array(sources.map(stringLiteral)) : literal(aliases);
  const spelling = isBuiltInAdapter(adapter) ? builderName : (key: string) => key;
  return object([
    property("adapter", stringLiteral(adapter)),
    ...(isAll ? [] : [property("from", from)]),
    ...Object.entries(args).map(([key, value]) => property(spelling(key), literal(value))),
  ]);
}

/** Of a built-in function the builder has names of its own for the arguments, and for keys of ours inside. */
function functionArgs(node: GraphNode): JsonObject {
  const { fn = "", fn_args: args = {} } = node.io ?? {};
  const builtIn = builtInFunction(fn);
  if (builtIn === undefined || builtIn.takesAny) return args;
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => [
      builderName(key),
      key === builtIn.ownId?.arg && isObject(value) ? withBuilderNames(value) : value,
    ]),
  );
}

const withBuilderNames = (json: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(json).map(([key, value]) => [builderName(key), value]));
