import { keepShard } from "../../core/codec/index.ts";
import type { Cause, ShardRecord } from "../../core/model/records.ts";
import { dropConsumedBy } from "./consumption.ts";
import type { NodeEntry, ShardEntry, TaskEntry } from "./memory-state.ts";
import type { StoreContext } from "./store-context.ts";

/* The only places that put a shard's record in place: the indexes over it follow here. */

export function insertShard(context: StoreContext, task: TaskEntry, record: ShardRecord): void {
  const node = nodeEntry(task, record.nodeId);
  const entry: ShardEntry = { task, node, record: keepShard(record), logs: [] };
  node.shards[record.shard] = entry;
  index(context, entry);
  if (record.status === "finished") {
    // Adopted.
    node.finishedShards++;
    if ((record.count ?? 0) > 0) node.hasArtifacts = true;
    if (context.dropConsumed !== false) dropConsumedBy(entry);
  }
  const born = record.history[0];
  if (born !== undefined) context.observe?.({ kind: "shard", from: "absent", cause: born.cause, record });
}

/** Puts the record of a move in place. */
export function replaceShard(context: StoreContext, entry: ShardEntry, next: ShardRecord, cause: Cause): void {
  const from = entry.record.status;
  unindex(context, entry, next);
  entry.record = keepShard(next);
  index(context, entry);
  if (next.status === "finished") {
    entry.node.finishedShards++;
    if (context.dropConsumed !== false) dropConsumedBy(entry);
  }
  context.observe?.({ kind: "shard", from, cause, record: next });
}

/** Puts a record with the same status in place. */
export function amendShard(
  context: StoreContext,
  entry: ShardEntry,
  next: ShardRecord,
  kind: "renewed" | "restarted" | "reported",
): void {
  entry.record = keepShard(next);
  context.observe?.({ kind, record: next });
}

function index({ state }: StoreContext, entry: ShardEntry): void {
  const { record } = entry;
  if (record.status === "queued") state.enqueue(entry);
  if (record.dueAt !== undefined) state.deferred.push({ entry, epoch: record.epoch, dueAt: record.dueAt });
  if (record.lease !== undefined) state.leased.add(entry);
}

function unindex({ state }: StoreContext, entry: ShardEntry, next: ShardRecord): void {
  const { record } = entry;
  if (next.lease === undefined) state.leased.delete(entry);
  if (record.status === "queued") state.queues.get(record.type)?.buried();
  if (record.status === "deferred") state.deferred.buried();
}

function nodeEntry(task: TaskEntry, nodeId: string): NodeEntry {
  const known = task.nodes.get(nodeId);
  if (known !== undefined) return known;
  const node: NodeEntry = { shards: [], hasArtifacts: false, finishedShards: 0 };
  task.nodes.set(nodeId, node);
  return node;
}
