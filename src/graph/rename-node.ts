import { builtInFunction } from "../builtins/coordinator-functions/index.ts";
import { adapterName, builtInAdapter } from "../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../errors/index.ts";
import type { Condition, GraphNode, InputInline, NodeIo } from "./format/node-fields.ts";
import { isObject } from "./format/plain-data.ts";

export interface Renaming {
  readonly idOf: (id: string) => string;
  /** Arguments that contain node ids, if its function is not built in. */
  readonly nodeArgs: readonly string[];
}

/**
 * Renames node ids wherever a node refers to itself or to others. The input of its code stays the same: a gather keyed
 * by node ids keeps these keys as aliases.
 *
 * @example
 * renameNode(
 *   { node_id: "b", type: "t", depends_on: ["a"], io: { input_inline: { input_adapter: "pull.gather" } } },
 *   { idOf: (id) => `eu.${id}`, nodeArgs: [] },
 * )
 * // {
 * //   node_id: "eu.b", type: "t", depends_on: ["eu.a"],
 * //   io: { input_inline: { input_adapter: "pull.gather", input_args: { from: { a: "eu.a" } } } },
 * // }
 */
export function renameNode(node: GraphNode, renaming: Renaming): GraphNode {
  const { node_id, depends_on, when, io } = node;
  return {
    ...node,
    node_id: renaming.idOf(node_id),
    depends_on: depends_on.map(renaming.idOf),
    ...(when === undefined ? {} : { when: renamedWhen(when, renaming) }),
    ...(io === undefined ? {} : { io: renamedIo(io, node, renaming) }),
  };
}

function renamedWhen(when: NonNullable<GraphNode["when"]>, renaming: Renaming): NonNullable<GraphNode["when"]> {
  if (Array.isArray(when)) return when.map((one: Condition) => renamedCondition(one, renaming));
  return renamedCondition(when as Condition, renaming);
}

function renamedCondition({ status, results, ...rest }: Condition, { idOf }: Renaming): Condition {
  const renamedKeys = (byNode: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(byNode).map(([id, pattern]) => [idOf(id), pattern]));
  return {
    ...rest,
    ...(status === undefined ? {} : { status: renamedKeys(status) }),
    ...(results === undefined ? {} : { results: renamedKeys(results) }),
  };
}

function renamedIo(io: NodeIo, { depends_on }: GraphNode, renaming: Renaming): NodeIo {
  const { input_inline: inline, fn, fn_args: args } = io;
  return {
    ...io,
    ...(inline?.input_adapter === undefined
      ? {}
      : { input_inline: { ...inline, input_args: renamedSources(inline, depends_on, renaming) } }),
    ...(fn === undefined || args === undefined ? {} : { fn_args: renamedArgs(fn, args, renaming) }),
  };
}

function renamedSources(
  { input_adapter: adapter, input_args: args = {} }: InputInline,
  parents: readonly string[],
  { idOf }: Renaming,
): JsonObject {
  const { from_nodes: list, from, ...rest } = args;
  if (isObject(from)) return { ...args, from: mapValues(from, (id) => renamed(id, idOf)) };
  if (builtInAdapter(adapterName(adapter ?? ""))?.takesAliases) {
    const ids = Array.isArray(list) ? list.map(String) : parents;
    return { from: Object.fromEntries(ids.map((id) => [id, idOf(id)])), ...rest };
  }
  return list === undefined ? args : { ...args, from_nodes: renamed(list, idOf) };
}

function renamedArgs(fn: string, args: JsonObject, { idOf, nodeArgs }: Renaming): JsonObject {
  const { reads, ownId } = builtInFunction(fn) ?? {};
  const named = reads === undefined ? nodeArgs : [reads.arg];
  return mapEntries(args, (key, value) => {
    if (named.includes(key)) return renamed(value, idOf);
    if (key !== ownId?.arg || !isObject(value)) return value;
    return mapEntries(value, (inner, id) => (inner === ownId.key ? renamed(id, idOf) : id));
  });
}

/** A node id, or a list of them. */
function renamed(value: Json, idOf: Renaming["idOf"]): Json {
  if (typeof value === "string") return idOf(value);
  return Array.isArray(value) ? value.map((item: Json) => renamed(item, idOf)) : value;
}

const mapEntries = (object: JsonObject, change: (key: string, value: Json) => Json): JsonObject =>
  Object.fromEntries(
    Object.entries(object).flatMap(([key, value]) => (value === undefined ? [] : [[key, change(key, value)]])),
  );

const mapValues = (object: JsonObject, change: (value: Json) => Json): JsonObject =>
  mapEntries(object, (_key, value) => change(value));
