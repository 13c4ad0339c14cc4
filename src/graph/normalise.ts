import type { Json, JsonObject } from "../errors/index.ts";
import { spellOutArgs } from "./adapter-args.ts";
import { adapterName } from "./adapters.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { isObject } from "./plain-data.ts";
import { runtimeKeys } from "./shape-codes.ts";
import type { Graph } from "./types.ts";

/**
 * The long form of a graph that passed every check: each thing said in one way, defaults left as they were written.
 *
 * @param valid - a copy of our own
 */
export function normalise(valid: Json): Graph {
  const { $schema: _, schema_version: __, name, nodes, edges, ...rest } = valid as JsonObject & { nodes: JsonObject[] };
  const unsaid = nodes.some((node) => node.depends_on === undefined);
  const parents = parentsByEdges(unsaid ? (edges as readonly (readonly [string, string])[] | undefined) : []);
  const long = nodes.map((node) => normaliseNode(node, parents));
  const drawn: Json[] = [];
  for (const node of long) for (const parent of node.depends_on) drawn.push([parent, node.node_id as string]);
  const graph = {
    schema_version: "1.0",
    ...(name === undefined ? {} : { name }),
    nodes: long,
    edges: drawn,
    ...rest,
  };
  return deepFreeze(graph) as unknown as Graph;
}

function normaliseNode(node: JsonObject, parents: ReadonlyMap<string, readonly string[]>) {
  const { node_id: id, type, depends_on: dependsOn, io } = node;
  const long: { [key: string]: Json | readonly string[] | undefined; depends_on: readonly string[] } = {
    node_id: id,
    type,
    depends_on: (dependsOn as readonly string[] | undefined) ?? parents.get(id as string) ?? [],
  };
  for (const key in node) if (!writtenApart.has(key)) long[key] = node[key];
  if (isObject(io)) long.io = normaliseIo(io);
  return long;
}

const writtenApart: ReadonlySet<string> = new Set(["node_id", "type", "depends_on", "io", ...runtimeKeys]);

function normaliseIo(io: JsonObject): JsonObject {
  const inline = io.input_inline;
  if (!isObject(inline) || typeof inline.input_adapter !== "string") return io;
  const { input_adapter: adapter, input_args: args, ...own } = inline;
  return {
    ...io,
    input_inline: {
      input_adapter: adapterName(adapter as string),
      ...(isObject(args) ? { input_args: spellOutArgs(args) } : {}),
      ...own,
    },
  };
}

function parentsByEdges(edges: readonly (readonly [string, string])[] = []): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, string[]>();
  for (const [from, to] of edges) {
    const known = parents.get(to);
    if (known === undefined) parents.set(to, [from]);
    else known.push(from);
  }
  return parents;
}
