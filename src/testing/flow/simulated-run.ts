import type { TaskFailure } from "../../core/model/records.ts";
import { PlanCache } from "../../core/plan/index.ts";
import type { UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowTypes } from "../../definitions/flow.ts";
import type { StoredArtifact } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { Faults, SimulationMode } from "../cluster/fault-rates.ts";
import type { FleetSize } from "../cluster/fleet.ts";
import type { Cluster } from "../simulation/cluster.ts";

/** How a run of the flow ended. */
export interface SimulatedRun<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  readonly seed: number;
  readonly mode: SimulationMode;
  readonly status: "finished" | "failed" | "cancelled";
  readonly failure?: TaskFailure;
  /** Stored outputs by node, in the order of the input. */
  readonly outputs: { readonly [TId in keyof TTypes["outputs"]]: readonly TTypes["outputs"][TId][] };
  /** The outputs with uids and metrics. */
  readonly artifacts: { readonly [TId in keyof TTypes["outputs"]]: readonly StoredArtifact[] };
  readonly vars: JsonObject;
  readonly outside: TOutside;
}

/** A run whose task finished. */
export interface FinishedRun<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown>
  extends SimulatedRun<TTypes, TOutside> {
  readonly status: "finished";
  /** As returned by `task.result()`. */
  readonly results: TTypes["results"];
}

export const isFinishedRun = (run: SimulatedRun): run is FinishedRun => run.status === "finished";

/** Reads the outcome of the cluster's task, or of its last retry. */
export function readRun(
  cluster: Cluster,
  known: Pick<SimulatedRun, "seed" | "mode" | "outside">,
): SimulatedRun | undefined {
  const id = cluster.taskIds.at(-1) ?? "";
  const task = cluster.state.tasks.get(id);
  const status = task?.record.status;
  if (task === undefined || status === undefined || status === "running" || status === "cancelling") return undefined;
  const { graph, failure } = task.record;
  const artifacts: Record<string, readonly StoredArtifact[]> = {};
  const outputs: Record<string, readonly Json[]> = {};
  const own: Record<string, Json> = {};
  for (const { node_id: nodeId, partitions = 1 } of graph.nodes) {
    const shards = (task.nodes.get(nodeId)?.shards ?? []).flatMap((entry) => entry?.record ?? []);
    const stored = shards.flatMap((record) => cluster.journal.archive.inOrder(record));
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

/** What is checked in a run of a flow, and which faults are injected. */
export interface SimulationRules<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  /** @defaultValue `"chaos"` */
  readonly mode?: SimulationMode;
  /** @defaultValue all, each in half of the seeds */
  readonly faults?: Faults;
  /** @defaultValue drawn from the seed */
  readonly processes?: FleetSize;
  /** Called for each finished run; throws if something is wrong with it. */
  readonly expect?: (run: FinishedRun<TTypes, NoInfer<TOutside>>) => void | Promise<void>;
  /** Called for each run, whether it finished, failed or was cancelled; throws if something is wrong with it. */
  readonly invariant?: (run: SimulatedRun<TTypes, NoInfer<TOutside>>) => void | Promise<void>;
  /**
   * What must be equal in all finished runs, whatever the faults: the outputs and results of all nodes, or the return
   * value of this function. `false` compares nothing.
   *
   * @defaultValue true
   */
  readonly compare?: boolean | ((run: FinishedRun<TTypes, NoInfer<TOutside>>) => unknown);
  /** Whether the task may fail. A timeout or lost worker caused by faults is never a violation. @defaultValue false */
  readonly mayFail?: boolean;
}

/**
 * Formats the outcome of a seed: how it ended, its violations, and, if it failed, the end of its timeline.
 *
 * @example
 * console.log(describeOutcome(await simulate({ seed: 7, flow: etl })))
 *
 * @param options.lines - maximum number of timeline lines; default 40
 */
export function describeOutcome(
  outcome: Omit<SimulationOutcome, "run"> & { readonly run: { readonly status: string } | undefined },
  options: { readonly lines?: number } = {},
): string {
  const { seed, mode, steps, virtualMs, run, violations, timeline } = outcome;
  const { lines = 40 } = options;
  const ended = run === undefined ? "never ended" : run.status;
  const left = timeline.length - lines;
  return [
    `seed ${seed} (${mode}): ${ended} after ${steps} steps, ${Math.round(virtualMs)} virtual ms`,
    ...violations.map((violation) => `  ${violation}`),
    ...(timeline.length > 0 ? ["timeline: step, virtual time, process, node, event"] : []),
    ...(left > 0 ? [`  (${left} earlier lines)`] : []),
    ...timeline.slice(Math.max(0, left)).map((line) => `  ${line.replaceAll("\t", "  ")}`),
  ].join("\n");
}

/** The outcome of one seed, as returned by `simulate`. */
export interface SimulationOutcome<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  readonly seed: number;
  readonly mode: SimulationMode;
  /** What is wrong; empty if nothing is. */
  readonly violations: readonly string[];
  /** `undefined` if the task never ended. */
  readonly run: SimulatedRun<TTypes, TOutside> | undefined;
  /** Hash of all choices: two runs with the same hash are identical. */
  readonly hash: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** The events of a failed seed, one line each, with virtual time, process and node. */
  readonly timeline: readonly string[];
  /** Every step of every process, with the option `trace`. */
  readonly trace: readonly string[];
}
