import type { Metrics } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";

/*
 * The records that a store keeps: one record is one unit of atomicity. Records are values: nothing changes one in
 * place, a store hands out what it has and puts a new object in its place.
 */

/** The states of a task; `finished`, `failed` and `cancelled` are its ends. */
export type TaskStatus = "running" | "cancelling" | "finished" | "failed" | "cancelled";
/** The states of a shard; `finished`, `failed` and `cancelled` are its ends. */
export type ShardStatus = "queued" | "running" | "deferred" | "cancelling" | "finished" | "failed" | "cancelled";

/** Why a task failed: because of a node, or as a whole (`deadline_exceeded`), then no node is named. */
export interface TaskFailure {
  readonly nodeId?: string;
  /** The engine's or the handler's own code, such as `schema_mismatch`. */
  readonly reasonCode: string;
  readonly message: string;
  readonly shard?: number;
  readonly epoch?: number;
  /** The batch at hand when it happened. */
  readonly batchUid?: string;
  /** Stack and cause chain, cut at 16 KiB. */
  readonly stack?: string;
}

/** Why a node failed. */
export interface Failure extends TaskFailure {
  readonly nodeId: string;
  readonly shard: number;
  readonly epoch: number;
}

/** A task as a store has it. Times in milliseconds since 1970, by the store's clock. */
export interface TaskRecord {
  readonly id: string;
  readonly graph: Graph;
  readonly params: JsonObject;
  /** -100 to 100; higher goes first. */
  readonly priority: number;
  readonly status: TaskStatus;
  readonly failure?: TaskFailure;
  readonly cancelReason?: string;
  readonly idempotencyKey?: string;
  /** The W3C trace context that it belongs to. */
  readonly traceparent?: string;
  /** The task that this one goes on from. */
  readonly retryOf?: string;
  /** Tasks whose artifacts this one's shards point at: they are kept as long as this one is. */
  readonly borrowsFrom?: readonly string[];
  /** Milliseconds since 1970, by the store's clock. */
  readonly createdAt: number;
  /** Store time at which it fails with `deadline_exceeded`, unless it has ended. */
  readonly deadlineAt?: number;
  readonly endedAt?: number;
}

/** A task in a list: its record without what may be large. */
export type TaskSummary = Omit<TaskRecord, "graph" | "params"> & { readonly name?: string };

/** The task's variables, with what a compare-and-set on them needs. They live in the task's record. */
export interface VarsRecord {
  readonly vars: JsonObject;
  readonly version: number;
  /** The nodes whose change is in `vars`, so that a repeated one is recognised. */
  readonly appliedBy: readonly string[];
}

/** Names a shard: one of a node's `partitions`, from 0. */
export interface ShardRef {
  readonly taskId: string;
  readonly nodeId: string;
  readonly shard: number;
}

/** One try of a shard. Each epoch is claimed at most once. */
export interface EpochRef extends ShardRef {
  readonly epoch: number;
}

/** An attempt as its worker names it in every write. */
export interface Attempt extends EpochRef {
  readonly claimId: string;
}

/** What moved a shard: the store operation. */
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
  | "adopt";

/** One transition of a shard's record. */
export interface HistoryEntry {
  /** Index in the shard's whole history; the record keeps the newest 50 entries. */
  readonly n: number;
  /** The record's epoch before the transition: one that is raised shows from the next entry on. */
  readonly epoch: number;
  readonly from: ShardStatus | "absent";
  readonly to: ShardStatus;
  /** Milliseconds since 1970, by the store's clock. */
  readonly at: number;
  readonly cause: Cause;
  readonly workerId?: string;
  /** The reason code of a failed attempt. */
  readonly reasonCode?: string;
}

export const historyLimit = 50;

/** One shard of a node. It is born by its dispatch; absent means queued, not dispatched. */
export interface ShardRecord extends EpochRef {
  readonly type: string;
  readonly priority: number;
  readonly status: ShardStatus;
  /** Store time from which it may be claimed: orders the queue. */
  readonly readyAt: number;
  /** Held by the running attempt. */
  readonly lease?: Lease;
  /** Owner of the latest ended attempt: lets a repeated outcome be recognised. */
  readonly lastClaimId?: string;
  /** Failed attempts, counted against `retry_policy.max`. */
  readonly failures: number;
  /** Leases that ran out without a batch stored between them, counted against `maxLostLeases`. */
  readonly lost: number;
  /** The longest that its log was when a lease ran out: only a longer one is progress. */
  readonly storedAtLoss?: number;
  /** Times it gave its slot back for want of input. */
  readonly yields: number;
  /** Store time at which a deferred shard is queued again. */
  readonly dueAt?: number;
  /** Store time at which a cancelling attempt loses its lease. */
  readonly cancelBy?: number;
  /** Raised when a retry starts the shard's output over. */
  readonly generation: number;
  /** Which generation of each source shard the current output is built from; keys are `nodeId/shard`. */
  readonly sourceGens: Readonly<Record<string, number>>;
  /** Under `any` and `count:N`: the parents that satisfied the start. */
  readonly chosen?: readonly string[];
  /** Set by complete: this shard produced exactly `count` artifacts. */
  readonly count?: number;
  /** Where its artifacts are, when it was adopted from an earlier task. Absent: under its own name. */
  readonly artifactsOf?: ShardRef;
  /** What the handler saved for its later attempts. Belongs to a generation. */
  readonly checkpoint?: Json;
  /** The first seq of each source that it has not read yet; kept only where a source has to wait for its readers. */
  readonly cursors?: Readonly<Record<string, number>>;
  /** What the handler last said about how far it is. */
  readonly progress?: Progress;
  /** What `finalize` returned. */
  readonly result?: Json;
  /** What `finalize` measured. */
  readonly metrics?: Metrics;
  readonly failure?: Failure;
  readonly history: readonly HistoryEntry[];
}

/** Until when a worker's claim on an attempt counts. */
export interface Lease {
  readonly workerId: string;
  readonly claimId: string;
  /** Store time. */
  readonly deadline: number;
  /** Number of the latest report of this attempt, so that an earlier one which arrives late changes nothing. */
  readonly reports?: number;
  /** Absent where the worker didn't say. */
  readonly habits?: LogAccess;
}

/** What an attempt does with logs: a store that doesn't keep them whole must know who may read one again. */
export interface LogAccess {
  /** It goes on behind what earlier attempts stored, so its sources are read again from there and not from the start. */
  readonly resumes: boolean;
  /** It may read its own log, as `finalize` can. */
  readonly rereads: boolean;
}

/** How far a handler is, in a unit of its own. */
export interface Progress {
  readonly done: number;
  readonly total?: number;
}

/** A worker that is alive, as it announces itself. */
export interface WorkerRecord {
  readonly id: string;
  /** Types it runs. */
  readonly types: readonly string[];
  readonly capacity: number;
  readonly running: number;
}

/** A message that nobody could read. */
export interface DeadLetter {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  /** As it came, cut to a bounded length. */
  readonly body: string;
  readonly reason: string;
  /** Milliseconds since 1970, by the store's clock. */
  readonly at: number;
}

/** Where a batch came from: source shard, its seq there, the chunk within that artifact. A source handler's own batches have source `""`. */
export interface Origin {
  readonly source: string;
  readonly seq: number;
  readonly chunk: number;
}

/** What one batch produced. Numbered 0, 1, 2, ... without gaps within its shard and generation. */
export interface Artifact {
  readonly seq: number;
  /** Unique within (task, node, generation). */
  readonly uid: string;
  readonly epoch: number;
  readonly claimId: string;
  readonly origin: Origin;
  readonly meta: Json;
  readonly metrics: Metrics;
}

/** The reference alone, of a record or a message. */
export const epochRef = ({ taskId, nodeId, shard, epoch }: EpochRef): EpochRef => ({ taskId, nodeId, shard, epoch });
export const shardKey = (ref: ShardRef): string => `${ref.taskId}:${ref.nodeId}:${ref.shard}`;
/** Names a shard within its task. */
export const sourceKey = (nodeId: string, shard: number): string => `${nodeId}/${shard}`;
export const isShardTerminal = (status: ShardStatus): boolean =>
  status === "finished" || status === "failed" || status === "cancelled";
export const isTaskTerminal = (status: TaskStatus): boolean =>
  status === "finished" || status === "failed" || status === "cancelled";
/** The log that holds the shard's artifacts: its own, or that of the shard it was adopted from. */
export const logOf = (record: ShardRecord): ShardRef => record.artifactsOf ?? record;

/**
 * Answer to a write of an attempt. The *holder* of a shard is the attempt whose epoch and claim id its lease has.
 * `fenced`: you are not the holder (any more), stop. `cancelling`: you are, but the task is being cancelled: stop and
 * confirm with `confirmCancelled`.
 */
export type WriteAnswer = "ok" | "fenced" | "cancelling";

/** A task as it is created. */
export interface NewTask {
  readonly id: string;
  readonly graph: Graph;
  readonly params: JsonObject;
  readonly priority: number;
  readonly idempotencyKey?: string;
  /** How long it may take. */
  readonly deadlineMs?: number;
  readonly traceparent?: string;
  readonly retryOf?: string;
  readonly borrowsFrom?: readonly string[];
  /** Variables to begin with, and the nodes whose change is in them already. */
  readonly vars?: Pick<VarsRecord, "vars" | "appliedBy">;
}

/** What an attempt says about itself. What is left out stays as it is. */
export interface AttemptReport {
  /** Which output it is about. */
  readonly generation: number;
  /** 1, 2, ... within the attempt. */
  readonly n: number;
  readonly checkpoint?: Json;
  /** Only ever go forward, each by itself. */
  readonly cursors?: Readonly<Record<string, number>>;
  readonly progress?: Progress;
}

/** What a shard's record begins with. */
export interface DispatchInit {
  readonly type: string;
  readonly priority: number;
  readonly chosen?: readonly string[];
}

/** An artifact as it is appended. */
export interface NewArtifact {
  readonly seq: number;
  readonly uid: string;
  readonly origin: Origin;
  readonly meta: Json;
  readonly metrics: Metrics;
}

/** What a claim puts into the record. */
export interface ClaimInit {
  readonly workerId: string;
  readonly claimId: string;
  readonly leaseMs: number;
  readonly habits?: LogAccess;
}
