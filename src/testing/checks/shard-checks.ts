import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import {
  type Cause,
  isTaskTerminal,
  type ShardRecord,
  type ShardRef,
  type ShardStatus,
  shardKey,
} from "../../core/model/records.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import { coordinatorFnType, type GraphNode } from "../../graph/index.ts";
import { droppedOf } from "../cluster/archive.ts";
import { initFailed } from "../cluster/random-graph.ts";
import type { Workload } from "../cluster/workload.ts";
import type { CheckParts } from "./check-parts.ts";
import type { LogChecks } from "./log-checks.ts";
import { isFinished, startCondition } from "./start-condition.ts";

/** The table of the specification, written down a second time. */
const moves: Readonly<Record<ShardStatus | "absent", readonly ShardStatus[]>> = {
  absent: ["queued", "cancelled", "finished"],
  queued: ["running", "queued", "cancelled"],
  running: ["finished", "failed", "deferred", "queued", "cancelling"],
  deferred: ["queued", "cancelled"],
  cancelling: ["cancelled"],
  finished: [],
  failed: [],
  cancelled: [],
};

/** Written by the attempt that holds the shard, and by no other. */
const outcomes: ReadonlySet<Cause> = new Set(["complete", "fail", "release", "confirm_cancelled"]);

export interface ShardCheckParts extends CheckParts {
  readonly logs: LogChecks;
  readonly violated: (ref: ShardRef, what: string) => void;
}

/** Laws 3, 4, 5 and 7, at every move of a shard. */
export class ShardChecks {
  readonly #parts: ShardCheckParts;
  /** As they were before the write at hand. */
  readonly #records = new Map<string, ShardRecord>();
  readonly #claimed = new Map<string, { readonly epoch: number; readonly step: number }>();
  /** How many attempts of each shard have failed. */
  readonly #failures = new Map<string, number>();
  /** Leases lost in a row at one length of the log, the longest that it has had by then. */
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

  moved({ from, cause, record }: MemoryStoreEvent & { readonly kind: "shard" }): void {
    const { state, journal, mode, workload, violated } = this.#parts;
    const key = shardKey(record);
    const before = this.#records.get(key);
    this.#records.set(key, record);
    if (!moves[from].includes(record.status)) violated(record, `${from} -> ${record.status} by ${cause}`);
    if ((before?.epoch ?? 0) > record.epoch) violated(record, "its epoch went back");
    const holder = before?.lease?.claimId;
    if (outcomes.has(cause) && record.lastClaimId !== holder) {
      violated(record, `${cause} by ${record.lastClaimId}, and ${holder} holds it`);
    }
    const task = state.tasks.get(record.taskId)?.record;
    if (task === undefined || isTaskTerminal(task.status)) violated(record, `${cause} after its task was over`);
    if (cause === "dispatch") checkDispatch(state, record, violated);
    if (cause === "dispatch") checkNotAdoptable(state, record, violated);
    if (cause === "adopt") {
      journal.counts.adopted++;
      checkAdoption(state, record, violated);
    } else if (from === "absent" && record.status === "finished") violated(record, `born finished by ${cause}`);
    if (cause === "claim") {
      this.#claimedBy(record);
      checkLimits(this.#parts, record, violated);
    }
    if (cause === "complete") checkFinish({ state, workload, journal }, record, violated);
    if (cause === "fail") this.#failed(record, before?.lease?.workerId ?? "");
    this.#checkCounts(cause, record, before);
    if (cause === "expire") this.#expired(record, before);
    if (cause === "expire" && from === "running" && mode === "calm")
      violated(record, "a lease ran out without a fault");
    if (cause === "release") {
      journal.counts.released++;
      if (record.failures > 0) journal.counts.releasedAfterFailure++;
    }
    if (record.type === coordinatorFnType && record.generation > 0) violated(record, "a function started over");
  }

  #claimedBy(record: ShardRecord): void {
    const { journal, logs, scheduler, violated } = this.#parts;
    journal.counts.claims++;
    const key = shardKey(record);
    if ((this.#claimed.get(key)?.epoch ?? 0) >= record.epoch) violated(record, `epoch ${record.epoch} claimed twice`);
    this.#claimed.set(key, { epoch: record.epoch, step: scheduler.steps });
    logs.claimed(record);
  }

  /** Law 7: what the limits count is kept by every move that doesn't count it. */
  #checkCounts(cause: Cause, record: ShardRecord, before: ShardRecord | undefined): void {
    const { violated } = this.#parts;
    const failures = this.#failures.get(shardKey(record)) ?? 0;
    if (record.failures !== failures) {
      violated(record, `${record.failures} failures after ${cause}, and ${failures} attempts have failed`);
    }
    if (cause !== "expire" && record.lost !== (before?.lost ?? 0)) {
      violated(record, `${record.lost} lost leases after ${cause}, and ${before?.lost} before`);
    }
  }

  #failed(record: ShardRecord, workerId: string): void {
    const { state, workload, journal, violated } = this.#parts;
    this.#failures.set(shardKey(record), (this.#failures.get(shardKey(record)) ?? 0) + 1);
    const claimedAt = this.#claimed.get(shardKey(record))?.step ?? 0;
    if (record.failure?.reasonCode === initFailed && !journal.hasInitFailedSince(workerId, record.type, claimedAt)) {
      violated(record, "an attempt fails of an init that failed before it");
    }
    const task = state.tasks.get(record.taskId)?.record;
    const policy = retryPolicyOf(
      workload,
      task?.graph.nodes.find(({ node_id }) => node_id === record.nodeId),
    );
    if (record.failures > policy.max + 1) violated(record, `${record.failures} attempts failed`);
    if (record.status !== "deferred") return;
    if (record.failures > policy.max) violated(record, "tried again with its retries used up");
    const reason = record.history.at(-1)?.reasonCode ?? "";
    if (policy.isPermanent(reason)) violated(record, `tried again after ${reason}, which is permanent`);
  }

  #expired(record: ShardRecord, before: ShardRecord | undefined): void {
    const { journal, storeNow, violated } = this.#parts;
    journal.counts.leasesLost++;
    if (before?.status === "running") this.#lostLease(record);
    const until = Math.min(
      before?.lease?.deadline ?? Number.POSITIVE_INFINITY,
      before?.cancelBy ?? Number.POSITIVE_INFINITY,
    );
    if (until > storeNow()) violated(record, `its lease was taken ${until - storeNow()} ms early`);
  }

  /** Only those count against the limit that no stored batch is between. */
  #lostLease(record: ShardRecord): void {
    const { state, maxLostLeases, violated } = this.#parts;
    const key = shardKey(record);
    const stored = state.shard(record)?.logs[record.generation]?.length ?? 0;
    const { inRow, longest } = this.#lost.get(key) ?? { inRow: 0, longest: 0 };
    const now = { inRow: stored > longest ? 1 : inRow + 1, longest: Math.max(stored, longest) };
    this.#lost.set(key, now);
    const told = `${now.inRow} leases lost of ${maxLostLeases} at ${stored} batches`;
    if (record.lost !== now.inRow) violated(record, `counts ${record.lost}: ${told}`);
    if (record.status === "queued" && now.inRow > maxLostLeases) violated(record, `queued again with ${told}`);
    if (record.status === "failed" && now.inRow <= maxLostLeases) violated(record, `given up with ${told}`);
  }
}

type Violated = (ref: ShardRef, what: string) => void;

/** What is adopted had finished in the task before, and nothing upstream of it runs again. */
function checkAdoption(state: MemoryState, record: ShardRecord, violated: Violated): void {
  const task = state.tasks.get(record.taskId);
  const lender = state.tasks.get(task?.record.retryOf ?? "");
  if (task === undefined || lender === undefined) {
    violated(record, "adopted by a task that retries none");
    return;
  }
  if (!isTaskTerminal(lender.record.status)) violated(record, `adopted from a task that is ${lender.record.status}`);
  if (!isFinished(lender, record.nodeId)) violated(record, "adopted, and it had not finished");
  const log = state.shard(record.artifactsOf ?? record)?.logs[record.generation];
  if ((log?.length ?? 0) !== record.count)
    violated(record, `adopted ${record.count} artifacts, ${log?.length} are there`);
  if (droppedOf(state, record) > 0) violated(record, "adopted, and artifacts of it are dropped");
  const again = nodeOf(task, record).depends_on.filter((id) => !isAdopted(task, id));
  if (again.length > 0) violated(record, `adopted, and ${again.join()} runs again`);
}

/** What is dispatched could not be adopted. */
function checkNotAdoptable(state: MemoryState, record: ShardRecord, violated: Violated): void {
  const task = state.tasks.get(record.taskId);
  const lender = state.tasks.get(task?.record.retryOf ?? "");
  if (task === undefined || lender === undefined || !isFinished(lender, record.nodeId)) return;
  const shards = lender.nodes.get(record.nodeId)?.shards ?? [];
  if (shards.some((entry) => entry !== undefined && droppedOf(state, entry.record) > 0)) return;
  if (nodeOf(task, record).depends_on.every((id) => isAdopted(task, id)))
    violated(record, "runs what had finished before");
}

function nodeOf(task: TaskEntry, { nodeId }: ShardRecord): GraphNode {
  const node = task.record.graph.nodes.find(({ node_id }) => node_id === nodeId);
  if (node === undefined) throw new Error(`${nodeId} is no node of its task's graph`);
  return node;
}

function isAdopted(task: TaskEntry, nodeId: string): boolean {
  const shards = task.nodes.get(nodeId)?.shards ?? [];
  return isFinished(task, nodeId) && shards.every((entry) => entry?.record.artifactsOf !== undefined);
}

/** Law 5, first half: no child starts before its fan-in and start condition hold. */
function checkDispatch(state: MemoryState, record: ShardRecord, violated: (ref: ShardRef, what: string) => void): void {
  const task = state.tasks.get(record.taskId);
  const node = task?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
  if (task === undefined || node === undefined) {
    violated(record, "dispatched, and no node of its graph");
    return;
  }
  const { needed, satisfied } = startCondition(task, node);
  if (satisfied.length < needed) violated(record, `started with ${satisfied.length} of ${needed} parents satisfied`);
  const { chosen } = record;
  if ((node.fan_in ?? "all") === "all" || node.depends_on.length === 0) return;
  if (chosen === undefined || chosen.length < needed || chosen.some((id) => !satisfied.includes(id))) {
    violated(record, `chose ${chosen?.join()} of the satisfied ${satisfied.join()}`);
  }
}

/**
 * A finished shard has its log closed at `count`; what it read has finished before, in the generation that it read. Only
 * the record says so: a log that is closed may belong to a generation that is withdrawn.
 */
function checkFinish(
  { state, workload, journal }: Pick<CheckParts, "state" | "workload" | "journal">,
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const log = state.shard(record)?.logs[record.generation];
  if (log?.closed !== true) violated(record, "finished with its log open");
  if (record.count !== log?.length) violated(record, `finished with ${record.count} of ${log?.length} artifacts`);
  const task = state.tasks.get(record.taskId);
  const node = task?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
  if (workload.isKnown && task !== undefined && node !== undefined) {
    const open = sourcesOf(node, record).filter((id) => !isFinished(task, id));
    if (open.length > 0) violated(record, `finished before ${open.join()}, which it reads`);
    if (node.io?.fn === undefined && workload.hasFinalize(node.type)) checkSummary(journal, record, violated);
  }
  for (const [source, generation] of Object.entries(record.sourceGens)) {
    const [nodeId = "", shard] = source.split("/");
    const from = state.shard({ taskId: record.taskId, nodeId, shard: Number(shard) })?.record;
    if (from?.status !== "finished" || from.generation !== generation) {
      const found = `${from?.status} in generation ${from?.generation}`;
      violated(record, `finished on generation ${generation} of ${source}, which is ${found}`);
    }
  }
}

/** `finalize` saw each batch of the log once, and what it measured. */
function checkSummary(
  { archive, counts }: CheckParts["journal"],
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const artifacts = archive.of(record);
  const rows = artifacts.reduce((sum, { metrics }) => sum + (metrics.rows ?? 0), 0);
  const seen = record.result as { readonly batches?: number; readonly rows?: number } | undefined;
  counts.totalsChecked++;
  if (seen?.batches !== artifacts.length) {
    violated(record, `finalize saw ${seen?.batches} of ${artifacts.length} batches`);
  }
  if (seen?.rows !== rows) violated(record, `finalize got a total of ${seen?.rows}, its batches measured ${rows}`);
}

/** Law 9, at every claim: counted from the records themselves, not from the slots that the engine keeps. */
function checkLimits(
  parts: { readonly state: MemoryState; readonly running: RunningLimits },
  claimed: ShardRecord,
  violated: (ref: ShardRecord, what: string) => void,
): void {
  const { state, running } = parts;
  const open = [...state.leased].map(({ record }) => record);
  const check = (what: string, max: number | undefined, isOf: (record: ShardRecord) => boolean): void => {
    const count = open.filter(isOf).length;
    if (max !== undefined && count > max) violated(claimed, `${count} run at once ${what}, at most ${max} may`);
  };
  const node = state.tasks.get(claimed.taskId)?.record.graph.nodes.find(({ node_id }) => node_id === claimed.nodeId);
  check("in all", running.maxRunning, () => true);
  check("of its task", running.maxRunningPerTask, ({ taskId }) => taskId === claimed.taskId);
  check("of its type", running.maxRunningPerType?.[claimed.type], ({ type }) => type === claimed.type);
  check(
    "of its node",
    node?.limits?.max_running === undefined ? undefined : Number(node.limits.max_running),
    ({ taskId, nodeId }) => taskId === claimed.taskId && nodeId === claimed.nodeId,
  );
}

/** The nodes that this shard, of a node of a simulated graph, reads to their ends. */
function sourcesOf(node: GraphNode, { chosen, count }: ShardRecord): readonly string[] {
  const { fn, fn_args, input_inline } = node.io ?? {};
  if (fn === "merge.generic") return fn_args?.from_nodes as readonly string[];
  if (fn === "metrics.aggregate") return [String(fn_args?.node_id)];
  if (fn !== undefined) return [];
  const { input_adapter, input_args } = input_inline ?? {};
  if (input_adapter === undefined) return node.type.startsWith("source") ? [] : node.depends_on;
  const { from, from_nodes } = (input_args ?? {}) as {
    readonly from?: { readonly [alias: string]: string };
    readonly from_nodes?: readonly string[];
  };
  const named = from === undefined ? (from_nodes ?? node.depends_on) : Object.values(from);
  const isLeftOut = (id: string) => chosen !== undefined && node.depends_on.includes(id) && !chosen.includes(id);
  if (input_adapter !== "pull.gather") return named;
  return count === 0 ? [] : named.filter((id) => !isLeftOut(id)); // its one batch belongs to one of its shards
}

/** Permanent whatever a node's `permanent_on` says: the handler's own verdict, and a value that fits no schema. */
const alwaysPermanent: readonly string[] = ["broken", "schema_mismatch"];

export interface JudgedPolicy {
  readonly max: number;
  isPermanent(code: string): boolean;
  /** What a retry waits at least after so many failures, in ms. */
  leastWaitMs(failures: number): number;
}

/** What a node's retry policy means, as the specification has it. */
export function retryPolicyOf(workload: Workload, node: GraphNode | undefined): JudgedPolicy {
  const { max = 2, permanent_on = ["bad_input", "schema_mismatch"], ...waits } = node?.retry_policy ?? {};
  const { backoff_sec = 0, backoff_factor = 1, backoff_max_sec = 0, jitter = 1 } = waits;
  const always = workload.isKnown ? alwaysPermanent : [];
  return {
    max,
    isPermanent: (code) => permanent_on.includes(code) || always.includes(code),
    leastWaitMs: (failures) =>
      1_000 * Math.min(backoff_max_sec, backoff_sec * backoff_factor ** (failures - 1)) * (1 - jitter),
  };
}
