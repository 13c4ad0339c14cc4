import type { Metrics } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import type { Attempt, EpochRef, ShardRecord, ShardRef } from "../model/records.ts";

/** Why an external worker cannot read what a node has stored. */
export interface UnreadableSource {
  readonly nodeId: string;
  /** `too_long`: it has more batches than external workers read. `no_object`: one of its batches is not an object. */
  readonly problem: "too_long" | "no_object";
}

/** The outcome of stamping a row: its seq in the log; `missing`: the row does not exist. */
export type Stamped = { readonly seq: number } | "fenced" | "cancelling" | "missing";

/**
 * What a store supports if external programs read and write artifacts directly. Their rows have no position in a log:
 * readers in the engine see a row once it is stamped.
 */
export interface ExternalRows {
  /**
   * Makes what these shards have stored readable for an external worker: removes withdrawn rows, and gives rows times
   * that grow with their seq. Deletes an earlier attempt's claims on them, and the reader's own rows that are not in a
   * log; the next attempt writes them again.
   */
  prepare(
    reader: EpochRef & { readonly generation: number },
    sources: { readonly records: readonly ShardRecord[]; readonly longest: number },
  ): Promise<UnreadableSource | undefined>;
  /** Checks the fence, then gives the row the next seq of this generation; a stamped row keeps its seq. */
  stamp(attempt: Attempt, row: { readonly generation: number; readonly batchUid: string }): Promise<Stamped>;
  /** Stamps the rows that this worker wrote in the attempt's own epoch but never reported, the oldest first. */
  stampRest(
    attempt: Attempt,
    of: { readonly generation: number; readonly workerId: string },
  ): Promise<"ok" | "fenced" | "cancelling">;
  /** Removes workers' rows that mark the end of a node: its log has its own marker, and a node may have only one such row. */
  removeEnd(ref: ShardRef): Promise<void>;
}

/** A row in the format of external programs: identified by its batch, without a position in a log. */
export interface PlainRow {
  readonly batchUid: string;
  readonly meta: Json;
  readonly metrics: Metrics;
}

/** The artifacts in a database of external coordinators: only rows, no records of the engine. */
export interface PlainRows {
  /** Connects without creating anything. */
  open(): Promise<void>;
  /** Closes the connection. */
  close(): Promise<void>;
  /** The uids of the node's rows, the oldest first. */
  uids(ref: ShardRef): Promise<string[]>;
  /** Those of these rows that exist. */
  read(ref: ShardRef, uids: readonly string[]): Promise<PlainRow[]>;
  /** Whether the node is marked as complete. */
  isComplete(ref: ShardRef): Promise<boolean>;
  /** Writes the row, replacing one with the same name. */
  write(ref: EpochRef, row: PlainRow & { readonly workerId: string }): Promise<void>;
  /** Marks the node as complete, by its only row without a `batch_uid`. */
  complete(ref: EpochRef, end: { readonly meta: Json; readonly workerId: string }): Promise<void>;
}
