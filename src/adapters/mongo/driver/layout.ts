import type { Collection, Db, Document, IndexDescription } from "mongodb";
import { FlowError } from "../../../errors/index.ts";
import type {
  ArtifactDocument,
  DeadLetterDocument,
  LayoutDocument,
  LimitDocument,
  NodeDocument,
  TaskDocument,
  WorkerDocument,
} from "./documents.ts";

/** Goes up with every change to collections or indexes that an older version of this store would break. */
const version = 1;

export interface Collections {
  readonly tasks: Collection<TaskDocument>;
  readonly nodes: Collection<NodeDocument>;
  readonly artifacts: Collection<ArtifactDocument>;
  readonly limits: Collection<LimitDocument>;
  readonly workers: Collection<WorkerDocument>;
  readonly deadLetters: Collection<DeadLetterDocument>;
  readonly layout: Collection<LayoutDocument>;
  /** What other programs have claimed to read: theirs. */
  readonly streamProgress: Collection<Document>;
}

export const logIndex = "log";
export const originIndex = "origins";

/** A silent worker is shown to people for so long. */
const workerKeptSec = 3_600;

const indexes: Readonly<Record<Exclude<keyof Collections, "layout" | "streamProgress">, readonly IndexDescription[]>> =
  {
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
      {
        name: logIndex,
        key: { task_id: 1, node_id: 1, shard: 1, generation: 1, seq: 1 },
        unique: true,
        partialFilterExpression: { seq: { $exists: true } },
      },
      { name: "batch_uid", key: { task_id: 1, node_id: 1, batch_uid: 1 }, unique: true },
      {
        name: originIndex,
        key: {
          task_id: 1,
          node_id: 1,
          shard: 1,
          generation: 1,
          "origin.source": 1,
          "origin.seq": 1,
          "origin.chunk": 1,
        },
        partialFilterExpression: { seq: { $exists: true } },
      },
    ],
    limits: [{ name: "holders_of_task", key: { "holders.task_id": 1 } }],
    workers: [{ name: "silent", key: { alive_until: 1 }, expireAfterSeconds: workerKeptSec }],
    deadLetters: [
      { name: "list", key: { list_order: -1 } },
      { name: "old", key: { expire_at: 1 }, expireAfterSeconds: 0 },
    ],
  };

/** The collections, each with what a store that decides needs: writes that stay, and reads of what stays. */
export function collectionsOf(db: Db, options: { readonly prefix: string; readonly timeoutMs: number }): Collections {
  const settings = {
    writeConcern: { w: "majority", journal: true },
    readConcern: { level: "majority" },
    readPreference: "primary",
    ignoreUndefined: true,
    promoteValues: true,
    promoteLongs: true,
    timeoutMS: options.timeoutMs,
  } as const;
  const named = (name: string) => `${options.prefix}${name}`;
  return {
    tasks: db.collection(named("tasks"), settings),
    nodes: db.collection(named("nodes"), settings),
    artifacts: db.collection(named("artifacts"), settings),
    limits: db.collection(named("limits"), settings),
    workers: db.collection(named("worker_registry"), settings),
    deadLetters: db.collection(named("dead_letters"), settings),
    layout: db.collection(named("layout"), settings),
    streamProgress: db.collection(named("stream_progress"), settings),
  };
}

/**
 * Creates what is missing: may be called again, and by several processes at once.
 *
 * @throws FlowError `STORE_VERSION` for a database of a newer layout
 */
export async function migrate(collections: Collections): Promise<void> {
  await checkLayout(collections, { missingIsFine: true });
  for (const [name, wanted] of Object.entries(indexes) as [keyof typeof indexes, IndexDescription[]][]) {
    await collections[name].createIndexes(wanted);
  }
  // The last step: where it says so, all indexes are there.
  await collections.layout.updateOne({ _id: "layout" }, { $max: { version } }, { upsert: true });
}

/** Whether the database has the layout of this version. False: an earlier one, or none. */
export async function checkLayout(
  collections: Collections,
  { missingIsFine }: { readonly missingIsFine: boolean },
): Promise<boolean> {
  const there = (await collections.layout.findOne({ _id: "layout" }))?.version ?? 0;
  if (there > version) {
    throw new FlowError(
      "STORE_VERSION",
      `this MongoDB database has layout ${there}, this version of flowkit supports layouts up to ${version}: update flowkit`,
    );
  }
  if (there < version && !missingIsFine) {
    throw new FlowError(
      "STORE_VERSION",
      `this MongoDB database has layout ${there}, this version of flowkit needs ${version}: call migrate() once`,
    );
  }
  return there === version;
}
