import type { Document, IndexDescription } from "mongodb";
import {
  type Artifact,
  type Attempt,
  type BatchFailure,
  type DeadLetter,
  type NewArtifact,
  type Origin,
  type ShardRef,
  shardKey,
  type WorkerRecord,
} from "../../../core/model/records.ts";
import type { RegistryEntry, RegistryKind } from "../../../core/ports/index.ts";
import { entryOf } from "../../../core/store/driver.ts";
import type { Metrics } from "../../../definitions/index.ts";
import type { Json } from "../../../errors/index.ts";
import { checkSize, converted, date, jsonField, jsonOf, type Mapping, mapping } from "./fields.ts";
import { type NodeDocument, type Revised, refFields, type ShardRefDocument, type TaskDocument } from "./records.ts";

/** The documents of each collection. */
export interface Documents {
  readonly tasks: TaskDocument;
  readonly nodes: NodeDocument;
  readonly artifacts: ArtifactDocument;
  readonly limits: LimitDocument;
  readonly workers: RegistryDocument;
  readonly workersSeen: RegistryDocument;
  readonly deadLetters: RegistryDocument;
  readonly schedules: RegistryDocument;
  readonly pausedFlows: RegistryDocument;
  readonly rates: RegistryDocument;
  readonly taskLogs: RegistryDocument;
  readonly layout: LayoutDocument;
  /** Written by external workers only: the batches that they have claimed to read. */
  readonly streamProgress: Document;
}

export const collectionNames: Readonly<Record<keyof Documents, string>> = {
  tasks: "tasks",
  nodes: "nodes",
  artifacts: "artifacts",
  limits: "limits",
  workers: "worker_registry",
  workersSeen: "workers_seen",
  deadLetters: "dead_letters",
  schedules: "schedules",
  pausedFlows: "paused_flows",
  rates: "rates",
  taskLogs: "task_logs",
  layout: "layout",
  streamProgress: "stream_progress",
};

// ---- artifacts

/** An artifact (`partial`), or the complete marker of a log (`complete`). */
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
  /** The batch was set aside. */
  readonly failure?: BatchFailure;
  readonly meta?: unknown;
  readonly created_at: Date;
}

export const logFilter = (ref: ShardRef, generation: number) => ({ ...refFields(ref), generation });

/** A projection to the fields that {@link uidOf} reads, and the status. */
export const uidOnly = { batch_uid: 1, generation: 1, status: 1 } as const;

/** A projection that omits the content of an artifact. */
export const entryOnly = { meta: 0, meta_json: 0, metrics: 0, metrics_json: 0 } as const;

/** The position of an entry in a log, and its author. */
export interface Place {
  readonly attempt: Attempt;
  readonly workerId: string | undefined;
  readonly generation: number;
  readonly seq: number;
  /** The server's time, in ms. */
  readonly now: number;
}

/**
 * Unique within (task, node) over all generations: the uid itself in generation 0, with a suffix in later ones. A uid
 * that ends like such a suffix, or starts like a marker's, has the suffix in generation 0, too.
 */
export const batchUid = (uid: string, generation: number): string =>
  generation === 0 && !/\.g\d+$/.test(uid) && !uid.startsWith(markerPrefix) ? uid : `${uid}.g${generation}`;

const markerPrefix = "__complete__.";

export const uidOf = (doc: Pick<ArtifactDocument, "_id" | "batch_uid" | "generation">): string => {
  const { batch_uid, generation } = doc;
  const suffix = `.g${generation}`;
  return isOwn(doc) && batch_uid.endsWith(suffix) ? batch_uid.slice(0, -suffix.length) : batch_uid;
};

/** The other rows were written by external workers, which choose `batch_uid` themselves and may store any BSON. */
const isOwn = ({ _id }: { readonly _id: unknown }): boolean => typeof _id === "string";

export function artifactDocument(place: Place, { uid, origin, meta, metrics, failure }: NewArtifact): ArtifactDocument {
  const document = {
    ...placed(place),
    batch_uid: batchUid(uid, place.generation),
    status: "partial",
    origin: originOf(origin),
    ...(failure === undefined ? {} : { failure }),
    ...jsonField("meta", meta),
    ...jsonField("metrics", metrics),
  } as const;
  return checkSize(document, `the artifact '${uid}' of node '${place.attempt.nodeId}'`);
}

/** Whether this attempt has appended this artifact. */
export const isEntryOf = (doc: ArtifactDocument | undefined, { claimId }: Attempt, { uid }: NewArtifact): boolean =>
  doc?.status === "partial" && doc.claim_id === claimId && uidOf(doc) === uid;

/** The complete marker of a log: its seq is the one after the last artifact's. */
export function markerDocument(place: Place, result: Json | undefined): ArtifactDocument {
  const document = {
    ...placed(place),
    batch_uid: `${markerPrefix}${place.attempt.shard}.${place.generation}`,
    status: "complete",
    ...jsonField("meta", result),
  } as const;
  return checkSize(document, `the result of node '${place.attempt.nodeId}'`);
}

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
  meta: isOwn(doc) ? (jsonOf<Json>(doc, "meta") ?? null) : plainJson(doc.meta),
  metrics: jsonOf<Metrics>(doc, "metrics") ?? {},
  ...(isOwn(doc) && doc.failure !== undefined ? { failure: doc.failure } : {}),
});

/** Values that JSON lacks (dates, object IDs, decimals) in their own JSON form. */
export const plainJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));

/** Rows of external workers have none. */
export const originOf = (origin: Origin = { source: "", seq: 0, chunk: 0 }): Origin => {
  const { source, seq, chunk, to, open, aside, place, traceparent } = origin;
  return {
    ...{ source, seq, chunk },
    ...(to === undefined ? {} : { to }),
    ...(open === undefined ? {} : { open }),
    ...(aside === undefined ? {} : { aside }),
    ...(place === undefined ? {} : { place }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
};

// ---- limits, the registry, the layout

export interface LimitDocument {
  /** The key of the limit. */
  readonly _id: string;
  readonly holders: readonly object[];
}

/** An entry of the registry: the fields of its value beside these. */
export interface RegistryDocument extends Revised {
  readonly list_order: string;
  readonly due_at?: Date;
  readonly expire_at?: Date;
}

const workerRecords = mapping<WorkerRecord>({
  id: "worker_id",
  types: "roles",
  capacity: converted<number, { readonly tasks: number }>(
    "capacity",
    (tasks) => ({ tasks }),
    ({ tasks }) => tasks,
  ),
  running: "running",
});

const deadLetterRecords = mapping<DeadLetter>({
  id: "_id",
  topic: "topic",
  key: "key",
  body: "body",
  reason: "reason",
  at: date("at"),
});

/** Where each kind is stored, and as what: workers and dead letters by field, for other programs to read. */
export const registryFormats: Readonly<Record<RegistryKind, RegistryFormat>> = {
  worker: formatOf("workers", workerRecords),
  worker_seen: formatOf("workersSeen"),
  dead_letter: formatOf("deadLetters", deadLetterRecords),
  schedule: formatOf("schedules"),
  paused_flow: formatOf("pausedFlows"),
  rate: formatOf("rates"),
  task_log: formatOf("taskLogs"),
};

export type RegistryCollection =
  | "workers"
  | "workersSeen"
  | "deadLetters"
  | "schedules"
  | "pausedFlows"
  | "rates"
  | "taskLogs";

interface RegistryFormat {
  readonly of: RegistryCollection;
  entryOf(document: RegistryDocument): RegistryEntry;
  documentOf(entry: RegistryEntry, more: Pick<RegistryDocument, "_id" | "rev" | "list_order">): RegistryDocument;
}

function formatOf<TValue extends object>(of: RegistryCollection, values: Mapping<TValue> = whole()): RegistryFormat {
  return {
    of,
    entryOf: (document) =>
      entryOf(values.toRecord(document), { dueAt: document.due_at?.getTime(), until: document.expire_at?.getTime() }),
    documentOf: ({ value, dueAt, until }, more) => ({
      ...values.toDocument(value as TValue),
      ...more,
      ...(dueAt === undefined ? {} : { due_at: new Date(dueAt) }),
      ...(until === undefined ? {} : { expire_at: new Date(until) }),
    }),
  };
}

/** The value in one field. */
function whole<TValue>(): Mapping<TValue> {
  return {
    toDocument: (value) => jsonField("value", value as Json),
    toRecord: (document) => jsonOf<TValue>(document, "value") as TValue,
  };
}

export interface LayoutDocument {
  readonly _id: "layout";
  readonly version: number;
}

// ---- indexes

export const logIndex = "log";
export const originIndex = "last_origins";

const logKey = { task_id: 1, node_id: 1, shard: 1, generation: 1 } as const;
/** Rows of external workers have no seq until they are part of a log. */
const inLog = { seq: { $exists: true } };

const registryIndexes: readonly IndexDescription[] = [
  { name: "list", key: { list_order: -1 } },
  { name: "due", key: { due_at: 1 }, sparse: true },
  { name: "old", key: { expire_at: 1 }, expireAfterSeconds: 0 },
];

/** By collection. */
export const indexes: Readonly<Partial<Record<keyof Documents, readonly IndexDescription[]>>> = {
  tasks: [
    { name: "idempotency_key", key: { idempotency_key: 1 }, unique: true, sparse: true },
    { name: "list", key: { list_order: -1 } },
    { name: "list_of_status", key: { status: 1, list_order: -1 } },
    { name: "sweep", key: { sweep_at: 1 }, sparse: true },
    { name: "deadline", key: { deadline_at: 1 }, sparse: true },
    { name: "ended", key: { ended_at: 1 }, sparse: true },
    { name: "borrowers", key: { borrows_from: 1 }, sparse: true },
  ],
  nodes: [
    { name: "shard", key: { task_id: 1, node_id: 1, shard: 1 }, unique: true },
    {
      name: "queue",
      key: { type: 1, priority: -1, ready_at: 1, queue_order: 1 },
      partialFilterExpression: { status: "queued" },
    },
    { name: "expiry", key: { expires_at: 1 }, sparse: true },
    { name: "deferred", key: { next_retry_at: 1 }, sparse: true },
  ],
  artifacts: [
    { name: logIndex, key: { ...logKey, seq: 1 }, unique: true, partialFilterExpression: inLog },
    { name: "batch_uid", key: { task_id: 1, node_id: 1, batch_uid: 1 }, unique: true },
    { name: originIndex, key: { ...logKey, "origin.source": 1, seq: 1 }, partialFilterExpression: inLog },
  ],
  limits: [{ name: "holders_of_task", key: { "holders.task_id": 1 } }],
  ...Object.fromEntries(Object.values(registryFormats).map(({ of }) => [of, registryIndexes])),
};
