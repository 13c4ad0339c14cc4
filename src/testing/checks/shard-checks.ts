import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import {
  type Cause,
  isOutput,
  isTaskTerminal,
  type ShardRecord,
  type ShardRef,
  type ShardStatus,
  shardKey,
} from "../../core/model/records.ts";
import { coordinatorFnType, flowType, type GraphNode } from "../../graph/index.ts";
import { droppedOf } from "../cluster/archive.ts";
import { setupFailed } from "../cluster/random-graph.ts";
import { sharedLimitOf } from "../cluster/rate-book.ts";
import { isClosed, isClosedShard, isFinished, isSkipped, startCondition, type TaskView } from "./control-checks.ts";
import type { CheckParts, LogChecks } from "./log-checks.ts";
import { asideOf, retryPolicyOf, sourcesOf } from "./reference.ts";

/** The specification's table of transitions, written out independently of the engine. */
const transitions: Readonly<Record<ShardStatus | "absent", readonly ShardStatus[]>> = {
  absent: ["queued", "deferred", "cancelled", "finished", "skipped"],
  queued: ["running", "queued", "deferred", "cancelled"],
  running: ["finished", "failed", "deferred", "queued", "cancelling", "running"],
  deferred: ["queued", "deferred", "cancelled"],
  cancelling: ["cancelled"],
  finished: [],
  skipped: [],
  failed: ["failed"],
  cancelled: [],
};

/** Written only by the attempt that has the lease. */
const outcomes: ReadonlySet<Cause> = new Set(["complete", "fail", "release", "confirm_cancelled"]);

export interface ShardCheckParts extends CheckParts {
  readonly logs: LogChecks;
  readonly violated: (ref: ShardRef, what: string) => void;
}

/** Laws 3, 4, 5 and 7, at every transition of a shard. */
export class ShardChecks {
  readonly #parts: ShardCheckParts;
  /** As of the previous write. */
  readonly #records = new Map<string, ShardRecord>();
  readonly #claimed = new Map<string, { readonly epoch: number; readonly step: number }>();
  /** Failed attempts by shard. */
  readonly #failures = new Map<string, number>();
  /** Leases lost in a row without progress, and the longest length of the log so far. */
  readonly #lost = new Map<string, { readonly inRow: number; readonly longest: number }>();

  constructor(parts: ShardCheckParts) {
    this.#parts = parts;
  }

  renewed(record: ShardRecord): void {
    const before = this.#records.get(shardKey(record))?.lease?.deadline ?? 0;
    this.#records.set(shardKey(record), record);
    if ((record.lease?.deadline ?? 0) < before) this.#parts.violated(record, "a renewal shortened its lease");
    if (record.status !== "running") this.#parts.violated(record, `renewed while ${record.status}`);
  }

  transition({ from, cause, record }: MemoryStoreEvent & { readonly kind: "shard" }): void {
    const { state, journal, mode, workload, violated } = this.#parts;
    const key = shardKey(record);
    const before = this.#records.get(key);
    this.#records.set(key, record);
    if (!transitions[from].includes(record.status)) violated(record, `${from} -> ${record.status} by ${cause}`);
    if ((before?.epoch ?? 0) > record.epoch) violated(record, "its epoch decreased");
    const owner = before?.lease?.claimId;
    if (outcomes.has(cause) && record.lastClaimId !== owner) {
      violated(record, `${cause} by ${record.lastClaimId}, but ${owner} has the lease`);
    }
    const task = state.tasks.get(record.taskId)?.record;
    if (task === undefined || isTaskTerminal(task.status)) violated(record, `${cause} after its task ended`);
    if (cause === "dispatch") checkDispatch(state, record, violated);
    if (cause === "dispatch" || cause === "skip") checkNotAdoptable(state, record, violated);
    if (cause === "adopt") {
      journal.counts.adopted++;
      checkAdoption(state, record, violated);
    } else if (from === "absent" && record.status === "finished") violated(record, `created as finished by ${cause}`);
    this.#checkPause(from, cause, record, before);
    if (cause === "claim") {
      this.#claimedBy(record);
      checkLimits(this.#parts, record, violated);
    }
    if (cause === "complete") checkFinish({ state, workload, journal }, record, violated);
    if (cause === "fail") this.#failed(record, before?.lease?.workerId ?? "");
    this.#checkCounts(cause, record, before);
    if (cause === "expire") this.#expired(record, before);
    if (cause === "expire" && from === "running" && mode === "calm")
      violated(record, "a lease expired without a fault");
    if (cause === "release") {
      journal.counts.released++;
      if (record.failures > 0) journal.counts.releasedAfterFailure++;
    }
    if (record.type === coordinatorFnType && record.generation > 0)
      violated(record, "a coordinator function restarted its log");
  }

  /** A paused shard does not begin, and a pause changes neither its due time nor its lease. */
  #checkPause(from: ShardStatus | "absent", cause: Cause, record: ShardRecord, before: ShardRecord | undefined): void {
    const { state, journal, mode, violated } = this.#parts;
    const { paused, status, taskId } = record;
    if (status === "queued" && before?.paused !== undefined) violated(record, `queued by ${cause} while it is paused`);
    if (status === "queued" && paused !== undefined) violated(record, `queued by ${cause}, but marked as paused`);
    if (paused !== undefined && record.dueAt !== undefined) violated(record, "is paused, but due");
    // Without faults, all shards have the mark when the pause is answered, except those being dispatched.
    const isOld = !journal.dispatching.has(shardKey(record));
    if (cause === "claim" && mode === "calm" && isOld && journal.asked.pausedSince(taskId) !== undefined)
      violated(record, "claimed although its task is paused");
    if (cause === "dispatch" && (state.tasks.get(taskId)?.record.paused ?? false) !== (paused !== undefined))
      violated(record, `dispatched ${paused === undefined ? "without" : "with"} the mark of a pause`);
    if (status !== "deferred" && status !== "running") return;
    const dueAt = before?.dueAt ?? before?.paused?.dueAt;
    if ((cause === "pause" || cause === "resume") && from === "deferred" && dueAt !== (record.dueAt ?? paused?.dueAt))
      violated(record, `${cause} changed when it is due`);
    if (from === "running" && status === "running" && record.lease?.claimId !== before?.lease?.claimId)
      violated(record, `${cause} changed its lease`);
    if (cause === "resume") journal.counts.resumed++;
    if (cause !== "pause") return;
    if (from === "queued") journal.counts.pausedQueued++;
    if (from === "deferred") journal.counts.pausedDeferred++;
    if (from === "running") journal.counts.pausedRunning++;
  }

  #claimedBy(record: ShardRecord): void {
    const { journal, logs, scheduler, violated } = this.#parts;
    journal.counts.claims++;
    const key = shardKey(record);
    if ((this.#claimed.get(key)?.epoch ?? 0) >= record.epoch) violated(record, `epoch ${record.epoch} claimed twice`);
    this.#claimed.set(key, { epoch: record.epoch, step: scheduler.steps });
    logs.claimed(record);
  }

  /** Law 7: a transition changes only the counts that it is meant to change. */
  #checkCounts(cause: Cause, record: ShardRecord, before: ShardRecord | undefined): void {
    const { violated } = this.#parts;
    const failures = this.#failures.get(shardKey(record)) ?? 0;
    if (record.failures !== failures) {
      violated(record, `${record.failures} failures after ${cause}, but ${failures} attempts have failed`);
    }
    if (cause !== "expire" && record.lost !== (before?.lost ?? 0)) {
      violated(record, `${record.lost} lost leases after ${cause}, but ${before?.lost} before`);
    }
  }

  #failed(record: ShardRecord, workerId: string): void {
    const { state, workload, journal, violated } = this.#parts;
    this.#failures.set(shardKey(record), (this.#failures.get(shardKey(record)) ?? 0) + 1);
    const claimedAt = this.#claimed.get(shardKey(record))?.step ?? 0;
    if (record.failure?.reasonCode === setupFailed && !journal.hasSetupFailedSince(workerId, claimedAt)) {
      violated(record, "an attempt failed because of a setup that had failed before it");
    }
    const task = state.tasks.get(record.taskId)?.record;
    const policy = retryPolicyOf(
      workload,
      task?.graph.nodes.find(({ node_id }) => node_id === record.nodeId),
    );
    if (record.failures > policy.max + 1) violated(record, `${record.failures} attempts failed`);
    if (record.status !== "deferred") return;
    if (record.failures > policy.max) violated(record, "retried with no retries left");
    const reason = record.history.at(-1)?.reasonCode ?? "";
    if (policy.isPermanent(reason)) violated(record, `retried after ${reason}, which is permanent`);
  }

  #expired(record: ShardRecord, before: ShardRecord | undefined): void {
    const { journal, storeNow, violated } = this.#parts;
    journal.counts.leasesLost++;
    if (before?.status === "running") this.#lostLease(record);
    const until = Math.min(
      before?.lease?.deadline ?? Number.POSITIVE_INFINITY,
      before?.cancelBy ?? Number.POSITIVE_INFINITY,
    );
    if (until > storeNow()) violated(record, `its lease was expired ${until - storeNow()} ms early`);
  }

  /** Only consecutive losses without a stored batch in between count against the limit. */
  #lostLease(record: ShardRecord): void {
    const { state, maxLostLeases, violated } = this.#parts;
    const key = shardKey(record);
    const stored = state.shard(record)?.logs[record.generation]?.length ?? 0;
    const { inRow, longest } = this.#lost.get(key) ?? { inRow: 0, longest: 0 };
    const now = { inRow: stored > longest ? 1 : inRow + 1, longest: Math.max(stored, longest) };
    this.#lost.set(key, now);
    const summary = `${now.inRow} leases lost of ${maxLostLeases} at ${stored} batches`;
    if (record.lost !== now.inRow) violated(record, `counts ${record.lost}: ${summary}`);
    if (record.status === "queued" && now.inRow > maxLostLeases) violated(record, `queued again with ${summary}`);
    if (record.status === "failed" && now.inRow <= maxLostLeases) violated(record, `failed with ${summary}`);
  }
}

type Violated = (ref: ShardRef, what: string) => void;

/** An adopted node had finished in the original task, and nothing upstream of it runs again. */
function checkAdoption(state: MemoryState, record: ShardRecord, violated: Violated): void {
  const task = state.tasks.get(record.taskId);
  const lender = state.tasks.get(task?.record.retryOf ?? "");
  if (task === undefined || lender === undefined) {
    violated(record, "adopted by a task that does not retry another");
    return;
  }
  if (!isTaskTerminal(lender.record.status)) violated(record, `adopted from a task that is ${lender.record.status}`);
  const had = isFinished(lender, record.nodeId)
    ? "finished"
    : isSkipped(lender, record.nodeId)
      ? "skipped"
      : "not ended";
  if (record.status !== had) violated(record, `adopted as ${record.status}, but it had ${had}`);
  if (nodeOf(task, record).io?.start_when === "ended")
    violated(record, "adopted, but it handles how others have ended");
  const log = state.shard(record.artifactsOf ?? record)?.logs[record.generation];
  if ((log?.length ?? 0) !== record.count)
    violated(record, `adopted ${record.count} artifacts, but ${log?.length} exist`);
  if (droppedOf(state, record) > 0) violated(record, "adopted, but some of its artifacts are dropped");
  const again = nodeOf(task, record).depends_on.filter((id) => !isAdopted(task, id));
  if (again.length > 0) violated(record, `adopted, but ${again.join()} runs again`);
}

/** A node is dispatched only if it cannot be adopted. */
function checkNotAdoptable(state: MemoryState, record: ShardRecord, violated: Violated): void {
  const task = state.tasks.get(record.taskId);
  const lender = state.tasks.get(task?.record.retryOf ?? "");
  if (task === undefined || lender === undefined || nodeOf(task, record).io?.start_when === "ended") return;
  if (!isFinished(lender, record.nodeId) && !isSkipped(lender, record.nodeId)) return;
  if (task.record.retriedBatches?.nodeId === record.nodeId) return;
  const shards = lender.nodes.get(record.nodeId)?.shards ?? [];
  if (shards.some((entry) => entry !== undefined && droppedOf(state, entry.record) > 0)) return;
  if (nodeOf(task, record).depends_on.every((id) => isAdopted(task, id)))
    violated(record, "runs again although it could be adopted");
}

function nodeOf(task: TaskEntry, { nodeId }: ShardRecord): GraphNode {
  const node = task.record.graph.nodes.find(({ node_id }) => node_id === nodeId);
  if (node === undefined) throw new Error(`${nodeId} is not a node of its task's graph`);
  return node;
}

function isAdopted(task: TaskEntry, nodeId: string): boolean {
  const shards = task.nodes.get(nodeId)?.shards ?? [];
  return isClosed(task, nodeId) && shards.every((entry) => entry?.record.artifactsOf !== undefined);
}

/** Law 5, first half: no child starts before its fan-in and start condition hold. */
function checkDispatch(state: MemoryState, record: ShardRecord, violated: (ref: ShardRef, what: string) => void): void {
  const task = state.tasks.get(record.taskId);
  const node = task?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
  if (task === undefined || node === undefined) {
    violated(record, "dispatched, but not a node of its graph");
    return;
  }
  for (const what of checkStarted(task, node, record)) violated(record, what);
}

/** @param task - as it was when the node was dispatched */
export function checkStarted(task: TaskView, node: GraphNode, { chosen }: ShardRecord): readonly string[] {
  const { needed, satisfied } = startCondition(task, node);
  const started = `started with ${satisfied.length} of ${needed} parents satisfied`;
  const wrong = satisfied.length < needed ? [started] : [];
  if ((node.fan_in ?? "all") === "all" || node.depends_on.length === 0) return wrong;
  const isChosen = chosen !== undefined && chosen.length >= needed && chosen.every((id) => satisfied.includes(id));
  return isChosen ? wrong : [...wrong, `chose ${chosen?.join()} of the satisfied ${satisfied.join()}`];
}

/**
 * A finished shard has its log closed at `count`, and its sources finished before it, in the generation that it read.
 * The records decide: a closed log may belong to a withdrawn generation.
 */
function checkFinish(
  { state, workload, journal }: Pick<CheckParts, "state" | "workload" | "journal">,
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const log = state.shard(record)?.logs[record.generation];
  if (log?.closed !== true) violated(record, "finished with an open log");
  if (record.count !== log?.length) violated(record, `finished with ${record.count} of ${log?.length} artifacts`);
  const aside = asideOf(journal.archive.of(record));
  if ((record.failedBatches ?? 0) !== aside) {
    violated(record, `finished with ${record.failedBatches} failed batches, but ${aside} are set aside`);
  }
  const task = state.tasks.get(record.taskId);
  const node = task?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
  const { tolerate_share = 1 } = node?.batches ?? {};
  const newly = aside - asideOf(journal.carried.of(record, record.generation));
  if (newly > tolerate_share * (record.count ?? 0)) {
    violated(record, `finished with ${newly} of ${record.count} batches set aside, more than ${tolerate_share}`);
  }
  if (workload.isKnown && task !== undefined && node !== undefined) {
    const open = sourcesOf(node, record).filter((id) => !isClosed(task, id));
    if (open.length > 0) violated(record, `finished before ${open.join()}, which it reads`);
    if (node.io?.fn === undefined && workload.hasFinalize(node.type)) checkSummary(journal, record, violated);
  }
  for (const [source, generation] of Object.entries(record.sourceGens)) {
    const [nodeId = "", shard] = source.split("/");
    const from = state.shard({ taskId: record.taskId, nodeId, shard: Number(shard) })?.record;
    if (from === undefined || !isClosedShard(from) || from.generation !== generation) {
      const found = `${from?.status} in generation ${from?.generation}`;
      violated(record, `finished on generation ${generation} of ${source}, which is ${found}`);
    }
  }
}

/** `finalize` saw each batch of the log once, with its metrics. */
function checkSummary(
  { archive, counts }: CheckParts["journal"],
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const artifacts = archive.of(record).filter(isOutput);
  const rows = artifacts.reduce((sum, { metrics }) => sum + (metrics.rows ?? 0), 0);
  const seen = record.result as { readonly batches?: number; readonly rows?: number } | undefined;
  counts.totalsChecked++;
  if (seen?.batches !== artifacts.length) {
    violated(record, `finalize saw ${seen?.batches} of ${artifacts.length} batches`);
  }
  if (seen?.rows !== rows) violated(record, `finalize got a total of ${seen?.rows}, but its batches measured ${rows}`);
}

/** Law 9, at every claim: counted from the records, not from the slots that the engine maintains. */
function checkLimits(
  parts: Pick<CheckParts, "state" | "running" | "journal">,
  claimed: ShardRecord,
  violated: (ref: ShardRecord, what: string) => void,
): void {
  const { state, running, journal } = parts;
  if (claimed.type === flowType) return; // it only waits for tasks, which the limits apply to
  const open = [...state.leased].map(({ record }) => record).filter(({ type }) => type !== flowType);
  const check = (what: string, max: number | undefined, isOf: (record: ShardRecord) => boolean): void => {
    const count = open.filter(isOf).length;
    if (max !== undefined && count > max)
      violated(claimed, `${count} attempts ${what} run concurrently, at most ${max} may`);
  };
  const nodeOf = ({ taskId, nodeId }: ShardRef) =>
    state.tasks.get(taskId)?.record.graph.nodes.find(({ node_id }) => node_id === nodeId);
  const node = nodeOf(claimed);
  const max = node?.limits?.max_running === undefined ? undefined : Number(node.limits.max_running);
  check("in total", running.maxRunning, () => true);
  check("of its task", running.maxRunningPerTask, ({ taskId }) => taskId === claimed.taskId);
  check("of its type", running.maxRunningPerType?.[claimed.type], ({ type }) => type === claimed.type);
  const isOfNode = ({ taskId, nodeId }: ShardRef) => taskId === claimed.taskId && nodeId === claimed.nodeId;
  if (node?.limits?.key === undefined) check("of its node", max, isOfNode);
  else {
    const keyOf = (ref: ShardRef) => {
      const [graph, its] = [state.tasks.get(ref.taskId)?.record.graph, nodeOf(ref)];
      return graph && its && sharedLimitOf(graph, its);
    };
    const key = keyOf(claimed);
    check(`of ${key}`, max, (record) => keyOf(record) === key);
    const ofKey = open.filter((record) => keyOf(record) === key);
    if (ofKey.length === max) journal.counts.keysFull++;
    journal.rates.claimed(`${key}`, claimed.taskId);
  }
}
