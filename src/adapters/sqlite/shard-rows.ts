import { keepShard } from "../../core/codec/index.ts";
import { expiresAt } from "../../core/model/index.ts";
import { type ShardRecord, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { ShardRow } from "./rows.ts";
import type { StoreParts } from "./store-parts.ts";

/*
 * The only places that read and write a shard's record: the columns that indexes stand on follow here. Records are
 * remembered, and handed out as they are.
 */

export function shardRow({ connection, shards }: StoreParts, ref: ShardRef): ShardRow | undefined {
  const key = shardKey(ref);
  const known = shards.get(key);
  if (known !== undefined) return known;
  const row = connection
    .sql("SELECT pk, record FROM shards WHERE task_id = ? AND node_id = ? AND shard = ?")
    .get(ref.taskId, ref.nodeId, ref.shard);
  if (row === undefined) return undefined;
  const read = { pk: Number(row.pk), record: keepShard(JSON.parse(String(row.record)) as ShardRecord) };
  shards.set(key, read);
  return read;
}

export function insertShard(parts: StoreParts, record: ShardRecord): void {
  const { connection, shards } = parts;
  const { lastInsertRowid } = connection
    .sql(
      `INSERT INTO shards (task_id, node_id, shard, type, status, record, priority, ready_at, queue_order, due_at,
         expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(record.taskId, record.nodeId, record.shard, record.type, ...columnsOf(parts, record));
  shards.set(shardKey(record), { pk: Number(lastInsertRowid), record: keepShard(record) });
}

export function replaceShard(parts: StoreParts, { pk }: ShardRow, next: ShardRecord): void {
  const { connection, shards } = parts;
  connection
    .sql(
      `UPDATE shards SET status = ?, record = ?, priority = ?, ready_at = ?, queue_order = ?, due_at = ?,
         expires_at = ? WHERE pk = ?`,
    )
    .run(...columnsOf(parts, next), pk);
  shards.set(shardKey(next), { pk, record: keepShard(next) });
}

function columnsOf(parts: StoreParts, record: ShardRecord) {
  return [
    record.status,
    JSON.stringify(record),
    record.priority,
    record.readyAt,
    record.status === "queued" ? nextInQueue(parts) : null,
    record.dueAt ?? null,
    expiresAt(record) ?? null,
  ] as const;
}

/** Higher than that of any shard in the queue. */
function nextInQueue({ connection, queue }: StoreParts): number {
  queue.last ??= Number(
    connection.sql("SELECT max(queue_order) AS last FROM shards WHERE queue_order IS NOT NULL").get()?.last ?? 0,
  );
  return ++queue.last;
}
