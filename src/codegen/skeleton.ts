import { builtInAdapter } from "../builtins/input-adapters/index.ts";
import { isCoreReasonCode, type Json, type JsonObject } from "../errors/index.ts";
import { refsIn } from "../graph/format/params.ts";
import { isObject } from "../graph/format/plain-data.ts";
import { flowType, type GraphNode, isWorkerType } from "../graph/index.ts";
import { array, block, call, type Doc, object, sequence } from "./layout.ts";
import { objectOf, property, stringLiteral } from "./literals.ts";
import { argsOf, inputOf, isWorker, type SourceGraph } from "./source-graph.ts";
import { zodSource } from "./zod-source.ts";

/*
 * Skeletons of definitions: their schemas come from the graph, their methods throw until they are implemented.
 */

/** The definition of the handler for all nodes of a type. */
export function handlerSkeleton(type: string, source: SourceGraph): Doc {
  const nodes = source.nodes.filter((node) => node.type === type);
  const declared = source.graph.schemas?.[type];
  const isInner = nodes.some(({ depends_on: parents }) => parents.length > 0);
  const roots = nodes.filter(({ depends_on: parents }) => parents.length === 0);
  const takesInput = isInner || declared?.input !== undefined;
  // A root that does not produce batches receives its input as args.
  const isSource = roots.length > 0 && !(declared?.input !== undefined && roots.every((node) => isFed(node, source)));
  const fed = isSource ? nodes : nodes.filter((node) => !roots.includes(node));
  const codes = ownCodes(nodes);
  const what = `handler '${type}'`;
  return call("defineHandler", [
    stringLiteral(type),
    object([
      ...optional("args", handlerArgs(fed, source)),
      ...optional("input", takesInput ? inputSchema(nodes, source) : undefined),
      property("output", outputSchema(nodes, source)),
      ...optional("result", isAsked(nodes, source) ? "z.any()" : undefined),
      ...optional("errors", codes.length === 0 ? undefined : array(codes.map(stringLiteral))),
      ...(isSource ? [unwritten(what, "iterBatches")] : []),
      ...(takesInput ? [unwritten(what, "processBatch")] : []),
      ...(isAsked(nodes, source) ? [unwritten(what, "finalize")] : []),
    ]),
  ]);
}

/** Reason codes that only the handler itself can throw. */
function ownCodes(nodes: readonly GraphNode[]): readonly string[] {
  const codes = new Set(nodes.flatMap((node) => node.retry_policy?.permanent_on ?? []));
  return [...codes].filter((code) => !isCoreReasonCode(code));
}

export function functionSkeleton(name: string, source: SourceGraph): Doc {
  const nodes = source.nodes.filter((node) => node.io?.fn === name);
  const codes = ownCodes(nodes);
  const args = valuesSchema(
    nodes.map((node) => node.io?.fn_args ?? {}),
    source,
  );
  return call("defineCoordinatorFn", [
    stringLiteral(name),
    object([
      property("args", args),
      property("output", outputSchema(nodes, source)),
      ...optional("errors", codes.length === 0 ? undefined : array(codes.map(stringLiteral))),
      unwritten(`coordinator function '${name}'`, "run"),
    ]),
  ]);
}

export function adapterSkeleton(name: string, source: SourceGraph): Doc {
  const nodes = source.nodes.filter((node) => inputOf(node)?.adapter === name);
  const isTyped = nodes.some((node) => source.graph.schemas?.[node.type]?.input !== undefined);
  return call("defineInputAdapter", [
    stringLiteral(name),
    object([
      property(
        "args",
        valuesSchema(
          nodes.map((node) => inputOf(node)?.args ?? {}),
          source,
        ),
      ),
      ...optional("payload", isTyped ? "z.any()" : undefined),
      unwritten(`input adapter '${name}'`, "expand"),
    ]),
  ]);
}

const optional = (key: string, doc: Doc | undefined): Doc[] => (doc === undefined ? [] : [property(key, doc)]);

/** Throws a permanent error, because a retry cannot succeed. */
function unwritten(what: string, method: string): Doc {
  const error = call("throw new PermanentError", [
    stringLiteral("not_written"),
    stringLiteral(`${what}: ${method} is not implemented yet`),
  ]);
  return block(`${method}() {`, [sequence(error, ";")]);
}

function handlerArgs(nodes: readonly GraphNode[], source: SourceGraph): Doc | undefined {
  const given = nodes.map(argsOf);
  const declared = nodes[0] === undefined ? undefined : source.graph.schemas?.[nodes[0].type]?.args;
  if (declared !== undefined && given.every((args) => accepts(declared, args))) return zodSource(declared).source;
  return given.every((args) => Object.keys(args).length === 0) ? undefined : valuesSchema(given, source);
}

/** Whether a declared schema accepts the arguments of a node; parameter references fit everywhere. */
function accepts(declared: JsonObject, args: JsonObject): boolean {
  if (declared.type !== "object" || !isObject(declared.properties)) return false;
  const { properties, required = [] } = declared;
  const isThere = (key: Json) => Object.hasOwn(args, String(key));
  if (!Object.keys(args).every((key) => Object.hasOwn(properties, key))) return false;
  if (!Array.isArray(required) || !required.every(isThere)) return false;
  return Object.entries(args).every(([key, value]) => {
    const schema = properties[key];
    const isFilledIn = [...refsIn(value, [])].length > 0;
    return (
      isFilledIn ||
      (isObject(schema) && zodSource({ ...schema, $defs: declared.$defs ?? {} }).schema.safeParse(value).success)
    );
  });
}

/** Whether the arguments of a root include the input of its handler. */
function isFed(node: GraphNode, { graph }: SourceGraph): boolean {
  const { args = { type: "object", properties: {} }, input = {} } = graph.schemas?.[node.type] ?? {};
  const both = [args, input].map((schema: JsonObject) => ({
    properties: isObject(schema.properties) ? schema.properties : {},
    required: Array.isArray(schema.required) ? schema.required : [],
  }));
  const merged = {
    type: "object",
    properties: Object.assign({}, ...both.map(({ properties }) => properties)),
    required: both.flatMap(({ required }) => required),
  };
  return input.type === "object" && accepts(merged, argsOf(node));
}

/** A schema inferred from objects; a key that some of them lack is optional. */
function valuesSchema(given: readonly JsonObject[], { graph }: SourceGraph): Doc {
  const keys = [...new Set(given.flatMap(Object.keys))].sort();
  return call("z.object", [
    object(
      keys.map((key) => {
        const values = given.flatMap((args) => (Object.hasOwn(args, key) ? [args[key] as Json] : []));
        const isOptional = values.length < given.length ? ".optional()" : "";
        // zod accepts an inherited value as a present one.
        const kind = key in Object.prototype ? "z.any()" : kindOf(values, graph.params_schema);
        return property(key.replace(/^\$(\$+ref)$/, "$1"), sequence(kind, isOptional));
      }),
    ),
  ]);
}

function kindOf(values: readonly Json[], params: JsonObject | undefined): Doc {
  if (values.some((value) => [...refsIn(value, [])].length > 0)) return paramSchema(values, params) ?? "z.any()";
  const kinds = new Set(values.map((value) => typeof value));
  const [kind] = kinds;
  if (kinds.size === 1 && (kind === "string" || kind === "number" || kind === "boolean")) return `z.${kind}()`;
  // With parameters possible inside, the compiler would expand z.json() endlessly.
  return params === undefined ? "z.json()" : "z.any()";
}

/** The schema of a parameter, if it is required and is the only value of the key. */
function paramSchema(values: readonly Json[], params: JsonObject | undefined): Doc | undefined {
  const names = new Set(
    values.map((value) => (isObject(value) && typeof value.$ref === "string" ? value.$ref : undefined)),
  );
  const [ref] = names;
  const name = ref?.slice("params.".length) ?? "";
  const { properties, required } = params ?? {};
  if (names.size !== 1 || !isObject(properties) || !Array.isArray(required) || !required.includes(name))
    return undefined;
  const schema = properties[name];
  return isObject(schema) ? zodSource({ ...schema, $defs: params?.$defs ?? {} }).source : undefined;
}

/** Whether a node reads the failed batches or the outcomes of its sources, not their outputs. */
function readsNoOutputs(node: GraphNode): boolean {
  const { readsFailures, readsOutcomes } = builtInAdapter(inputOf(node)?.adapter ?? "") ?? {};
  return readsFailures === true || readsOutcomes === true;
}

/** Whether a condition uses the result of one of these nodes. */
function isAsked(nodes: readonly GraphNode[], source: SourceGraph): boolean {
  const ids = new Set(nodes.map(({ node_id: id }) => id));
  const conditions = source.nodes.flatMap(({ when }) => when ?? []);
  return conditions.some(({ results = {} }) => Object.keys(results).some((id) => ids.has(id)));
}

/** Consumers of any of these nodes. */
function readersOf(nodes: readonly GraphNode[], source: SourceGraph): readonly GraphNode[] {
  const ids = new Set(nodes.map(({ node_id: id }) => id));
  return source.nodes.filter(
    (node) => isWorker(node) && (inputOf(node)?.sources ?? node.depends_on).some((id) => ids.has(id)),
  );
}

function outputSchema(nodes: readonly GraphNode[], source: SourceGraph): Doc {
  const declared = nodes[0] === undefined ? undefined : source.graph.schemas?.[nodes[0].type]?.output;
  if (declared !== undefined) return zodSource(declared).source;
  const readers = readersOf(nodes, source);
  if (readers.some(({ type }) => source.graph.schemas?.[type]?.input !== undefined)) return "z.any()";
  if (readers.some(({ type }) => type === flowType)) return "z.any()"; // it has the type of the flow's parameter
  const lists = [...new Set(readers.flatMap((node) => inputOf(node)?.listKey ?? []))].sort();
  if (lists.length === 0) return "z.record(z.string(), z.json())";
  return call("z.object", [objectOf(Object.fromEntries(lists.map((key) => [key, "z.array(z.json())"])))]);
}

function inputSchema(nodes: readonly GraphNode[], source: SourceGraph): Doc {
  const declared = nodes[0] === undefined ? undefined : source.graph.schemas?.[nodes[0].type]?.input;
  if (declared !== undefined) return zodSource(declared).source;
  if (readersOf(nodes, source).some((node) => readsNoOutputs(node) && source.graph.schemas?.[node.type]?.input)) {
    return "z.any()";
  }
  // The compiler rejects types with optional keys, and the outputs of some functions and of flows, as z.json().
  const isPlain = nodes.every(
    (node) =>
      (node.fan_in === undefined || !builtInAdapter(inputOf(node)?.adapter ?? "")?.takesAliases) &&
      !readsNoOutputs(node) &&
      (inputOf(node)?.sources ?? node.depends_on).every((id) => {
        const parent = source.byId.get(id);
        return (
          parent !== undefined && isWorkerType(parent.type) && source.graph.schemas?.[parent.type]?.output === undefined
        );
      }),
  );
  return isPlain ? "z.json()" : "z.any()";
}
