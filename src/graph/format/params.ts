import { FlowError, type Json, type JsonObject } from "../../errors/index.ts";
import { defaultGraphLimits } from "./limits.ts";
import { formatMessage, shown } from "./messages.ts";
import { delaySeconds, type GraphNode, type InputInline, limitKey, type NodeIo } from "./node-fields.ts";
import { deepFreeze, excessOf, isObject } from "./plain-data.ts";
import { type Path, pointer } from "./pointer.ts";
import type { Graph } from "./types.ts";

/*
 * `{ "$ref": "params.date" }` in a handler's own arguments or in `fn_args` stands for a parameter of the task. A
 * literal key `$ref` is written `$$ref`, a literal `$$ref` is written `$$$ref`, and so on.
 */

const refKey = "$ref";
const escapedKey = /^\$\$+ref$/;
const refForm = /^params(?:\.[^.]+)+$/;

/** An object with the key `$ref`. */
export interface FoundRef {
  readonly path: Path;
  /** Names from the params down; `undefined` if it is not a valid reference. */
  readonly name: readonly string[] | undefined;
  /** Whether `$ref` is the only key. */
  readonly alone: boolean;
  readonly value: Json;
}

/** All references inside a value, in document order. */
export function* refsIn(value: Json | undefined, path: Path): Generator<FoundRef> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* refsIn(item, [...path, index]);
  } else if (isObject(value)) {
    const ref = value[refKey];
    if (ref !== undefined) {
      const name = typeof ref === "string" && refForm.test(ref) ? ref.split(".").slice(1) : undefined;
      yield { path, name, alone: Object.keys(value).length === 1, value: ref };
    } else {
      for (const [key, inner] of Object.entries(value)) yield* refsIn(inner, [...path, key]);
    }
  }
}

/** A part of a node that may contain references, such as `input_inline` without the routing or `fn_args`, or that may be one. */
export interface ArgumentsPart {
  readonly key: "input_inline" | "fn_args" | "delay_sec" | "limits";
  /** The path from `key` down. */
  readonly inside: Path;
  readonly value: JsonObject;
  /** Only the part as a whole can be a reference. */
  readonly isRef?: true;
}

const isRouting = (key: string): boolean => key === "input_adapter" || key === "input_args";

export function argumentsOf(node: {
  readonly input_inline?: InputInline;
  readonly fn_args?: JsonObject;
  readonly delay_sec?: GraphNode["delay_sec"];
  readonly limits?: GraphNode["limits"];
}): readonly ArgumentsPart[] {
  const parts: ArgumentsPart[] = [];
  const { input_inline: inline, fn_args: args, delay_sec: delay, limits: { key } = {} } = node;
  if (inline !== undefined && Object.keys(inline).some((key) => !isRouting(key))) {
    const { input_adapter: _, input_args: __, ...own } = inline;
    parts.push({ key: "input_inline", inside: [], value: own as JsonObject });
  }
  if (args !== undefined) parts.push({ key: "fn_args", inside: [], value: args });
  if (typeof delay === "object") parts.push({ key: "delay_sec", inside: [], value: delay, isRef: true });
  if (isObject(key)) parts.push({ key: "limits", inside: ["key"], value: key, isRef: true });
  return parts;
}

/** The value with references replaced by `lookup` and escaped keys unescaped; the same object if nothing changes. */
export function replaceRefs(value: Json, path: Path, lookup: (ref: FoundRef) => Json): Json {
  if (Array.isArray(value)) {
    const items = value.map((item: Json, index) => replaceRefs(item, [...path, index], lookup));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (!isObject(value)) return value;
  if (value[refKey] !== undefined) {
    const [ref] = refsIn(value, path);
    return ref === undefined ? value : lookup(ref);
  }
  let changed = false;
  const entries = Object.entries(value).map(([key, inner]) => {
    const replaced = replaceRefs(inner, [...path, key], lookup);
    const plainKey = escapedKey.test(key) ? key.slice(1) : key;
    changed ||= replaced !== inner || plainKey !== key;
    return [plainKey, replaced] as const;
  });
  return changed ? Object.fromEntries(entries) : value;
}

/** A place in a graph that a parameter of the task replaces. */
export interface ParamRef {
  readonly nodeId: string;
  /** JSON pointer within the graph. */
  readonly path: string;
  /** Names from the params down: `["range", "from"]` for `params.range.from`. */
  readonly name: readonly string[];
}

/**
 * All parameter references in a graph, in document order.
 *
 * @example
 * findParamRefs(graph)
 * // [{ nodeId: "extract", path: "/nodes/0/io/input_inline/date", name: ["date"] }]
 */
export function findParamRefs(graph: Graph): readonly ParamRef[] {
  return graph.nodes.flatMap((node, index) =>
    argumentsOf({ ...node, ...node.io }).flatMap(({ key, inside, value, isRef }) =>
      [...refsIn(value, ["nodes", index, ...(isRef ? [] : ["io"]), key, ...inside])].flatMap((ref) =>
        ref.name === undefined ? [] : [{ nodeId: node.node_id, path: pointer(ref.path), name: ref.name }],
      ),
    ),
  );
}

/**
 * The graph of one task: parameter references are replaced by the parameters, `$$ref` by `$ref`. All references to a
 * parameter share one frozen copy.
 *
 * @example
 * const graph = parseGraph({ nodes: [{ node_id: "a", type: "x", io: { input_inline: { date: { $ref: "params.date" } } } }] })
 * resolveParams(graph, { date: "2026-11-24" }).nodes[0]?.io // { input_inline: { date: "2026-11-24" } }
 *
 * @returns the same object if the graph has no references
 * @throws FlowError `PARAMS_INVALID` naming the missing parameters and their nodes; `details.missing` contains them as
 * data; or naming a parameter that is not a number of seconds where it replaces a delay, or is neither text nor a number
 * where it is the key of a limit
 * @throws FlowError `PARAMS_TOO_LARGE` if the result exceeds the limits of a graph
 */
export function resolveParams(graph: Graph, params: JsonObject): Graph {
  const copies = new Map<Json, Json>();
  const missing: { nodeId: string; path: string; name: string }[] = [];
  const nodes = graph.nodes.map((node, index) =>
    resolveNode(node, (ref) => {
      const value = ref.name === undefined ? undefined : parameter(params, ref.name);
      if (value !== undefined) return shared(value, copies);
      const at = pointer(["nodes", index, ...ref.path]);
      missing.push({ nodeId: node.node_id, path: at, name: ref.name?.join(".") ?? String(ref.value) });
      return null;
    }),
  );
  if (missing.length > 0) {
    const lines = missing.map(
      ({ nodeId, name, path }) => `${formatMessage("paramMissing", { node: nodeId, name })} (${path})`,
    );
    throw new FlowError("PARAMS_INVALID", lines.join("\n"), { details: { missing } });
  }
  checkKinds(nodes, graph);
  if (nodes.every((node, index) => node === graph.nodes[index])) return graph;
  const filled = { ...graph, nodes };
  const excess = excessOf(filled, defaultGraphLimits);
  if (excess !== undefined) {
    const key = excess === "maxBytes" ? "filledTooLarge" : "filledTooDeep";
    throw new FlowError("PARAMS_TOO_LARGE", formatMessage(key, { limit: defaultGraphLimits[excess] }));
  }
  return deepFreeze(filled);
}

function shared(value: Json, copies: Map<Json, Json>): Json {
  const copy = copies.get(value) ?? deepFreeze(structuredClone(value));
  copies.set(value, copy);
  return copy;
}

function resolveNode(json: GraphNode, lookup: (ref: FoundRef) => Json): GraphNode {
  const node = resolveKey(resolveDelay(json, lookup), lookup);
  if (node.io === undefined) return node;
  let io: NodeIo = node.io;
  for (const { key, value } of argumentsOf(node.io)) {
    const resolved = replaceRefs(value, ["io", key], lookup);
    if (resolved === value || !isObject(resolved)) continue;
    io = key === "fn_args" ? { ...io, fn_args: resolved } : { ...io, input_inline: withRouting(resolved, node.io) };
  }
  return io === node.io ? node : { ...node, io };
}

function resolveDelay(node: GraphNode, lookup: (ref: FoundRef) => Json): GraphNode {
  const { delay_sec: delay } = node;
  return typeof delay === "object" ? { ...node, delay_sec: replaceRefs(delay, ["delay_sec"], lookup) as number } : node;
}

function resolveKey(node: GraphNode, lookup: (ref: FoundRef) => Json): GraphNode {
  const { key } = node.limits ?? {};
  return isObject(key)
    ? { ...node, limits: { ...node.limits, key: replaceRefs(key, ["limits", "key"], lookup) } }
    : node;
}

function checkKinds(nodes: readonly GraphNode[], { nodes: written }: Graph): void {
  const refuse = (message: "delayParam" | "limitKeyParam", node: string, ref: object, actual: unknown) => {
    const name = String((ref as JsonObject).$ref).replace("params.", "");
    throw new FlowError("PARAMS_INVALID", formatMessage(message, { node, name, actual: shown(actual) }));
  };
  for (const [index, { node_id: node, delay_sec: delay, limits }] of nodes.entries()) {
    const delayRef = written[index]?.delay_sec;
    const keyRef = written[index]?.limits?.key;
    if (typeof delayRef === "object" && !delaySeconds.safeParse(delay).success)
      refuse("delayParam", node, delayRef, delay);
    if (isObject(keyRef) && !limitKey.safeParse(limits?.key).success)
      refuse("limitKeyParam", node, keyRef, limits?.key);
  }
}

function withRouting(own: JsonObject, { input_inline: { input_adapter: adapter, input_args: args } = {} }: NodeIo) {
  return {
    ...(adapter === undefined ? {} : { input_adapter: adapter }),
    ...(args === undefined ? {} : { input_args: args }),
    ...own,
  };
}

/** Own properties only: `params.constructor` is not a parameter, nor is the length of a list. */
function parameter(params: JsonObject, name: readonly string[]): Json | undefined {
  let value: Json | undefined = params;
  for (const part of name) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    if (Array.isArray(value) && !/^\d+$/.test(part)) return undefined;
    value = (value as JsonObject)[part];
  }
  return value;
}
