import { adapterName, adaptersOnWire, defaultAdapter } from "../../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { Finding, Graph } from "../../graph/index.ts";
import { type NodePlan, type Plan, planGraph } from "../plan/index.ts";

/** Node types that external workers serve: they exchange messages and do not read the store. */
export interface ExternalTypes {
  readonly types: ReadonlySet<string>;
  /** Handlers that start over after a failure, as far as they are known here. */
  readonly restarting: ReadonlySet<string>;
}

/** The nodes whose artifacts it reads. */
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

/** Refuses what external workers do not support or nothing could enforce. */
export function externalFindings(graph: Graph, external: ExternalTypes): readonly Finding[] {
  if (!graph.nodes.some(({ type }) => external.types.has(type))) return [];
  const plan = planGraph(graph);
  return plan.nodes.flatMap((node, index) =>
    external.types.has(node.type)
      ? problemsOf(node, plan, external).map(({ at, words }) => ({
          code: "GRAPH_UNSUPPORTED" as const,
          path: `/nodes/${index}/${at}`,
          message: `node '${node.id}': '${node.type}' is served by external workers: ${words}`,
        }))
      : [],
  );
}

interface Problem {
  readonly at: string;
  readonly words: string;
}

function problemsOf(node: NodePlan, plan: Plan, { restarting }: ExternalTypes): readonly Problem[] {
  const adapter = adapterName(node.routing?.adapter ?? defaultAdapter);
  const shards = mayReadUnfinished(node) ? externalSources(node).filter((id) => isSharded(plan, id)) : [];
  const all: readonly (Problem & { readonly holds: boolean })[] = [
    { holds: restarting.has(node.type), at: "type", words: "they cannot restart, so it must be resumable" },
    { holds: node.partitions > 1, at: "partitions", words: "they do not support partitions" },
    { holds: node.timeoutMs !== undefined, at: "timeout_sec", words: "they do not enforce timeout_sec" },
    { holds: node.maxRunning !== undefined, at: "limits", words: "they do not enforce limits" },
    {
      holds: node.maxPendingBatches !== undefined,
      at: "io/max_pending_batches",
      words: "they do not enforce max_pending_batches",
    },
    {
      holds: !adaptersOnWire.includes(adapter),
      at: "io/input_inline/input_adapter",
      words: `they do not support adapter '${adapter}', only ${adaptersOnWire.map((name) => `'${name}'`).join(" and ")}`,
    },
    {
      holds: shards.length > 0,
      at: node.startsOnFirstBatch ? "io/start_when" : node.needsAll ? "depends_on" : "fan_in",
      words:
        `they treat '${shards[0]}' as complete when its first partition is, so it must wait for all of it: in ` +
        `depends_on, with start_when "ready" and fan_in "all"`,
    },
  ];
  return all.filter(({ holds }) => holds);
}

const isSharded = (plan: Plan, id: Json): boolean => typeof id === "string" && (plan.byId.get(id)?.partitions ?? 1) > 1;
