import type { MemoryState } from "../../adapters/memory/index.ts";
import type { ShardEntry, TaskEntry } from "../../adapters/memory/memory-state.ts";
import {
  type Artifact,
  isOutput,
  isTaskTerminal,
  logOf,
  type ShardRecord,
  type ShardRef,
  shardKey,
} from "../../core/model/records.ts";
import type { NewTask } from "../../core/ports/index.ts";

/** Where checks look up tasks. */
export interface TaskLookup {
  readonly tasks: Pick<MemoryState["tasks"], "get">;
  shard(ref: ShardRef): ShardEntry | undefined;
}

/** All tasks of a cluster, including deleted ones, whose output is checked as well. */
export class AllTasks implements TaskLookup {
  readonly tasks: Pick<MemoryState["tasks"], "get">;
  readonly #deleted = new Map<string, TaskEntry>();
  readonly #refusedKeys = new Set<string>();

  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
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

  /** All child tasks, or those of one task. */
  childrenOf(taskId?: string): readonly TaskEntry[] {
    const all = [...this.#state.tasks.values(), ...this.#deleted.values()];
    return all.filter(({ record: { parent } }) => parent !== undefined && (taskId ?? parent.taskId) === parent.taskId);
  }

  isDeleted(id: string): boolean {
    return this.#deleted.has(id);
  }

  /** No request may create a task with this key any more. */
  refuse(idempotencyKey: string): void {
    this.#refusedKeys.add(idempotencyKey);
  }

  /** Whether a request to create this task was in flight for longer than the task existed. */
  isRefused({ id, idempotencyKey = "" }: Pick<NewTask, "id" | "idempotencyKey">): boolean {
    return this.#deleted.has(id) || this.#refusedKeys.has(idempotencyKey);
  }
}

/** Every artifact that was ever stored; the store itself may drop some. */
export class Archive {
  readonly #logs = new Map<string, Artifact[]>();
  /** By shard, over all generations. */
  readonly #uids = new Map<string, Set<string>>();

  add(ref: ShardRef, generation: number, artifact: Artifact): void {
    const key = keyOf(ref, generation);
    const log = this.#logs.get(key);
    if (log === undefined) this.#logs.set(key, [artifact]);
    else log.push(artifact);
    const uids = this.#uids.get(shardKey(ref)) ?? new Set();
    this.#uids.set(shardKey(ref), uids.add(artifact.uid));
  }

  /** Whether this shard has stored a batch with this uid. */
  has(ref: ShardRef, uid: string): boolean {
    return this.#uids.get(shardKey(ref))?.has(uid) ?? false;
  }

  /** All artifacts in a shard's current log, or in the log that it adopted. */
  of(record: ShardRecord): readonly Artifact[] {
    return this.log(logOf(record), record.generation);
  }

  /** The outputs among them, in the order of the input. */
  inOrder(record: ShardRecord): readonly Artifact[] {
    return inOrder(this.of(record)).filter(isOutput);
  }

  log(ref: ShardRef, generation: number): readonly Artifact[] {
    return this.#logs.get(keyOf(ref, generation)) ?? [];
  }
}

/** Sorts by the stored places, without the engine's code. */
export const inOrder = (artifacts: readonly Artifact[]): readonly Artifact[] =>
  artifacts.toSorted((a, b) => {
    const [x, y] = [placeOf(a), placeOf(b)];
    const at = x.findIndex((part, index) => part !== y[index]);
    return at === -1 ? a.seq - b.seq : (x[at] ?? 0) - (y[at] ?? 0);
  });

export const placeOf = ({ seq, origin }: Artifact): readonly number[] => origin.place ?? [seq];

const keyOf = (ref: ShardRef, generation: number): string => `${shardKey(ref)}/${generation}`;

/** How many of a shard's artifacts the store has dropped. */
export const droppedOf = (tasks: TaskLookup, record: ShardRecord): number =>
  tasks.shard(logOf(record))?.logs[record.generation]?.dropped ?? 0;

/** The artifacts that the store still has are the ones that were stored. */
export function checkKept(tasks: TaskLookup, record: ShardRecord, stored: readonly Artifact[]): string[] {
  const dropped = droppedOf(tasks, record);
  const kept = tasks.shard(logOf(record))?.logs[record.generation]?.read(dropped, stored.length) ?? [];
  const isKept = kept !== "dropped" && stored.slice(dropped).every((artifact, index) => kept[index] === artifact);
  return isKept ? [] : [`${dropped} of ${stored.length} artifacts are dropped, and the rest is incomplete`];
}
