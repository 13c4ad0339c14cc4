import type { EpochRef, ShardRecord } from "../../engine/model.ts";
import type { QueuedRef, Store } from "../../engine/ports/index.ts";
import type { StoreParts } from "./store-parts.ts";

const none: ReadonlySet<string> = new Set();

interface Queued {
  readonly ref: QueuedRef;
  readonly priority: number;
  readonly readyAt: number;
  readonly order: number;
}

/** What looks for shards whose time has come. */
export class Queue {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** One look a type, each along the index; merged here, since one over several types would sort all that is queued. */
  async peek(types: readonly string[], limit: number, except: ReadonlySet<string> = none): Promise<QueuedRef[]> {
    const { connection } = this.#parts;
    const look = connection.sql(
      `SELECT record, type, priority, ready_at, queue_order FROM shards WHERE status = 'queued' AND type = ?
         AND task_id NOT IN (SELECT value FROM json_each(?)) ORDER BY priority DESC, ready_at, queue_order LIMIT ?`,
    );
    const exceptJson = JSON.stringify([...except]);
    const found = connection.read(() => types.flatMap((type) => look.all(type, exceptJson, limit)));
    const queued = found.map(
      (row): Queued => ({
        ref: { ...refOf(row.record), type: String(row.type) },
        priority: Number(row.priority),
        readyAt: Number(row.ready_at),
        order: Number(row.queue_order),
      }),
    );
    if (types.length > 1) queued.sort((a, b) => b.priority - a.priority || a.readyAt - b.readyAt || a.order - b.order);
    return queued.slice(0, limit).map(({ ref }) => ref);
  }

  async expired(limit: number): Promise<EpochRef[]> {
    const { connection, now } = this.#parts;
    const rows = connection.read(() =>
      connection.sql("SELECT record FROM shards WHERE expires_at <= ? ORDER BY expires_at LIMIT ?").all(now(), limit),
    );
    return rows.map(({ record }) => refOf(record));
  }

  async dueDeferred(limit: number): ReturnType<Store["dueDeferred"]> {
    const { connection } = this.#parts;
    const now = this.#parts.now();
    const rows = connection.read(() =>
      connection
        .sql("SELECT record, due_at FROM shards WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ?")
        .all(limit + 1),
    );
    const due = rows.slice(0, limit).filter((row) => Number(row.due_at) <= now);
    const next = rows[due.length];
    return {
      due: due.map(({ record }) => refOf(record)),
      nextInMs: next === undefined ? undefined : Math.max(0, Number(next.due_at) - now),
    };
  }
}

function refOf(json: unknown): EpochRef {
  const { taskId, nodeId, shard, epoch } = JSON.parse(String(json)) as ShardRecord;
  return { taskId, nodeId, shard, epoch };
}
