import type { Metrics } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { flowType, type Graph } from "../../graph/index.ts";
import type { Artifact, BatchTries, Failure, Origin, Progress, Signal, TaskFailure } from "./artifacts.ts";

export type * from "./artifacts.ts";

/*
 * The records of a store. One record is one unit of atomicity. Records are immutable values: a store returns its own
 * object, and replaces it by a new one.
 */

/** The statuses of a task; `finished`, `failed` and `cancelled` are terminal. */
export type TaskStatus = "running" | "cancelling" | "finished" | "failed" | "cancelled";
/** The statuses of a shard; `finished`, `skipped`, `failed` and `cancelled` are terminal. */
export type ShardStatus =
  | "queued"
  | "running"
  | "deferred"
  | "cancelling"
  | "finished"
  | "skipped"
  | "failed"
  | "cancelled";

/** A task as a store keeps it. Times in milliseconds since 1970, by the store's clock. */
export interface TaskRecord {
  readonly id: string;
  readonly graph: Graph;
  readonly params: JsonObject;
  /** -100 to 100; higher goes first. */
  readonly priority: number;
  readonly status: TaskStatus;
  /** Nothing new begins until it is resumed. @defaultValue false */
  readonly paused?: boolean;
  /** By node, the signal that ended its wait, or will end it. */
  readonly signals?: Readonly<Record<string, Signal>>;
  readonly failure?: TaskFailure;
  readonly cancelReason?: string;
  /** While it is cancelling: handlers of outcomes are cancelled too. */
  readonly cancelsAll?: true;
  readonly idempotencyKey?: string;
  /** The W3C trace context of the task. */
  readonly traceparent?: string;
  /** The task that this one retries. */
  readonly retryOf?: string;
  /** The node that runs this task for one of its batches. */
  readonly parent?: ParentRef;
  /** The batches of `retryOf` that this task retries, if it retries only failed batches. */
  readonly retriedBatches?: RetriedBatches;
  /** Tasks whose artifacts this one's shards refer to: they are kept as long as this task is. */
  readonly borrowsFrom?: readonly string[];
  /** Milliseconds since 1970, by the store's clock. */
  readonly createdAt: number;
  /** Store time before which no node of it starts. */
  readonly startsAt?: number;
  /** Store time at which it fails with `deadline_exceeded`, unless it has ended. */
  readonly deadlineAt?: number;
  readonly endedAt?: number;
}

/** A batch of a node that runs a flow for each of its batches. */
export interface ParentRef {
  readonly taskId: string;
  readonly nodeId: string;
  /** Of the batch. */
  readonly uid: string;
}

/** Batches of a node that were set aside and are retried by another task, which keeps the rest of the node's output. */
export interface RetriedBatches {
  readonly nodeId: string;
  /** The shards with such batches. */
  readonly shards: readonly RetriedShard[];
}

/** What another task keeps of a shard with such batches. */
export interface RetriedShard {
  readonly shard: number;
  /** What the new log starts with. */
  readonly kept: Carried;
}

/** A task in a list: its record without the fields that may be large. */
export type TaskSummary = Omit<TaskRecord, "graph" | "params" | "signals"> & { readonly name?: string };

/** The task's variables, with what a compare-and-set on them needs. They are part of the task's record. */
export interface VarsRecord {
  readonly vars: JsonObject;
  readonly version: number;
  /** The nodes whose update is in `vars`, so that a repeated one is recognised. */
  readonly appliedBy: readonly string[];
}

/** Identifies a shard: one of a node's `partitions`, from 0. */
export interface ShardRef {
  readonly taskId: string;
  readonly nodeId: string;
  readonly shard: number;
}

/** An attempt of a shard. Each epoch is claimed at most once. */
export interface EpochRef extends ShardRef {
  readonly epoch: number;
}

/** An attempt as its worker identifies it in every write. */
export interface Attempt extends EpochRef {
  readonly claimId: string;
}

/** The store operation that caused a transition. */
export type Cause =
  | "dispatch"
  | "claim"
  | "complete"
  | "fail"
  | "release"
  | "requeue"
  | "expire"
  | "cancel"
  | "confirm_cancelled"
  | "supersede"
  | "adopt"
  | "skip"
  | "close"
  | "wake"
  | "pause"
  | "resume";

/** One transition of a shard's record. */
export interface HistoryEntry {
  /** Index in the shard's whole history; the record keeps the newest 50 entries. */
  readonly n: number;
  /** The record's epoch before the transition; a new epoch shows from the next entry on. */
  readonly epoch: number;
  readonly from: ShardStatus | "absent";
  readonly to: ShardStatus;
  /** Milliseconds since 1970, by the store's clock. */
  readonly at: number;
  readonly cause: Cause;
  readonly workerId?: string;
  /** The reason code of a failed attempt. */
  readonly reasonCode?: string;
  /** The message of its error, at most 500 characters of it. */
  readonly message?: string;
}

export const historyLimit = 50;

/** One shard of a node. Its record is created by its dispatch; without one, the shard is queued but not dispatched. */
export interface ShardRecord extends EpochRef {
  readonly type: string;
  readonly priority: number;
  readonly status: ShardStatus;
  /** Store time from which it may be claimed; orders the queue. */
  readonly readyAt: number;
  /** The running attempt's lease. */
  readonly lease?: Lease;
  /** Claim id of the latest attempt that ended, to recognise a repeated outcome. */
  readonly lastClaimId?: string;
  /** Attempts that failed as a whole, counted against `retry_policy.max`; the tries of batches are in `tries`. */
  readonly failures: number;
  /** Leases that expired without a batch stored in between, counted against `maxLostLeases`. */
  readonly lost: number;
  /** The greatest length of its log when a lease expired: only a longer log counts as progress. */
  readonly storedAtLoss?: number;
  /** How often it released its slot because it had no input. */
  readonly yields: number;
  /** Store time at which a deferred shard is queued. Without one, it waits for a signal, or until it is resumed. */
  readonly dueAt?: number;
  /** Set while its task is paused: a deferred shard stays deferred, a running attempt ends after its current batches. */
  readonly paused?: Paused;
  /** Store time at which a cancelling attempt loses its lease. */
  readonly cancelBy?: number;
  /** Incremented when a retry restarts the shard's output. */
  readonly generation: number;
  /** The generations of the source shards that the current output is built from; keys are `nodeId/shard`. */
  readonly sourceGens: Readonly<Record<string, number>>;
  /** Under `any` and `count:N`: the parents that satisfied the start condition. */
  readonly chosen?: readonly string[];
  /** Set when its log is closed: this shard stored exactly `count` artifacts, including those of batches set aside. */
  readonly count?: number;
  /** Set when its log is closed: how many of them stand for a batch that was set aside. @defaultValue 0 */
  readonly failedBatches?: number;
  /** The shard that has its artifacts if it was adopted from an earlier task. @defaultValue itself */
  readonly artifactsOf?: ShardRef;
  /** In a retry of a task: the entries that its log starts with, which its attempts copy first. Belongs to a generation. */
  readonly carried?: Carried;
  /** What the handler saved for later attempts. Belongs to a generation. */
  readonly checkpoint?: Json;
  /** How many batches `iterBatches` had yielded, since the output began, when it saved the checkpoint. */
  readonly checkpointIndex?: number;
  /** By uid: batches that have failed and are neither stored nor set aside. Belongs to a generation. */
  readonly tries?: Readonly<Record<string, BatchTries>>;
  /** The first unread seq of each source; kept only for sources with a limit on pending batches. */
  readonly cursors?: Readonly<Record<string, number>>;
  /** The progress that the handler last reported. */
  readonly progress?: Progress;
  /** What `finalize` returned. */
  readonly result?: Json;
  /** The metrics that `finalize` recorded. */
  readonly metrics?: Metrics;
  readonly failure?: Failure;
  readonly history: readonly HistoryEntry[];
}

/** What a resume restores. */
export interface Paused {
  /** When the deferred shard would have been due. Absent if it waits for a signal without a time limit. */
  readonly dueAt?: number;
}

/** A worker's time-limited ownership of an attempt. */
export interface Lease {
  readonly workerId: string;
  readonly claimId: string;
  /** Store time. */
  readonly deadline: number;
  /** Number of the latest report of this attempt, so that a late one has no effect. */
  readonly reports?: number;
  /** Absent if the worker did not specify it. */
  readonly habits?: LogAccess;
}

/** How an attempt accesses logs: a store that does not keep whole logs must know which may be read again. */
export interface LogAccess {
  /** Continues after what earlier attempts stored: its sources are read again from there, not from the start. */
  readonly resumes: boolean;
  /** It may read its own log, as `finalize` can. */
  readonly rereads: boolean;
}

/** The first `length` entries in the log of an earlier task's shard. */
export interface Carried extends ShardRef {
  readonly generation: number;
  readonly length: number;
  /** How many of the kept entries stand for a batch that was set aside. @defaultValue 0 */
  readonly aside?: number;
  /**
   * Entries that are left out because their batches are retried. The others move up, so what consumers built from them
   * is built again. With a count of 0, only entries after `length`, or another shard's, are left out.
   */
  readonly without?: LeftOut;
}

/** Entries of a log that are not copied. */
export interface LeftOut {
  readonly count: number;
  /** @defaultValue all entries that stand for a batch that was set aside */
  readonly seqs?: readonly number[];
}

/** The output of an earlier task's shard, for a shard that continues it in the same generation. */
export interface CarriedOutput extends Pick<ShardRecord, "sourceGens" | "checkpoint" | "checkpointIndex"> {
  readonly log: Carried;
}

/** A worker that is alive, as it announces itself. */
export interface WorkerRecord {
  readonly id: string;
  /** The node types that it serves. */
  readonly types: readonly string[];
  readonly capacity: number;
  readonly running: number;
}

/** A message that could not be read or handled. */
export interface DeadLetter {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  /** As received, truncated. */
  readonly body: string;
  readonly reason: string;
  /** Milliseconds since 1970, by the store's clock. */
  readonly at: number;
}

/** The code of a failure, with the first line of its message. */
export function reasonText(reasonCode: string, message = ""): string {
  const [line = ""] = message.split("\n", 1);
  return line === "" ? reasonCode : `${reasonCode}: ${line}`;
}

/** The reference alone, of a record or a message. */
export const epochRef = ({ taskId, nodeId, shard, epoch }: EpochRef): EpochRef => ({ taskId, nodeId, shard, epoch });
/** What a scan of the queue returns. */
export const queuedRef = (record: ShardRecord) => ({
  ...epochRef(record),
  type: record.type,
  priority: record.priority,
});
export const shardKey = (ref: ShardRef): string => `${ref.taskId}:${ref.nodeId}:${ref.shard}`;
/** Identifies a shard within its task. */
export const sourceKey = (nodeId: string, shard: number): string => `${nodeId}/${shard}`;
export const isShardTerminal = (status: ShardStatus): boolean =>
  status === "finished" || status === "skipped" || status === "failed" || status === "cancelled";
/** Whether the shard ended with a closed log, so that its consumers can read it to the end. */
export const isClosed = ({ status, count }: Pick<ShardRecord, "status" | "count">): boolean =>
  status === "finished" || status === "skipped" || (status === "failed" && count !== undefined);
export const isTaskTerminal = (status: TaskStatus): boolean =>
  status === "finished" || status === "failed" || status === "cancelled";
/** Whether it stores batches without another node's slot; a node that runs flows needs slots for their nodes. */
export const isFeeding = ({ status, type }: ShardRecord): boolean => status === "running" && type !== flowType;
/** The log with the shard's artifacts: its own, or that of the shard it was adopted from. */
export const logOf = (record: ShardRecord): ShardRef => record.artifactsOf ?? record;
/** Whether it is an output, as opposed to an entry for a batch that was set aside. */
export const isOutput = ({ failure }: Pick<Artifact, "failure">): boolean => failure === undefined;
/** How many entries of a log stand for a batch that was set aside, from the last origin of each of its sources. */
export const asideIn = (origins: readonly Origin[]): number => Math.max(0, ...origins.map(({ aside = 0 }) => aside));
/** Whether an entry of the log is left out. */
export function leftOut({ without }: Carried): (artifact: Artifact) => boolean {
  if (without === undefined || without.count === 0) return () => false;
  const named = without.seqs && new Set(without.seqs);
  return (artifact) => (named === undefined ? !isOutput(artifact) : named.has(artifact.seq));
}

/** How many entries of it are copied. */
export const keptLength = ({ length, without }: Carried): number => length - (without?.count ?? 0);

/**
 * Answer to a write of an attempt. The *owner* of a shard is the attempt whose epoch and claim id are in its lease.
 * `fenced`: the attempt is not, or no longer, the owner and must stop. `cancelling`: it is the owner, but the task is
 * being cancelled: it must stop and call `confirmCancelled`.
 */
export type WriteAnswer = "ok" | "fenced" | "cancelling";

/** Answer to a renewal. `pausing`: renewed, but the task is paused: finish the current batches, then release. */
export type RenewAnswer = WriteAnswer | "pausing";

/** A task to create. */
export interface NewTask {
  readonly id: string;
  readonly graph: Graph;
  readonly params: JsonObject;
  readonly priority: number;
  readonly idempotencyKey?: string;
  /** The task's time limit. */
  readonly deadlineMs?: number;
  /** How long it waits before its first nodes start. */
  readonly startInMs?: number;
  readonly traceparent?: string;
  readonly retryOf?: string;
  readonly parent?: ParentRef;
  readonly retriedBatches?: RetriedBatches;
  readonly borrowsFrom?: readonly string[];
  /** The signals that the retried task had received. */
  readonly signals?: TaskRecord["signals"];
  /** Initial variables, and the nodes whose updates they already contain. */
  readonly vars?: Pick<VarsRecord, "vars" | "appliedBy">;
}

/** What an attempt reports about itself. Absent fields stay as they are. */
export interface AttemptReport {
  /** The output that it is about. */
  readonly generation: number;
  /** 1, 2, ... within the attempt. */
  readonly n: number;
  readonly checkpoint?: Json;
  /** Replaced together with the checkpoint. */
  readonly checkpointIndex?: number;
  /** Replaces all earlier ones; the store adds each delay to its own time. */
  readonly tries?: Readonly<Record<string, { readonly failed: number; readonly delayMs: number }>>;
  /** Each cursor only ever advances. */
  readonly cursors?: Readonly<Record<string, number>>;
  readonly progress?: Progress;
}

/** Initial values of a shard's record. */
export interface DispatchInit {
  readonly type: string;
  readonly priority: number;
  readonly chosen?: readonly string[];
  /** Its first attempt may begin after this time; `Infinity`: not before it is woken. @defaultValue 0 */
  readonly delayMs?: number;
  /** Store time at which its delay begins. @defaultValue now */
  readonly notBefore?: number | undefined;
  /** In a retry of a task. @defaultValue its log starts empty, in generation 0 */
  readonly carried?: CarriedOutput | undefined;
}

/** What a claim writes into the record. */
export interface ClaimInit {
  readonly workerId: string;
  readonly claimId: string;
  readonly leaseMs: number;
  readonly habits?: LogAccess;
}

/** A shard to be dispatched and claimed at once. */
export interface NextClaim {
  readonly ref: ShardRef;
  readonly init: DispatchInit;
  readonly by: ClaimInit;
}
