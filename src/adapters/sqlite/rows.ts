import type { SQLOutputValue } from "node:sqlite";
import type { ShardRecord, TaskRecord } from "../../core/model/records.ts";

/** What SQLite gives. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** A record with the key of its row. */
export interface ShardRow {
  readonly pk: number;
  readonly record: ShardRecord;
}

export interface TaskRow {
  readonly pk: number;
  readonly record: TaskRecord;
}
