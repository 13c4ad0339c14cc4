import type { RecordCache } from "./record-cache.ts";
import type { ShardRow, TaskRow } from "./rows.ts";
import type { Session } from "./session.ts";

/** What the rooms of one SQLite store share. */
export interface StoreParts {
  readonly connection: Session;
  readonly now: () => number;
  readonly tasks: RecordCache<TaskRow>;
  readonly shards: RecordCache<ShardRow>;
  /** Lengths of logs that this process appends to, by {@link logKey}. */
  readonly lengths: RecordCache<number>;
  /** The last place that this process gave in the queue, while nobody else can have given a later one. */
  readonly queue: { last: number | undefined };
}

export const logKey = (shardPk: number, generation: number): string => `${shardPk}:${generation}`;
