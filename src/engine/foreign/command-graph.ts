import type { Json, JsonObject } from "../../errors/index.ts";
import type { Graph, GraphNode } from "../../graph/index.ts";
import type { TaskStartMessage } from "../protocol/messages.ts";

/** What is known of a task whose graph stays with its coordinator: the nodes of commands, and what these read. */
export function commandGraph(commands: readonly TaskStartMessage[]): Graph {
  const nodes = new Map<string, GraphNode>(commands.map((command) => [command.nodeId, commandNode(command)]));
  for (const { depends_on } of [...nodes.values()]) {
    for (const id of depends_on) if (!nodes.has(id)) nodes.set(id, { node_id: id, type: "elsewhere", depends_on: [] });
  }
  const edges = [...nodes.values()].flatMap(({ node_id, depends_on }) =>
    depends_on.map((parent) => [parent, node_id] as const),
  );
  return { schema_version: "1.0", nodes: [...nodes.values()], edges };
}

function commandNode({ nodeId, type, inputInline }: TaskStartMessage): GraphNode {
  const input = isObject(inputInline) ? inputInline : {};
  const io = { start_when: "first_batch", input_inline: input } as const;
  return { node_id: nodeId, type, depends_on: sourcesOf(input), io };
}

function sourcesOf({ input_args }: JsonObject): readonly string[] {
  const args = isObject(input_args) ? input_args : {};
  const named = args.from_nodes ?? args.from_node ?? [];
  return (Array.isArray(named) ? named : [named]).filter((id) => typeof id === "string");
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
