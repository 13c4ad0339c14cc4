import { adapterName, adaptersOnWire, batchingAdapter, defaultAdapter } from "../../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { setFields } from "../../graph/format/known-keys.ts";
import { type Finding, flowType, type Graph, type GraphNode, workerTypes } from "../../graph/index.ts";
import type { TaskStartMessage } from "../messages/messages.ts";
import type { Failure } from "../model/records.ts";
import { type NodePlan, type Plan, planGraph } from "../plan/index.ts";

/** Node types that external workers serve: they exchange messages and do not read the store. */
export interface ExternalTypes {
  readonly types: ReadonlySet<string>;
  /** Handlers that start over after a failure, as far as they are known here. */
  readonly restarting: ReadonlySet<string>;
}

/** The nodes whose artifacts this node reads. */
export function externalSources({ routing, dependsOn }: NodePlan): readonly string[] {
  const named = routing?.args.from_nodes;
  return Array.isArray(named) ? named.filter((id) => typeof id === "string") : dependsOn;
}

/**
 * Whether an attempt may begin while a source is still running. Otherwise its sources are its parents, and it waits for
 * all of them to end.
 */
export function mayReadUnfinished(node: NodePlan): boolean {
  if (node.startsOnFirstBatch || !node.needsAll) return true;
  return externalSources(node).some((id) => !node.dependsOn.includes(id));
}

/** Everything its worker needs to know about its input: external workers do not know a graph's defaults. */
export function externalInput(node: NodePlan): JsonObject {
  const sources = externalSources(node);
  if (sources.length === 0) return node.args;
  const adapter = adapterName(node.routing?.adapter ?? defaultAdapter);
  return { ...node.args, input_adapter: adapter, input_args: { ...node.routing?.args, from_nodes: [...sources] } };
}

/** Refuses what external workers do not support, and limits that nothing would enforce. */
export function externalFindings(graph: Graph, external: ExternalTypes): readonly Finding[] {
  const served = workerTypes(graph).find((type) => external.types.has(type));
  if (served === undefined) return [];
  const plan = planGraph(graph);
  return graph.nodes.flatMap((node, index) => {
    if (node.type === flowType) {
      const message = `node '${node.node_id}' runs a flow, which is not supported in a task of external workers ('${served}')`;
      return [{ code: "GRAPH_UNSUPPORTED" as const, path: `/nodes/${index}/type`, message }];
    }
    return external.types.has(node.type)
      ? problemsOf(node, plan, external).map(({ at, text }) => ({
          code: "GRAPH_UNSUPPORTED" as const,
          path: `/nodes/${index}/${at}`,
          message: `node '${node.node_id}': '${node.type}' is served by external workers: ${text}`,
        }))
      : [];
  });
}

interface Problem {
  readonly at: string;
  readonly text: string;
}

function problemsOf(json: GraphNode, plan: Plan, { restarting }: ExternalTypes): readonly Problem[] {
  const node = plan.byId.get(json.node_id) as NodePlan;
  const adapter = adapterName(node.routing?.adapter ?? defaultAdapter);
  const sources = externalSources(node);
  const shards = mayReadUnfinished(node) ? sources.filter((id) => isSharded(plan, id)) : [];
  const [ending] = sources.filter((id) => plan.byId.get(id)?.holds !== undefined || plan.byId.get(id)?.optional);
  const [settingAside] = sources.filter((id) => plan.byId.get(id)?.batches.setsAside === true);
  const all: readonly (Problem & { readonly holds: boolean })[] = [
    { holds: restarting.has(node.type), at: "type", text: "they cannot restart, so it must be resumable" },
    ...setFields(json).map(({ field, path }) => ({
      holds: field.ownWorkersOnly === true,
      at: path.join("/"),
      text: `they do not support ${path.join(".")}`,
    })),
    {
      holds: !adaptersOnWire.includes(adapter),
      at: "io/input_inline/input_adapter",
      text: `they do not support adapter '${adapter}', only ${adaptersOnWire.map((name) => `'${name}'`).join(" and ")}`,
    },
    {
      holds: node.routing?.args.where !== undefined,
      at: "io/input_inline/input_args/where",
      text: "they read all batches of their sources: put a node of your own workers with this where before it",
    },
    {
      holds: ending !== undefined,
      at: "depends_on",
      text:
        `they wait for '${ending}' to be complete, which it is not when it is skipped or fails: leave out its when and ` +
        "its optional, or put a node of your own workers between them",
    },
    {
      holds: settingAside !== undefined,
      at: "depends_on",
      text:
        `they cannot tell a batch that '${settingAside}' set aside from an output, so it must not set any aside: leave ` +
        `out its on_failure "set_aside", or put a node of your own workers between them`,
    },
    {
      holds: shards.length > 0,
      at: node.startsOnFirstBatch ? "io/start_when" : node.needsAll ? "depends_on" : "fan_in",
      text:
        `they treat '${shards[0]}' as complete when its first partition is, so it must wait for all of it: in ` +
        `depends_on, with start_when "ready" and fan_in "all"`,
    },
  ];
  return all.filter(({ holds }) => holds);
}

const isSharded = (plan: Plan, id: Json): boolean => typeof id === "string" && (plan.byId.get(id)?.partitions ?? 1) > 1;

/** The known part of a graph that stays with its coordinator: the nodes of commands, and what these read. */
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

/** A field of the command that this worker does not support: it would produce different batches. */
export function commandProblem({ batching }: TaskStartMessage): Pick<Failure, "reasonCode" | "message"> | undefined {
  if (!isGiven(batching)) return undefined;
  const message = `the command has 'batching', which this worker does not support: split the input with input_adapter '${batchingAdapter}' in input_inline`;
  return { reasonCode: "bad_input_args", message };
}

/** Some coordinators send null or an empty object for a field that a node does not have. */
const isGiven = (value: Json | undefined): value is Json =>
  value !== undefined && value !== null && !(isObject(value) && Object.keys(value).length === 0);

function commandNode({ nodeId, type, inputInline, inputRef }: TaskStartMessage): GraphNode {
  const inline = isObject(inputInline) ? inputInline : {};
  const input = isGiven(inputRef) ? { ...inline, input_ref: inputRef } : inline;
  const io = { start_when: "first_batch", input_inline: input } as const;
  return { node_id: nodeId, type, depends_on: sourcesOf(input), io };
}

function sourcesOf({ input_args }: JsonObject): readonly string[] {
  const args = isObject(input_args) ? input_args : {};
  const named = args.from_nodes ?? args.from_node ?? [];
  return (Array.isArray(named) ? named : [named]).filter((id) => typeof id === "string");
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
