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
import type { ArtifactLogs } from "./artifact-logs.ts";
import { logIndex } from "./layout.ts";
import { shardRecord } from "./shard-documents.ts";
import { insertShard, moveShardRecord } from "./shard-writes.ts";
import { checkedId, type StoreParts } from "./store-parts.ts";
import { readLiveHead } from "./task-reads.ts";

/** What coordinators do with shards. */
export class ShardTable {
  readonly #parts: StoreParts;
  readonly #logs: ArtifactLogs;

  constructor(parts: StoreParts, logs: ArtifactLogs) {
    this.#parts = parts;
    this.#logs = logs;
  }

  async read(taskId: string, nodeIds?: readonly string[]): Promise<ShardRecord[]> {
    if (nodeIds?.length === 0) return [];
    const ofNodes = nodeIds === undefined ? {} : { node_id: nodeIds.length === 1 ? nodeIds[0] : { $in: [...nodeIds] } };
    const docs = await this.#parts.session.ask(({ nodes }) =>
      nodes
        .find({ task_id: checkedId(taskId), ...ofNodes } as object)
        .sort({ node_id: 1, shard: 1 })
        .toArray(),
    );
    const records = docs.map(shardRecord);
    if (nodeIds === undefined || nodeIds.length === 1) return records;
    const byNode = Map.groupBy(records, ({ nodeId }) => nodeId);
    return nodeIds.flatMap((nodeId) => byNode.get(nodeId) ?? []);
  }

  async hasArtifacts(taskId: string, nodeId: string): Promise<boolean> {
    const stored = await this.#parts.session.ask(({ artifacts }) =>
      artifacts.findOne(
        { task_id: checkedId(taskId), node_id: nodeId, seq: { $gte: 0 }, status: "partial" },
        { projection: { _id: 1 }, hint: logIndex },
      ),
    );
    if (stored !== null) return true;
    return (await this.read(taskId, [nodeId])).some((record) => (record.count ?? 0) > 0);
  }

  async dispatch(ref: ShardRef, init: DispatchInit): Promise<"dispatched" | "exists"> {
    // A task that was deleted is the tombstone of all its shards.
    const task = await readLiveHead(this.#parts, ref.taskId);
    if (task === undefined) return "exists";
    const record = createShard(ref, { ...init, status: "queued", at: task.now });
    return (await insertShard(this.#parts, record)) ? "dispatched" : "exists";
  }

  async adopt(ref: ShardRef, from: Parameters<Store["adopt"]>[1]): Promise<"adopted" | "exists"> {
    const task = await readLiveHead(this.#parts, ref.taskId);
    if (task === undefined) return "exists";
    return (await insertShard(this.#parts, adoptShard(ref, { ...from, at: task.now }))) ? "adopted" : "exists";
  }

  async cancel(ref: ShardRef, init: Parameters<Store["cancelShard"]>[1]): Promise<ShardStatus> {
    const { type, graceMs } = init;
    for (;;) {
      const status = await moveShardRecord<ShardStatus | undefined>(this.#parts, ref, (record, now) => {
        const next = record && cancelShard(record, { graceMs, now });
        return { answer: (next ?? record)?.status, ...(next === undefined ? {} : { next }) };
      });
      if (status !== undefined) return status;
      const task = await readLiveHead(this.#parts, ref.taskId);
      if (task === undefined) return "cancelled";
      const tombstone = createShard(ref, { type, priority: 0, status: "cancelled", at: task.now });
      if (await insertShard(this.#parts, tombstone)) return "cancelled";
    }
  }

  async expire(ref: EpochRef, maxLost: number): Promise<ShardRecord | undefined> {
    return this.#move(ref, async (record, now) => {
      const stored = record === undefined ? 0 : await this.#logs.length(record, record.generation);
      return expireShard(record, ref, { maxLost, stored, now });
    });
  }

  async requeue(ref: EpochRef): Promise<ShardRecord | undefined> {
    return this.#move(ref, (record, now) => requeueShard(record, ref, { now }));
  }

  async supersede(ref: EpochRef): Promise<ShardRecord | undefined> {
    return this.#move(ref, (record, now) => supersedeShard(record, ref, { now }));
  }

  #move(
    ref: EpochRef,
    move: (record: ShardRecord | undefined, now: number) => ShardRecord | undefined | Promise<ShardRecord | undefined>,
  ): Promise<ShardRecord | undefined> {
    return moveShardRecord(this.#parts, ref, async (record, now) => {
      const next = await move(record, now);
      return { answer: next, ...(next === undefined ? {} : { next }) };
    });
  }
}
