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
  const parents = parentsByEdges(edges as readonly (readonly [string, string])[] | undefined);
  const long = nodes.map((node) => normaliseNode(node, parents));
  const graph = {
    schema_version: "1.0",
    ...(name === undefined ? {} : { name }),
    nodes: long,
    edges: long.flatMap((node) => node.depends_on.map((parent) => [parent, node.node_id])),
    ...rest,
  };
  return deepFreeze(graph) as unknown as Graph;
}

function normaliseNode(node: JsonObject, parents: ReadonlyMap<string, readonly string[]>) {
  const { node_id: id, type, depends_on: dependsOn, io, ...others } = node;
  const rest = Object.fromEntries(Object.entries(others).filter(([key]) => !isRuntimeKey(key)));
  return {
    node_id: id,
    type,
    depends_on: (dependsOn as readonly string[] | undefined) ?? parents.get(id as string) ?? [],
    ...rest,
    ...(isObject(io) ? { io: normaliseIo(io) } : {}),
  };
}

const isRuntimeKey = (key: string): boolean => (runtimeKeys as readonly string[]).includes(key);

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
