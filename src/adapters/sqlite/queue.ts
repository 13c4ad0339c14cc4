import type { EpochRef, ShardRecord } from "../../core/model/records.ts";
import type { QueuedRef, Store } from "../../core/ports/index.ts";
import type { Row } from "./rows.ts";
import { shardRow } from "./shard-rows.ts";
import type { StoreParts } from "./store-parts.ts";

const none: ReadonlySet<string> = new Set();

interface Queued {
  readonly record: ShardRecord;
  readonly order: number;
}

const columns = "task_id, node_id, shard, queue_order";
const inOrder = "ORDER BY priority DESC, ready_at, queue_order LIMIT ? + 0";

/** What looks for shards whose time has come. */
export class Queue {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** One look a type, each along the index; merged here, since one over several types would sort all that is queued. */
  async peek(...[types, limit, except = none, only]: Parameters<Store["peekQueue"]>): Promise<QueuedRef[]> {
    const { connection } = this.#parts;
    return connection.read(() => {
      const queued = types.flatMap((type) => this.#ofType(type, limit, { except, only }));
      if (types.length > 1) queued.sort(byTurn);
      return queued.slice(0, limit).map(({ record }) => ({ ...refOf(record), type: record.type }));
    });
  }

  #ofType(
    type: string,
    limit: number,
    { except, only }: { readonly except: ReadonlySet<string>; readonly only: ReadonlySet<string> | undefined },
  ): readonly Queued[] {
    const { connection } = this.#parts;
    // Whoever has no exceptions, which is most, doesn't pay for the table function.
    const tasks = [
      ...(except.size === 0 ? [] : [{ among: "NOT IN", ids: except }]),
      ...(only === undefined ? [] : [{ among: "IN", ids: only }]),
    ];
    const conditions = tasks.map(({ among }) => ` AND task_id ${among} (SELECT value FROM json_each(?))`).join("");
    const rows = connection
      .sql(`SELECT ${columns} FROM shards WHERE status = 'queued' AND type = ?${conditions} ${inOrder}`)
      .all(type, ...tasks.map(({ ids }) => JSON.stringify([...ids])), limit);
    return rows.flatMap((row) => {
      const record = this.#recordOf(row);
      return record === undefined ? [] : [{ record, order: Number(row.queue_order) }];
    });
  }

  #recordOf(row: Row): ShardRecord | undefined {
    const ref = { taskId: String(row.task_id), nodeId: String(row.node_id), shard: Number(row.shard) };
    return shardRow(this.#parts, ref)?.record;
  }

  async expired(limit: number): Promise<EpochRef[]> {
    const { connection, now } = this.#parts;
    return connection.read(() =>
      connection
        .sql(`SELECT ${columns} FROM shards WHERE expires_at <= ? ORDER BY expires_at LIMIT ? + 0`)
        .all(now(), limit)
        .flatMap((row) => this.#recordOf(row) ?? [])
        .map(refOf),
    );
  }

  async dueDeferred(limit: number): ReturnType<Store["dueDeferred"]> {
    const { connection } = this.#parts;
    const now = this.#parts.now();
    return connection.read(() => {
      const rows = connection
        .sql(`SELECT ${columns}, due_at FROM shards WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ? + 0`)
        .all(limit + 1);
      const due = rows.slice(0, limit).filter((row) => Number(row.due_at) <= now);
      const next = rows[due.length];
      return {
        due: due.flatMap((row) => this.#recordOf(row) ?? []).map(refOf),
        nextInMs: next === undefined ? undefined : Math.max(0, Number(next.due_at) - now),
      };
    });
  }
}

const refOf = ({ taskId, nodeId, shard, epoch }: ShardRecord): EpochRef => ({ taskId, nodeId, shard, epoch });

const byTurn = (a: Queued, b: Queued): number =>
  b.record.priority - a.record.priority || a.record.readyAt - b.record.readyAt || a.order - b.order;
