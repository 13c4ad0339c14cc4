import type { MemoryState } from "../../adapters/memory/index.ts";
import type { ShardEntry, TaskEntry } from "../../adapters/memory/memory-state.ts";
import { isTaskTerminal, type ShardRef } from "../../core/model/records.ts";
import type { NewTask } from "../../core/ports/index.ts";

/** Where checks look up what tasks left behind. */
export interface TaskLookup {
  readonly tasks: Pick<MemoryState["tasks"], "get">;
  shard(ref: ShardRef): ShardEntry | undefined;
}

/** All tasks that a world has had, those that were deleted too: what they stored is judged all the same. */
export class AllTasks implements TaskLookup {
  readonly tasks: Pick<MemoryState["tasks"], "get">;
  readonly #deleted = new Map<string, TaskEntry>();
  readonly #refusedKeys = new Set<string>();

  constructor(state: MemoryState) {
    this.tasks = { get: (id) => state.tasks.get(id) ?? this.#deleted.get(id) };
  }

  shard({ taskId, nodeId, shard }: ShardRef): ShardEntry | undefined {
    return this.tasks.get(taskId)?.nodes.get(nodeId)?.shards[shard];
  }

  hasEnded(id: string): boolean {
    return isTaskTerminal(this.tasks.get(id)?.record.status ?? "running");
  }

  deleted(entry: TaskEntry): void {
    const { id, idempotencyKey } = entry.record;
    this.#deleted.set(id, entry);
    if (idempotencyKey !== undefined) this.refuse(idempotencyKey);
  }

  isDeleted(id: string): boolean {
    return this.#deleted.has(id);
  }

  /** Nobody wants a task of this key any more. */
  refuse(idempotencyKey: string): void {
    this.#refusedKeys.add(idempotencyKey);
  }

  /** Whether a request to create this task is one that was on its way for longer than the task lived. */
  isRefused({ id, idempotencyKey = "" }: Pick<NewTask, "id" | "idempotencyKey">): boolean {
    return this.#deleted.has(id) || this.#refusedKeys.has(idempotencyKey);
  }
}
