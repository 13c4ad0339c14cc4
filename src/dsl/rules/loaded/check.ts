import type {
  CoordinatorFunctionDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
} from "../../../definitions/index.ts";
import { FlowError, type Json, type JsonObject } from "../../../errors/index.ts";
import { contradictions, type GivenTypeSchemas, schemaParts, wireType } from "../../../graph/data/zod-data.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { argumentsOf, replaceRefs } from "../../../graph/format/params.ts";
import { type Graph, type GraphNode, validateGraph, workerTypes } from "../../../graph/index.ts";
import { paramReference } from "../../model/param.ts";
import { isSchema, withZodSchemas } from "../../model/schema.ts";
import type { Args } from "../args/check.ts";
import { type HandlerStep, handlerFindings, handlerSchemas } from "../args/check.ts";
import { parentFindings } from "../handler/check.ts";
import { paramFindings } from "../params/check.ts";

/** The options of `fromGraph`, unchecked. */
export interface LoadOptions {
  readonly handlers?: unknown;
  readonly adapters?: unknown;
  readonly fns?: unknown;
  readonly schemas?: unknown;
}

export interface LoadedWith {
  readonly handlers: ReadonlyMap<string, HandlerDefinition>;
  readonly adapters: readonly InputAdapterDefinition[];
  readonly fns: readonly CoordinatorFunctionDefinition[];
  readonly schemas: Readonly<Record<string, GivenTypeSchemas>>;
}

/** @throws FlowError `FLOW_INVALID` when an option is invalid, or two definitions share a name */
export function readLoadOptions({ handlers = [], adapters = [], fns = [], schemas = {} }: LoadOptions): LoadedWith {
  const list = isRecord(handlers) ? Object.values(handlers) : handlers;
  if (!isListOf(list, "handler")) throw wrong("handlers", "a list or record of handlers made by defineHandler()");
  if (!isListOf(adapters, "inputAdapter"))
    throw wrong("adapters", "a list of input adapters made by defineInputAdapter()");
  if (!isListOf(fns, "coordinatorFn")) throw wrong("fns", "a list of functions made by defineCoordinatorFn()");
  if (!isSchemas(schemas)) throw wrong("schemas", "schemas by node type: { type: { args?, input?, output? } }");
  return {
    handlers: byName("handlers", list as readonly HandlerDefinition[]),
    adapters: [...byName("input adapters", adapters as readonly InputAdapterDefinition[]).values()],
    fns: [...byName("coordinator functions", fns as readonly CoordinatorFunctionDefinition[]).values()],
    schemas: Object.fromEntries(Object.entries(schemas).map(([type, parts]) => [type, withZodSchemas(parts)])),
  };
}

const wrong = (option: string, needs: string) =>
  new FlowError("FLOW_INVALID", formatMessage("loadOption", { option, needs }));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isListOf = (value: unknown, kind: string): boolean =>
  Array.isArray(value) && value.every((item) => isRecord(item) && item.kind === kind);

const isSchemas = (value: unknown): value is LoadedWith["schemas"] =>
  isRecord(value) &&
  Object.values(value).every(
    (parts) =>
      isRecord(parts) &&
      Object.entries(parts).every(([part, schema]) => {
        return schemaParts.some((known) => known === part) && (schema === undefined || isSchema(schema));
      }),
  );

function byName<TDefinition extends { readonly name: string }>(
  what: string,
  definitions: readonly TDefinition[],
): ReadonlyMap<string, TDefinition> {
  const found = new Map<string, TDefinition>();
  for (const definition of definitions) {
    const { name } = definition;
    const other = found.get(name);
    if (other !== undefined && other !== definition) {
      throw new FlowError("FLOW_INVALID", formatMessage("twoOfOneName", { what, name }));
    }
    found.set(name, definition);
  }
  return found;
}

/** The code that a graph is loaded with matches the graph. */
export function loadedFindings(graph: Graph, given: LoadedWith): string[] {
  const findings = definitionFindings(graph, given);
  return findings.length > 0 ? findings : edgeFindings(graph, given);
}

/** The handlers match each other, where the graph has no schemas of them. */
function edgeFindings(graph: Graph, { handlers, fns, adapters }: LoadedWith): string[] {
  const validation = validateGraph(graph, { handlers: [...handlers.values()], functions: fns, adapters });
  return validation.ok ? [] : validation.findings.map(({ message }) => message);
}

function definitionFindings(graph: Graph, { handlers, schemas }: LoadedWith): string[] {
  const types = new Set(workerTypes(graph));
  const all = [...types].join(", ");
  const unlessKnown = (type: string, message: string) => (types.has(type) ? [] : [withHint(message, type, types)]);
  return [
    ...[...handlers.keys()].flatMap((handler) =>
      unlessKnown(handler, formatMessage("handlerOfNoType", { handler, types: all })),
    ),
    ...Object.keys(schemas).flatMap((type) =>
      unlessKnown(type, formatMessage("schemasOfNoType", { type, types: all })),
    ),
    ...[...handlers].flatMap(([name, handler]) => contradictions(`handler '${name}'`, handler, graph.schemas?.[name])),
    ...Object.entries(schemas).flatMap(([type, given]) =>
      contradictions(`schemas.${type}`, given, graph.schemas?.[type]),
    ),
    ...nodeFindings(graph, handlers).map(({ message }) => message),
  ];
}

/** Nodes have the parents and the arguments that their handlers accept. */
export function nodeFindings(
  graph: Graph,
  handlers: ReadonlyMap<string, HandlerDefinition>,
): readonly { readonly index: number; readonly message: string }[] {
  return graph.nodes.flatMap((node, index) => {
    const handler = handlers.get(node.type);
    return handler === undefined ? [] : findingsOf(node, handler, graph).map((message) => ({ index, message }));
  });
}

function findingsOf(node: GraphNode, handler: HandlerDefinition, graph: Graph): readonly string[] {
  const { node_id: id, depends_on: after } = node;
  const step = { id, handler, options: { after } };
  const args = builderArguments(node);
  return [
    ...parentFindings(handler, { node: id, after }),
    ...handlerFindings(step, args),
    ...paramTypes({ step, args, graph }),
  ];
}

/** Parameters have the types that their places need. Not checked for a graph without `params_schema`. */
function paramTypes(of: { readonly step: HandlerStep; readonly args: Args; readonly graph: Graph }): readonly string[] {
  const { params_schema: paramsSchema, schemas } = of.graph;
  if (paramsSchema === undefined) return [];
  const head = { name: undefined, paramsSchema: undefined, inputAdapters: [], loaded: { paramsSchema, schemas } };
  return paramFindings(of.args, handlerSchemas(of.step).map(wireType), head);
}

/** A node's arguments in the builder's form: with {@link paramReference} for references, and keys unescaped. */
function builderArguments(node: GraphNode): Args {
  const [own] = argumentsOf(node.io ?? {});
  if (own === undefined) return {};
  // Only checks that know references read this value.
  const asParam = ({ name = [] }: { readonly name: readonly string[] | undefined }) =>
    paramReference(name.join(".")) as unknown as Json;
  return replaceRefs(own.value, [], asParam) as JsonObject;
}
