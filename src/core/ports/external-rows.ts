import type { Metrics } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import type { Attempt, EpochRef, ShardRecord, ShardRef } from "../model/records.ts";

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
export interface ExternalRows {
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

/** A row as every program knows it: named by its batch, with no place in a log. */
export interface PlainRow {
  readonly batchUid: string;
  readonly meta: Json;
  readonly metrics: Metrics;
}

/** The artifacts of a database that another program's coordinators use: rows, and nothing else that is ours. */
export interface PlainRows {
  /** Connects, and creates nothing. */
  open(): Promise<void>;
  /** Lets go of the database. */
  close(): Promise<void>;
  /** The batches that a node has rows of, the oldest first. */
  uids(ref: ShardRef): Promise<string[]>;
  /** These rows, as far as they are there. */
  read(ref: ShardRef, uids: readonly string[]): Promise<PlainRow[]>;
  /** Whether the node says that it has no more. */
  isComplete(ref: ShardRef): Promise<boolean>;
  /** Writes the row, over one of the same name. */
  write(ref: EpochRef, row: PlainRow & { readonly workerId: string }): Promise<void>;
  /** Says that the node has no more, by the one row of it that has no `batch_uid`. */
  complete(ref: EpochRef, end: { readonly meta: Json; readonly workerId: string }): Promise<void>;
}
