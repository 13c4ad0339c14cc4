import {
  adoptShard,
  cancelShard,
  createShard,
  expireShard,
  requeueShard,
  supersedeShard,
} from "../../core/model/index.ts";
import type { EpochRef, ShardRecord, ShardRef, ShardStatus } from "../../core/model/records.ts";
import type { DispatchInit, Store } from "../../core/ports/index.ts";
import { ArtifactLog } from "./artifact-log.ts";
import { insertShard, replaceShard, shardRow } from "./shard-rows.ts";
import type { StoreParts } from "./store-parts.ts";
import { taskRow } from "./task-rows.ts";

/** What coordinators do with shards. */
export class ShardTable {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async read(taskId: string, nodeIds?: readonly string[]): Promise<ShardRecord[]> {
    const { connection } = this.#parts;
    return connection.read(() => {
      if (nodeIds !== undefined) return nodeIds.flatMap((nodeId) => this.#ofNode(taskId, nodeId));
      const rows = connection
        .sql(
          "SELECT node_id, shard, min(pk) OVER (PARTITION BY node_id) AS first FROM shards WHERE task_id = ? ORDER BY first, shard",
        )
        .all(taskId);
      return rows.flatMap((row) => {
        const found = shardRow(this.#parts, { taskId, nodeId: String(row.node_id), shard: Number(row.shard) });
        return found === undefined ? [] : [found.record];
      });
    });
  }

  async hasArtifacts(taskId: string, nodeId: string): Promise<boolean> {
    const { connection } = this.#parts;
    return connection.read(() => {
      const stored = connection.sql(
        `SELECT 1 FROM shards s WHERE s.task_id = ? AND s.node_id = ?
           AND EXISTS (SELECT 1 FROM artifacts a WHERE a.shard_pk = s.pk) LIMIT 1`,
      );
      if (stored.get(taskId, nodeId) !== undefined) return true;
      return this.#ofNode(taskId, nodeId).some((record) => (record.count ?? 0) > 0);
    });
  }

  async dispatch(ref: ShardRef, init: DispatchInit): Promise<"dispatched" | "exists"> {
    const { connection, now } = this.#parts;
    return connection.write(() => {
      // A task that was deleted is the tombstone of all its shards.
      if (this.#isTaken(ref)) return "exists";
      insertShard(this.#parts, createShard(ref, { ...init, status: "queued", at: now() }));
      return "dispatched";
    });
  }

  async adopt(ref: ShardRef, from: Parameters<Store["adopt"]>[1]): Promise<"adopted" | "exists"> {
    const { connection, now } = this.#parts;
    return connection.write(() => {
      if (this.#isTaken(ref)) return "exists";
      insertShard(this.#parts, adoptShard(ref, { ...from, at: now() }));
      return "adopted";
    });
  }

  async cancel(ref: ShardRef, init: Parameters<Store["cancelShard"]>[1]): Promise<ShardStatus> {
    const { connection, now } = this.#parts;
    return connection.write(() => {
      if (taskRow(this.#parts, ref.taskId) === undefined) return "cancelled";
      const row = shardRow(this.#parts, ref);
      if (row === undefined) {
        insertShard(this.#parts, createShard(ref, { type: init.type, priority: 0, status: "cancelled", at: now() }));
        return "cancelled";
      }
      const next = cancelShard(row.record, { graceMs: init.graceMs, now: now() });
      if (next !== undefined) replaceShard(this.#parts, row, next);
      return (next ?? row.record).status;
    });
  }

  async expire(ref: EpochRef, maxLost: number): Promise<ShardRecord | undefined> {
    return this.#move(ref, (record, pk) => {
      const stored = record === undefined ? 0 : new ArtifactLog(this.#parts, pk, record.generation).count();
      return expireShard(record, ref, { maxLost, stored, now: this.#parts.now() });
    });
  }

  async requeue(ref: EpochRef): Promise<ShardRecord | undefined> {
    return this.#move(ref, (record) => requeueShard(record, ref, { now: this.#parts.now() }));
  }

  async supersede(ref: EpochRef): Promise<ShardRecord | undefined> {
    return this.#move(ref, (record) => supersedeShard(record, ref, { now: this.#parts.now() }));
  }

  #move(
    ref: EpochRef,
    move: (record: ShardRecord | undefined, pk: number) => ShardRecord | undefined,
  ): ShardRecord | undefined {
    return this.#parts.connection.write(() => {
      const row = shardRow(this.#parts, ref);
      const next = move(row?.record, row?.pk ?? -1);
      if (row !== undefined && next !== undefined) replaceShard(this.#parts, row, next);
      return next;
    });
  }

  #isTaken(ref: ShardRef): boolean {
    return taskRow(this.#parts, ref.taskId) === undefined || shardRow(this.#parts, ref) !== undefined;
  }

  #ofNode(taskId: string, nodeId: string): ShardRecord[] {
    const rows = this.#parts.connection
      .sql("SELECT shard FROM shards WHERE task_id = ? AND node_id = ? ORDER BY shard")
      .all(taskId, nodeId);
    return rows.flatMap((row) => shardRow(this.#parts, { taskId, nodeId, shard: Number(row.shard) })?.record ?? []);
  }
}
