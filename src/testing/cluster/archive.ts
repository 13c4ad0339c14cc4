import { type Artifact, logOf, type ShardRecord, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { TaskLookup } from "./all-tasks.ts";

/** Every artifact that was ever stored, kept by the world itself: the store may have dropped some by the end. */
export class Archive {
  readonly #logs = new Map<string, Artifact[]>();
  /** By shard, of all its generations. */
  readonly #uids = new Map<string, Set<string>>();

  add(ref: ShardRef, generation: number, artifact: Artifact): void {
    const key = keyOf(ref, generation);
    const log = this.#logs.get(key);
    if (log === undefined) this.#logs.set(key, [artifact]);
    else log.push(artifact);
    const uids = this.#uids.get(shardKey(ref)) ?? new Set();
    this.#uids.set(shardKey(ref), uids.add(artifact.uid));
  }

  /** Whether this shard has stored a batch of this name. */
  has(ref: ShardRef, uid: string): boolean {
    return this.#uids.get(shardKey(ref))?.has(uid) ?? false;
  }

  /** All that a shard stored in its current output, or the one that it was adopted from. */
  of(record: ShardRecord): readonly Artifact[] {
    return this.#logs.get(keyOf(logOf(record), record.generation)) ?? [];
  }
}

const keyOf = (ref: ShardRef, generation: number): string => `${shardKey(ref)}/${generation}`;

/** How many of a shard's artifacts the store doesn't have any more. */
export const droppedOf = (tasks: TaskLookup, record: ShardRecord): number =>
  tasks.shard(logOf(record))?.logs[record.generation]?.dropped ?? 0;

/** What a store still has is what was stored. */
export function checkKept(tasks: TaskLookup, record: ShardRecord, stored: readonly Artifact[]): string[] {
  const dropped = droppedOf(tasks, record);
  const kept = tasks.shard(logOf(record))?.logs[record.generation]?.read(dropped, stored.length) ?? [];
  const isKept = kept !== "dropped" && stored.slice(dropped).every((artifact, index) => kept[index] === artifact);
  return isKept ? [] : [`of ${stored.length} artifacts ${dropped} are dropped, and the rest isn't there`];
}
