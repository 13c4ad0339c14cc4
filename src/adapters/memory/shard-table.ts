import {
  adoptShard,
  cancelShard,
  createShard,
  expireShard,
  expiresAt,
  requeueShard,
  supersedeShard,
} from "../../core/model/index.ts";
import type { EpochRef, ShardRecord, ShardRef, ShardStatus } from "../../core/model/records.ts";
import type { DispatchInit, QueuedRef, Store } from "../../core/ports/index.ts";
import { LazyHeap } from "./lazy-heap.ts";
import type { NodeEntry, QueuedItem } from "./memory-state.ts";
import { insertShard, replaceShard } from "./shard-entries.ts";
import type { StoreContext } from "./store-context.ts";

/** What coordinators do with shards, and the queue. */
export class ShardTable {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async read(taskId: string, nodeIds?: readonly string[]): Promise<ShardRecord[]> {
    const { state, step } = this.#context;
    const nodes = state.tasks.get(taskId)?.nodes;
    if (nodes === undefined) return [];
    const records: ShardRecord[] = [];
    for (const nodeId of nodeIds ?? [...nodes.keys()]) {
      const node: NodeEntry | undefined = nodes.get(nodeId);
      if (node === undefined) continue;
      for (const entry of node.shards) {
        if (entry === undefined) continue;
        if (step !== undefined) await step("readShards");
        records.push(entry.record);
      }
    }
    return records;
  }

  async hasArtifacts(taskId: string, nodeId: string): Promise<boolean> {
    return this.#context.state.tasks.get(taskId)?.nodes.get(nodeId)?.hasArtifacts ?? false;
  }

  async dispatch(ref: ShardRef, init: DispatchInit): Promise<"dispatched" | "exists"> {
    const { state, now } = this.#context;
    const task = state.tasks.get(ref.taskId);
    // A task that was dropped whole is the tombstone of all its shards.
    if (task === undefined || state.shard(ref) !== undefined) return "exists";
    insertShard(this.#context, task, createShard(ref, { ...init, status: "queued", at: now() }));
    return "dispatched";
  }

  async adopt(ref: ShardRef, from: Parameters<Store["adopt"]>[1]): Promise<"adopted" | "exists"> {
    const { state, now } = this.#context;
    const task = state.tasks.get(ref.taskId);
    if (task === undefined || state.shard(ref) !== undefined) return "exists";
    insertShard(this.#context, task, adoptShard(ref, { ...from, at: now() }));
    return "adopted";
  }

  async cancel(ref: ShardRef, init: Parameters<Store["cancelShard"]>[1]): Promise<ShardStatus> {
    const { state, now } = this.#context;
    const task = state.tasks.get(ref.taskId);
    if (task === undefined) return "cancelled";
    const entry = state.shard(ref);
    if (entry === undefined) {
      const tombstone = createShard(ref, { type: init.type, priority: 0, status: "cancelled", at: now() });
      insertShard(this.#context, task, tombstone);
      return "cancelled";
    }
    const next = cancelShard(entry.record, { graceMs: init.graceMs, now: now() });
    if (next !== undefined) replaceShard(this.#context, entry, next, "cancel");
    return entry.record.status;
  }

  async expiredLeases(limit: number): Promise<EpochRef[]> {
    const now = this.#context.now();
    const expired: EpochRef[] = [];
    for (const { record } of this.#context.state.leased) {
      if (expired.length >= limit) break;
      if ((expiresAt(record) ?? Number.POSITIVE_INFINITY) <= now) expired.push(epochRef(record));
    }
    return expired;
  }

  async expire(ref: EpochRef, maxLost: number): Promise<ShardRecord | undefined> {
    const entry = this.#context.state.shard(ref);
    const stored = entry?.logs[entry.record.generation]?.length ?? 0;
    const next = expireShard(entry?.record, ref, { maxLost, stored, now: this.#context.now() });
    if (entry !== undefined && next !== undefined) replaceShard(this.#context, entry, next, "expire");
    return next;
  }

  async dueDeferred(limit: number): ReturnType<Store["dueDeferred"]> {
    const now = this.#context.now();
    const first = LazyHeap.firstOf([this.#context.state.deferred], limit + 1);
    const due = first.slice(0, limit).filter((item) => item.dueAt <= now);
    const next = first[due.length];
    return {
      due: due.map(({ entry }) => epochRef(entry.record)),
      nextInMs: next === undefined ? undefined : Math.max(0, next.dueAt - now),
    };
  }

  async requeue(ref: EpochRef): Promise<ShardRecord | undefined> {
    const entry = this.#context.state.shard(ref);
    const next = requeueShard(entry?.record, ref, { now: this.#context.now() });
    if (entry !== undefined && next !== undefined) replaceShard(this.#context, entry, next, "requeue");
    return next;
  }

  async supersede(ref: EpochRef): Promise<ShardRecord | undefined> {
    const entry = this.#context.state.shard(ref);
    const next = supersedeShard(entry?.record, ref, { now: this.#context.now() });
    if (entry !== undefined && next !== undefined) replaceShard(this.#context, entry, next, "supersede");
    return next;
  }

  async peekQueue(...[types, limit, except, only]: Parameters<Store["peekQueue"]>): Promise<QueuedRef[]> {
    const { queues } = this.#context.state;
    const filled = types.flatMap((type) => queues.get(type) ?? []);
    const isWanted = (taskId: string) => !except?.has(taskId) && (only?.has(taskId) ?? true);
    const wanted = (except ?? only) && (({ entry }: QueuedItem) => isWanted(entry.record.taskId));
    return LazyHeap.firstOf(filled, limit, wanted).map(({ entry: { record } }) => ({
      ...epochRef(record),
      type: record.type,
    }));
  }
}

const epochRef = ({ taskId, nodeId, shard, epoch }: EpochRef): EpochRef => ({ taskId, nodeId, shard, epoch });
