import type { IndexDescription } from "mongodb";
import { type Documents, registryFormats } from "./documents.ts";

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
