import type { Metrics } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import type { EpochRef, ShardRef } from "../model.ts";

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
