import { builtInFunction } from "../builtins/coordinator-functions/index.ts";
import { signalSchema } from "../builtins/coordinator-functions/wait-signal.ts";
import { defaultAdapter, isBuiltInAdapter } from "../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../errors/index.ts";
import { batchFields, type Field, type FieldTable, ioFields, nodeFields } from "../graph/format/node-fields.ts";
import { isObject } from "../graph/format/plain-data.ts";
import { flowType, type GraphNode } from "../graph/index.ts";
import { awaitsSignal } from "../graph/mermaid.ts";
import { builderName } from "./identifiers.ts";
import { array, call, type Doc, object } from "./layout.ts";
import { argument, literal, objectOf, patternDoc, property, stringLiteral } from "./literals.ts";
import { argsOf, inputOf, isWorker } from "./source-graph.ts";
import { zodSource } from "./zod-source.ts";

/** The identifiers of definitions in the source. */
export interface DefinitionNames {
  readonly handlers: ReadonlyMap<string, string>;
  readonly fns: ReadonlyMap<string, string>;
  /** Of the flows that nodes run. */
  readonly flows: ReadonlyMap<string, string>;
  /** Whether handlers may suggest other adapters, so that the default one must be written. */
  readonly mayPropose: boolean;
}

/** `.then("clean", clean, { ... })`: the call that adds a node after `previous`. */
export function nodeCall(node: GraphNode, previous: string | undefined, names: DefinitionNames): Doc {
  const { node_id: id, depends_on: parents } = node;
  const goesOn = isWorker(node) && parents.length === 1 && parents[0] === previous;
  const method = isWorker(node) ? (goesOn ? "then" : "node") : "fn";
  const options = optionsOf(node, { names, hasAfter: !goesOn });
  if (awaitsSignal(node)) return call(".wait", [stringLiteral(id), waitOptions(node)]);
  const isPlain = typeof options !== "string" && options.kind === "list" && options.items.length === 0;
  return call(`.${method}`, [stringLiteral(id), definitionOf(node, names), ...(isPlain ? [] : [options])]);
}

function waitOptions(node: GraphNode): Doc {
  const { depends_on: parents, io } = node;
  const { when, optional, timeoutSec } = optionDocs(node, nodeFields);
  const onTimeout = io?.fn_args?.on_timeout;
  return objectOf({
    after: parents.length > 0 ? array(parents.map(stringLiteral)) : undefined,
    when,
    payload: zodSource(signalSchema(io?.fn_args ?? {})).source,
    timeoutSec,
    onTimeout: onTimeout === undefined ? undefined : argument(onTimeout),
    optional,
  });
}

function definitionOf(node: GraphNode, { handlers, fns, flows }: DefinitionNames): Doc {
  const { fn = "", flow = "", item = "", settled } = node.io ?? {};
  if (node.type === flowType) {
    const options = { item: stringLiteral(item), settled: settled ? "true" : undefined };
    return call("asHandler", [flows.get(flow) ?? "", objectOf(options)]);
  }
  if (isWorker(node)) return handlers.get(node.type) ?? stringLiteral(node.type);
  return fns.get(fn) ?? stringLiteral(fn);
}

function optionsOf(node: GraphNode, given: { readonly names: DefinitionNames; readonly hasAfter: boolean }): Doc {
  const { depends_on: parents } = node;
  const args = isWorker(node) ? argsOf(node) : functionArgs(node);
  const { fanIn, ...others } = optionDocs(node, nodeFields);
  return objectOf({
    after: given.hasAfter && parents.length > 0 ? array(parents.map(stringLiteral)) : undefined,
    fanIn,
    ...optionDocs(node.io ?? {}, ioFields),
    ...optionDocs(node.batches ?? {}, batchFields),
    where: isWorker(node) ? whereDoc(node) : undefined,
    input: inputDoc(node, given.names),
    args: Object.keys(args).length === 0 ? undefined : argument(args),
    ...others,
  });
}

/** The options that are fields of the graph. */
function optionDocs(object: object, fields: FieldTable): Record<string, Doc> {
  const values = new Map<string, Json | object>(Object.entries(object));
  const docs: Record<string, Doc> = {};
  const inside: Record<string, Record<string, Doc>> = {};
  for (const [key, field] of Object.entries(fields)) {
    const { option, within } = field;
    const value = values.get(key);
    if (option === undefined || value === undefined) continue;
    const doc = optionDoc(value as Json, field);
    if (within === undefined) docs[option] = doc;
    else {
      inside[within] = { ...inside[within], [option]: doc };
      docs[within] = objectOf(inside[within]);
    }
  }
  return docs;
}

function optionDoc(value: Json, { spelling = {}, written, fields }: Field): Doc {
  if (written === "argument") return argument(value);
  if (written === "pattern") return Array.isArray(value) ? array(value.map(patternDoc)) : patternDoc(value);
  if (fields !== undefined) return objectOf(optionDocs(value as object, fields));
  return literal(typeof value === "string" ? (spelling[value] ?? value) : value);
}

function whereDoc(node: GraphNode): Doc | undefined {
  const where = inputOf(node)?.where;
  return where === undefined ? undefined : patternDoc(where);
}

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

/** The arguments in the builder's spelling, if the function is built in. */
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
