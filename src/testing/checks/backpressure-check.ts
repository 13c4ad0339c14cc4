import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import { type ShardRecord, type ShardRef, shardKey, sourceKey } from "../../engine/model.ts";

/**
 * A producer with a limit stores nothing that makes a consumer lag by more, once it can have seen that the consumer runs:
 * it looks after half of the limit, and one insert more may be on its way.
 */
export class BackpressureCheck {
  readonly #state: MemoryState;
  readonly #violated: (ref: ShardRef, what: string) => void;
  /** By the consumer's claim and the producer's log: how long that was when the consumer first said that it reads it. */
  readonly #since = new Map<string, number>();

  constructor(state: MemoryState, violated: (ref: ShardRef, what: string) => void) {
    this.#state = state;
    this.#violated = violated;
  }

  reported({ taskId, lease, cursors, sourceGens }: ShardRecord): void {
    for (const source of Object.keys(cursors ?? {})) {
      const [nodeId = "", shard] = source.split("/");
      const generation = sourceGens[source] ?? 0;
      const key = `${lease?.claimId} ${source} ${generation}`;
      const log = this.#state.shard({ taskId, nodeId, shard: Number(shard) })?.logs[generation];
      if (!this.#since.has(key)) this.#since.set(key, log?.length ?? 0);
    }
  }

  artifact({ ref, generation, artifact }: MemoryStoreEvent & { readonly kind: "artifact" }): void {
    const task = this.#state.tasks.get(ref.taskId);
    const max = task?.record.graph.nodes.find(({ node_id }) => node_id === ref.nodeId)?.io?.max_pending_batches;
    if (task === undefined || max === undefined) return;
    const source = sourceKey(ref.nodeId, ref.shard);
    const entries = [...task.nodes.values()].flatMap(({ shards }) => shards.flatMap((entry) => entry ?? []));
    for (const { record } of entries) {
      const cursor = record.cursors?.[source];
      if (cursor === undefined || record.status !== "running" || (record.sourceGens[source] ?? 0) !== generation)
        continue;
      const since = this.#since.get(`${record.lease?.claimId} ${source} ${generation}`);
      if (since === undefined || artifact.seq <= since + Math.ceil(Number(max) / 2) + 1) continue;
      const pending = artifact.seq + 1 - cursor;
      if (pending > Number(max)) this.#violated(ref, `${shardKey(record)} is ${pending} batches behind, of ${max}`);
    }
  }
}
