import type { Attempt, EpochRef, ShardRecord, ShardRef } from "../model.ts";

/** Why a worker that isn't ours can't read what a node has stored. */
export interface UnreadableSource {
  readonly nodeId: string;
  /** `too_long`: it has more batches than such a worker reads. `no_object`: one of them isn't an object. */
  readonly problem: "too_long" | "no_object";
}

/** What became of a row: its place in the log; `missing`: nobody has written it. */
export type Stamped = { readonly seq: number } | "fenced" | "cancelling" | "missing";

/**
 * What a store can do whose artifacts other programs read and write themselves. A row of theirs has no place in a log:
 * it exists for readers of ours from its stamp on.
 */
export interface ForeignRows {
  /**
   * Makes what these shards have stored readable for a worker that isn't ours: removes what was withdrawn, and gives
   * rows times that grow with their seq. Forgets what an earlier attempt of the reader has claimed of them, and what it
   * has written that no log has: the next one writes it again.
   */
  prepare(
    reader: EpochRef & { readonly generation: number },
    sources: { readonly records: readonly ShardRecord[]; readonly longest: number },
  ): Promise<UnreadableSource | undefined>;
  /** Reads the fence (the holder), then gives the row the next seq of this generation; one that has it keeps it. */
  stamp(attempt: Attempt, row: { readonly generation: number; readonly batchUid: string }): Promise<Stamped>;
  /** Stamps what this worker has written in the attempt's own epoch and never named: the oldest first. */
  stampRest(
    attempt: Attempt,
    of: { readonly generation: number; readonly workerId: string },
  ): Promise<"ok" | "fenced" | "cancelling">;
  /** Removes what workers wrote to say that a node has no more: its log says so itself, and a node has one such row. */
  removeEnd(ref: ShardRef): Promise<void>;
}
