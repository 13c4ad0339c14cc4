import type { TaskFailure } from "../../core/model/records.ts";
import { PlanCache } from "../../core/plan/index.ts";
import type { UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowTypes, StoredArtifact } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import type { Cluster } from "../simulation/cluster.ts";

/** How a run of the flow ended. */
export interface SimulatedRun<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  readonly seed: number;
  readonly mode: SimulationMode;
  readonly status: "finished" | "failed" | "cancelled";
  readonly failure?: TaskFailure;
  /** By node: what its batches stored, in order. */
  readonly outputs: { readonly [TId in keyof TTypes["outputs"]]: readonly TTypes["outputs"][TId][] };
  /** The same, with uids and metrics. */
  readonly artifacts: { readonly [TId in keyof TTypes["outputs"]]: readonly StoredArtifact[] };
  readonly vars: JsonObject;
  readonly outside: TOutside;
}

/** A run whose task finished. */
export interface FinishedRun<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown>
  extends SimulatedRun<TTypes, TOutside> {
  readonly status: "finished";
  /** As `task.result()` gives them. */
  readonly results: TTypes["results"];
}

export const isFinishedRun = (run: SimulatedRun): run is FinishedRun => run.status === "finished";

/** What the world's task left behind; where it was tried again, the last try. */
export function readRun(
  world: Cluster,
  known: Pick<SimulatedRun, "seed" | "mode" | "outside">,
): SimulatedRun | undefined {
  const id = world.taskIds.at(-1) ?? "";
  const task = world.state.tasks.get(id);
  const status = task?.record.status;
  if (task === undefined || status === undefined || status === "running" || status === "cancelling") return undefined;
  const { graph, failure } = task.record;
  const artifacts: Record<string, readonly StoredArtifact[]> = {};
  const outputs: Record<string, readonly Json[]> = {};
  const own: Record<string, Json> = {};
  for (const { node_id: nodeId, partitions = 1 } of graph.nodes) {
    const shards = (task.nodes.get(nodeId)?.shards ?? []).flatMap((entry) => entry?.record ?? []);
    const stored = shards.flatMap((record) => world.journal.archive.of(record));
    artifacts[nodeId] = stored.map(({ seq, uid, meta, metrics }) => ({ nodeId, seq, uid, meta, metrics }));
    outputs[nodeId] = stored.map(({ meta }) => meta);
    const results = shards.flatMap(({ result }) => (result === undefined ? [] : [result]));
    const [first] = results;
    if (first !== undefined) own[nodeId] = partitions === 1 ? first : results;
  }
  const run = { ...known, status, outputs, artifacts, vars: task.vars.vars, ...(failure && { failure }) };
  if (status !== "finished") return run;
  const leaves = new PlanCache().get(graph).leaves;
  const results = Object.fromEntries(leaves.map((leaf) => [leaf.id, own[leaf.id] ?? outputs[leaf.id] ?? []]));
  return Object.assign(run, { results });
}
