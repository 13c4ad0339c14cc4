import { randomUUID } from "node:crypto";
import { expiresAt } from "../../../core/model/index.ts";
import {
  type Attempt,
  type Carried,
  type ClaimInit,
  type EpochRef,
  type HistoryEntry,
  historyLimit,
  isTaskTerminal,
  type Lease,
  type ParentRef,
  type Paused,
  type ShardRecord,
  type ShardRef,
  type ShardStatus,
  shardKey,
  type TaskFailure,
  type TaskRecord,
  type TaskStatus,
  type TaskSummary,
  type VarsRecord,
} from "../../../core/model/records.ts";
import type { QueuedRef } from "../../../core/ports/index.ts";
import type { TaskState } from "../../../core/store/driver.ts";
import { graphHash } from "../../../graph/index.ts";
import { checkSize, date, type Fields, json, list, mapping, nested } from "./fields.ts";

/*
 * Tasks and shards as documents, with the names of the wire protocol. A mapping names the document's field for each
 * field of a record; an interface has the fields that queries and indexes use.
 */

/** Each write sets a new, random `rev` and requires the one that was read: a compare-and-set. */
export interface Revised {
  readonly _id: string;
  readonly rev: string;
}

/** IDs come from callers: an object in place of a string would be a query operator. */
export function checkedId(id: string): string {
  if (typeof id !== "string") throw new TypeError(`an id must be a string, got ${typeof id}`);
  return id;
}

// ---- tasks

export interface TaskDocument extends Revised {
  /** `deleted`: reads skip it, and the next process that meets it completes the removal. */
  readonly status: TaskStatus | "deleted";
  readonly name?: string;
  readonly graph_hash: string;
  readonly idempotency_key?: string;
  readonly borrows_from?: readonly string[];
  readonly parent?: { readonly task_id: string; readonly node_id: string; readonly uid: string };
  /** Set between a request to delete the task and the search for tasks that borrow from it. */
  readonly removal_asked?: true;
  readonly list_order: string;
  readonly paused?: boolean;
  /** Until the task ends. */
  readonly sweep_at?: Date;
  /** Identifies the latest sweep. */
  readonly swept_by?: string;
  /** While the task is running; `deadline` stays. */
  readonly deadline_at?: Date;
  readonly updated_at: Date;
  readonly ended_at?: Date;
}

const failures = mapping<TaskFailure>({
  nodeId: "node_id",
  reasonCode: "reason_code",
  message: "message",
  shard: "shard",
  epoch: "attempt",
  batchUid: "batch_uid",
  tries: "tries",
  method: "method",
  lastBatchUid: "last_batch_uid",
  stack: "stack",
});

const summaryFields: Fields<Omit<TaskState, "signals">> = {
  id: "_id",
  priority: "priority",
  status: "status",
  paused: "paused",
  failure: nested("failure", failures),
  cancelReason: "cancel_reason",
  cancelsAll: "cancels_all",
  idempotencyKey: "idempotency_key",
  traceparent: "traceparent",
  retryOf: "retry_of",
  retriedBatches: json("retried_batches"),
  borrowsFrom: "borrows_from",
  parent: nested("parent", mapping<ParentRef>({ taskId: "task_id", nodeId: "node_id", uid: "uid" })),
  createdAt: date("created_at"),
  startsAt: date("starts_at"),
  deadlineAt: date("deadline"),
  endedAt: date("ended_at"),
};

const stateFields: Fields<TaskState> = { ...summaryFields, signals: json("signals") };

export const taskStates = mapping<TaskState>(stateFields);
export const taskSummaries = mapping<TaskSummary>({ ...summaryFields, name: "name" });
export const taskRecords = mapping<TaskRecord>({ ...stateFields, graph: json("graph"), params: json("params") });
export const taskVars = mapping<VarsRecord>({
  vars: json("vars"),
  version: "vars_version",
  appliedBy: "vars_applied",
});

/** Leaves room for what is added later: the failure and the variables. */
const largestTask = 12 * 1_024 * 1_024;
const largestVars = 3 * 1_024 * 1_024;

/** A projection to the fields of {@link taskVars}. */
export const varsOnly = { status: 1, vars: 1, vars_json: 1, vars_version: 1, vars_applied: 1 } as const;

/** A projection that omits the fields that may be large. */
export const headOnly = { graph: 0, graph_json: 0, params: 0, params_json: 0, vars: 0, vars_json: 0 } as const;

export function taskDocument(
  record: TaskRecord,
  { vars, ...more }: { readonly vars: VarsRecord; readonly rev: string; readonly list_order: string },
): TaskDocument {
  const { graph, deadlineAt, idempotencyKey } = record;
  if (idempotencyKey !== undefined) checkedId(idempotencyKey);
  const createdAt = new Date(record.createdAt);
  const document = {
    ...taskRecords.toDocument(record),
    ...taskVars.toDocument(vars),
    ...more,
    _id: checkedId(record.id),
    status: record.status,
    ...(graph.name === undefined ? {} : { name: graph.name }),
    graph_hash: graphHash(graph),
    sweep_at: createdAt,
    ...(deadlineAt === undefined ? {} : { deadline_at: new Date(deadlineAt) }),
    updated_at: createdAt,
  };
  return checkSize(document, "the task's graph and params", largestTask);
}

/** A task that has changed, as an update. */
export function taskUpdate(task: TaskState, { now, sweepNow }: { readonly now: number; readonly sweepNow: boolean }) {
  const { _id, ...fields } = taskStates.toDocument(task);
  const isEnded = isTaskTerminal(task.status);
  const sweep = sweepNow && !isEnded ? { sweep_at: new Date(now) } : {};
  const unset = [
    ...(task.status === "running" ? [] : ["deadline_at"]),
    ...(isEnded ? ["sweep_at"] : []),
    ...("signals_json" in fields ? ["signals"] : []), // they are stored in one of two fields
  ];
  return updateOf({ ...fields, ...sweep, updated_at: new Date(now) }, unset);
}

/** Variables that have changed, as an update: they are stored in one of two fields. */
export function varsUpdate(vars: VarsRecord, { now }: { readonly now: number }) {
  const fields = checkSize(taskVars.toDocument(vars), "the set of the task's variables", largestVars);
  return updateOf({ ...fields, updated_at: new Date(now) }, ["vars_json" in fields ? "vars" : "vars_json"]);
}

/** Servers before 5.0 reject an empty operator. */
const updateOf = (set: object, unset: readonly string[]) => ({
  $set: set,
  ...(unset.length === 0 ? {} : { $unset: Object.fromEntries(unset.map((name) => [name, true as const])) }),
});

// ---- shards

export interface ShardRefDocument {
  readonly task_id: string;
  readonly node_id: string;
  readonly shard: number;
}

/** One shard of a node. */
export interface NodeDocument extends Revised, ShardRefDocument {
  readonly type: string;
  readonly priority: number;
  readonly status: ShardStatus;
  readonly attempt_epoch: number;
  readonly ready_at: Date;
  /** While the shard is queued: orders shards that became ready at the same time. */
  readonly queue_order?: string;
  readonly lease?: { readonly worker_id: string; readonly lease_id: string; readonly deadline_ts_ms: number };
  /** When the lease expires: the earlier of its deadline and `cancel_by`. */
  readonly expires_at?: Date;
  readonly next_retry_at?: Date;
}

export const nodeFields = ({ taskId, nodeId }: Omit<ShardRef, "shard">) => ({
  task_id: checkedId(taskId),
  node_id: checkedId(nodeId),
});

export const refFields = (ref: ShardRef): ShardRefDocument => ({ ...nodeFields(ref), shard: ref.shard });

/** Servers read an index in order for a single value, but not always for a list with one item. */
export const oneOf = (values: readonly string[]) => (values.length === 1 ? String(values[0]) : { $in: [...values] });

const refNames = { taskId: "task_id", nodeId: "node_id", shard: "shard" } as const;
const epochNames = { ...refNames, epoch: "attempt_epoch" } as const;

export const epochRefs = mapping<EpochRef>(epochNames);
export const queuedRefs = mapping<QueuedRef>({ ...epochNames, type: "type", priority: "priority" });

/** A projection to the fields of {@link queuedRefs}. */
export const refOnly = { task_id: 1, node_id: 1, shard: 1, attempt_epoch: 1, type: 1, priority: 1 } as const;

/** The order of the fields is fixed: servers compare embedded documents field by field. */
export const holders = mapping<Attempt>({ ...epochNames, claimId: "claim_id" });

/** This store drops no artifacts, so it needs no `habits`. */
const leases = mapping<Omit<Lease, "habits">>({
  workerId: "worker_id",
  claimId: "lease_id",
  deadline: "deadline_ts_ms",
  reports: "reports",
});

const historyEntries = mapping<HistoryEntry>({
  n: "n",
  epoch: "attempt_epoch",
  from: "from",
  to: "to",
  at: date("at"),
  cause: "cause",
  workerId: "worker_id",
  reasonCode: "reason_code",
  message: "message",
});

export const shardRecords = mapping<ShardRecord>({
  ...epochNames,
  type: "type",
  priority: "priority",
  status: "status",
  readyAt: date("ready_at"),
  lease: nested("lease", leases),
  lastClaimId: "last_claim_id",
  failures: "failures",
  lost: "lost",
  storedAtLoss: "stored_at_loss",
  yields: "yields",
  dueAt: date("next_retry_at"),
  paused: nested("paused", mapping<Paused>({ dueAt: date("due_at") })),
  cancelBy: date("cancel_by"),
  generation: "generation",
  sourceGens: "source_gens",
  chosen: "chosen",
  count: "count",
  failedBatches: "failed_batches",
  artifactsOf: nested("artifacts_of", mapping<ShardRef>(refNames)),
  carried: nested(
    "carried",
    mapping<Carried>({ ...refNames, generation: "generation", length: "length", aside: "aside", without: "without" }),
  ),
  checkpoint: json("checkpoint"),
  checkpointIndex: "checkpoint_index",
  tries: json("tries"),
  cursors: "cursors",
  progress: "progress",
  result: json("result"),
  metrics: json("metrics"),
  failure: nested("failure", failures),
  history: list("history", historyEntries),
});

/** A shard has its `queue_order` while it is queued. */
export function shardDocument(
  record: ShardRecord,
  { rev, queue_order }: { readonly rev: string; readonly queue_order: string },
): NodeDocument {
  const expiry = expiresAt(record);
  const document = {
    ...shardRecords.toDocument(record),
    rev,
    ...(record.status === "queued" ? { queue_order } : {}),
    // Unique for any task ID, since node IDs and shard numbers contain no `:`.
    _id: shardKey(record),
    ...(expiry === undefined ? {} : { expires_at: new Date(expiry) }),
  } as NodeDocument;
  return checkSize(document, `the record of node '${record.nodeId}'`);
}

export interface ClaimRequest {
  readonly ref: EpochRef;
  readonly by: ClaimInit;
}

/** An update judged by the server: does what `claimShard` does to a queued record, and leaves one that has this claim. */
export function claimUpdate({ ref, by: { workerId, claimId, leaseMs } }: ClaimRequest) {
  const mayClaim = [{ status: "queued" as const }, { "lease.lease_id": claimId }];
  const filter = { _id: shardKey(ref), attempt_epoch: ref.epoch, $or: mayClaim };
  const deadline = { $add: [{ $toLong: "$$NOW" }, leaseMs] };
  const lease = { worker_id: { $literal: workerId }, lease_id: { $literal: claimId }, deadline_ts_ms: deadline };
  const step = { from: "queued", to: "running", at: "$$NOW", cause: "claim", worker_id: { $literal: workerId } };
  const next = { $let: { vars: { last: { $arrayElemAt: ["$history", -1] } }, in: { $add: ["$$last.n", 1] } } };
  const entry = { n: next, attempt_epoch: ref.epoch, ...step };
  const history = { $slice: [{ $concatArrays: ["$history", [entry]] }, -historyLimit] };
  const running = { status: "running", rev: randomUUID(), lease, expires_at: { $toDate: deadline }, history };
  const isOwn = { $eq: ["$lease.lease_id", { $literal: claimId }] };
  const claimed = { $cond: [isOwn, "$$ROOT", { $mergeObjects: ["$$ROOT", running] }] };
  return { filter, update: [{ $replaceWith: claimed }, { $unset: "queue_order" }] };
}
