import type { Json, JsonObject } from "../../errors/index.ts";
import type { Graph, GraphNode } from "../../graph/index.ts";
import type { Failure } from "../model.ts";
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

/** What the command asks for that nobody here would do: its batches would be others than it says. */
export function problemOf({ batching }: TaskStartMessage): Pick<Failure, "reasonCode" | "message"> | undefined {
  if (!says(batching)) return undefined;
  const message =
    "the command has a 'batching', which this worker does not read: say how its input is cut with input_adapter 'pull.from_artifacts.rechunk:size' in input_inline";
  return { reasonCode: "bad_input_args", message };
}

/** Some coordinators send what a node doesn't have as null, or as an empty object. */
const says = (value: Json | undefined): value is Json =>
  value !== undefined && value !== null && !(isObject(value) && Object.keys(value).length === 0);

function commandNode({ nodeId, type, inputInline, inputRef }: TaskStartMessage): GraphNode {
  const inline = isObject(inputInline) ? inputInline : {};
  const input = says(inputRef) ? { ...inline, input_ref: inputRef } : inline;
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
