import { expiresAt } from "../../../core/model/index.ts";
import {
  type Artifact,
  type Attempt,
  type DeadLetter,
  type HistoryEntry,
  type Lease,
  type NewArtifact,
  type Origin,
  type ShardRecord,
  type ShardRef,
  type ShardStatus,
  shardKey,
  type TaskFailure,
  type TaskRecord,
  type TaskStatus,
  type TaskSummary,
  type VarsRecord,
  type WorkerRecord,
} from "../../../core/model/records.ts";
import type { TaskState } from "../../../core/store/driver.ts";
import type { Metrics } from "../../../definitions/index.ts";
import type { Json } from "../../../errors/index.ts";
import { graphHash } from "../../../graph/index.ts";
import { converted, date, type Fields, json, jsonField, jsonOf, list, mapping, nested } from "./fields.ts";

/*
 * What is in the collections: each mapping names the document's field for each field of a record; the interfaces have
 * what queries and indexes use.
 */

/** Each write sets a new, random `rev` and requires the one it has read: a compare-and-set. */
interface Revised {
  readonly _id: string;
  readonly rev: string;
}

// ---- tasks

export interface TaskDocument extends Revised {
  /** `deleted`: reads skip it, and whoever comes across it removes what is left of it. */
  readonly status: TaskStatus | "deleted";
  readonly name?: string;
  readonly graph_hash: string;
  readonly idempotency_key?: string;
  readonly borrows_from?: readonly string[];
  /** Set while it isn't known yet whether another task borrows from this one, which is to be deleted. */
  readonly removal_asked?: true;
  readonly list_order: string;
  /** While it is open. */
  readonly sweep_at?: Date;
  /** Identifies the sweep that took it. */
  readonly swept_by?: string;
  /** While it is running; `deadline` is there for ever. */
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
  stack: "stack",
});

const stateFields: Fields<TaskState> = {
  id: "_id",
  priority: "priority",
  status: "status",
  failure: nested("failure", failures),
  cancelReason: "cancel_reason",
  idempotencyKey: "idempotency_key",
  traceparent: "traceparent",
  retryOf: "retry_of",
  borrowsFrom: "borrows_from",
  createdAt: date("created_at"),
  deadlineAt: date("deadline"),
  endedAt: date("ended_at"),
};

export const taskStates = mapping<TaskState>(stateFields);
export const taskSummaries = mapping<TaskSummary>({ ...stateFields, name: "name" });
export const taskRecords = mapping<TaskRecord>({ ...stateFields, graph: json("graph"), params: json("params") });
export const taskVars = mapping<VarsRecord>({
  vars: json("vars"),
  version: "vars_version",
  appliedBy: "vars_applied",
});

/** Leaves out what may be large. */
export const headOnly = { graph: 0, graph_json: 0, params: 0, params_json: 0, vars: 0, vars_json: 0 } as const;

export function taskDocument(
  record: TaskRecord,
  { vars, ...more }: { readonly vars: VarsRecord; readonly rev: string; readonly list_order: string },
): TaskDocument {
  const { graph, deadlineAt } = record;
  const createdAt = new Date(record.createdAt);
  return {
    ...taskRecords.toDocument(record),
    ...taskVars.toDocument(vars),
    ...more,
    _id: record.id,
    status: record.status,
    ...(graph.name === undefined ? {} : { name: graph.name }),
    graph_hash: graphHash(graph),
    sweep_at: createdAt,
    ...(deadlineAt === undefined ? {} : { deadline_at: new Date(deadlineAt) }),
    updated_at: createdAt,
  };
}

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
  /** While it is queued: orders those that were ready at the same time. */
  readonly queue_order?: string;
  readonly lease?: { readonly worker_id: string; readonly lease_id: string; readonly deadline_ts_ms: number };
  /** When the lease may be taken: the earlier of its deadline and `cancel_by`. */
  readonly expires_at?: Date;
  readonly next_retry_at?: Date;
}

/** IDs come from outside: one that isn't a string would be an operator. */
export function checkedId(id: string): string {
  if (typeof id !== "string") throw new TypeError(`an id must be a string, got ${typeof id}`);
  return id;
}

export const refFields = ({ taskId, nodeId, shard }: ShardRef): ShardRefDocument => ({
  task_id: checkedId(taskId),
  node_id: checkedId(nodeId),
  shard,
});

export const refOf = ({ task_id, node_id, shard }: ShardRefDocument): ShardRef => ({
  taskId: task_id,
  nodeId: node_id,
  shard,
});

const refNames = { taskId: "task_id", nodeId: "node_id", shard: "shard" } as const;

/** The fields always come in this order: to a server another order is another holder. */
export const holders = mapping<Attempt>({ ...refNames, epoch: "attempt_epoch", claimId: "claim_id" });

/** No artifact is dropped here, so nobody asks for the holder's habits. */
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
});

export const shardRecords = mapping<ShardRecord>({
  ...refNames,
  epoch: "attempt_epoch",
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
  cancelBy: date("cancel_by"),
  generation: "generation",
  sourceGens: "source_gens",
  chosen: "chosen",
  count: "count",
  artifactsOf: nested("artifacts_of", mapping<ShardRef>(refNames)),
  checkpoint: json("checkpoint"),
  cursors: "cursors",
  progress: "progress",
  result: json("result"),
  metrics: json("metrics"),
  failure: nested("failure", failures),
  history: list("history", historyEntries),
});

/** @param more - `queue_order` of a shard that is queued */
export function shardDocument(
  record: ShardRecord,
  more: { readonly rev: string; readonly queue_order?: string },
): NodeDocument {
  const expiry = expiresAt(record);
  return {
    ...shardRecords.toDocument(record),
    ...more,
    // Node IDs and numbers are without `:`, so no two shards share one, whatever the task's ID is.
    _id: shardKey(record),
    ...(expiry === undefined ? {} : { expires_at: new Date(expiry) }),
  } as NodeDocument;
}

// ---- artifacts

/** An artifact (`partial`), or what closes a log behind the last one (`complete`). */
export interface ArtifactDocument extends ShardRefDocument {
  readonly _id: string;
  readonly generation: number;
  readonly seq: number;
  /** Unique within (task, node). */
  readonly batch_uid: string;
  readonly status: "partial" | "complete";
  readonly attempt_epoch: number;
  readonly claim_id: string;
  readonly worker_id?: string;
  readonly origin?: Origin;
  readonly meta?: unknown;
  readonly created_at: Date;
}

/** Where an entry of a log goes, and who writes it. */
export interface Place {
  readonly attempt: Attempt;
  readonly workerId: string | undefined;
  readonly generation: number;
  readonly seq: number;
  /** The server's time, in ms. */
  readonly now: number;
}

/**
 * Unique within (task, node) over all generations: the uid itself in the first one, with a suffix in later ones. A uid
 * that ends like that by itself, or looks like a marker's, has the suffix in the first one too.
 */
export const batchUid = (uid: string, generation: number): string =>
  generation === 0 && !/\.g\d+$/.test(uid) && !uid.startsWith(markerPrefix) ? uid : `${uid}.g${generation}`;

const markerPrefix = "__complete__.";

export const uidOf = (doc: Pick<ArtifactDocument, "_id" | "batch_uid" | "generation">): string => {
  const { batch_uid, generation } = doc;
  const suffix = `.g${generation}`;
  return isOurs(doc) && batch_uid.endsWith(suffix) ? batch_uid.slice(0, -suffix.length) : batch_uid;
};

/** A row that another program wrote is called as that calls it, and may hold whatever BSON can. */
const isOurs = ({ _id }: { readonly _id: unknown }): boolean => typeof _id === "string";

export const artifactDocument = (place: Place, { uid, origin, meta, metrics }: NewArtifact): ArtifactDocument => ({
  ...placed(place),
  batch_uid: batchUid(uid, place.generation),
  status: "partial",
  origin: originOf(origin),
  ...jsonField("meta", meta),
  ...jsonField("metrics", metrics),
});

/** What closes a log: it takes the place behind the last artifact. */
export const markerDocument = (place: Place, result: Json | undefined): ArtifactDocument => ({
  ...placed(place),
  batch_uid: `${markerPrefix}${place.attempt.shard}.${place.generation}`,
  status: "complete",
  ...jsonField("meta", result),
});

const placed = ({ attempt, workerId, generation, seq, now }: Place) => ({
  _id: `${shardKey(attempt)}:${generation}:${seq}`,
  ...refFields(attempt),
  generation,
  seq,
  attempt_epoch: attempt.epoch,
  claim_id: attempt.claimId,
  ...(workerId === undefined ? {} : { worker_id: workerId }),
  created_at: new Date(now),
});

export const artifactOf = (doc: ArtifactDocument): Artifact => ({
  seq: doc.seq,
  uid: uidOf(doc),
  epoch: doc.attempt_epoch,
  claimId: doc.claim_id,
  origin: originOf(doc.origin),
  meta: isOurs(doc) ? (jsonOf<Json>(doc, "meta") ?? null) : plainJson(doc.meta),
  metrics: jsonOf<Metrics>(doc, "metrics") ?? {},
});

/** What BSON has besides JSON (times, IDs, decimals) as it writes itself. */
export const plainJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));

export const originOf = (origin: Origin | undefined): Origin => ({
  source: origin?.source ?? "",
  seq: origin?.seq ?? 0,
  chunk: origin?.chunk ?? 0,
});

// ---- limits, workers, dead letters, the layout

export interface LimitDocument {
  /** Its key. */
  readonly _id: string;
  readonly holders: readonly object[];
}

export interface WorkerDocument {
  readonly _id: string;
  readonly last_seen: Date;
  /** Until then it counts as alive. */
  readonly alive_until: Date;
}

export const workers = mapping<WorkerRecord>({
  id: "worker_id",
  types: "roles",
  capacity: converted<number, { readonly tasks: number }>(
    "capacity",
    (tasks) => ({ tasks }),
    ({ tasks }) => tasks,
  ),
  running: "running",
});

export interface DeadLetterDocument {
  readonly _id: string;
  readonly list_order: string;
  readonly expire_at: Date;
}

export const deadLetters = mapping<DeadLetter>({
  id: "_id",
  topic: "topic",
  key: "key",
  body: "body",
  reason: "reason",
  at: date("at"),
});

export interface LayoutDocument {
  readonly _id: "layout";
  readonly version: number;
}
