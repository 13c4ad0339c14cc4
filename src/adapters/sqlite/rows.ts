import type { ShardRecord, TaskRecord } from "../../engine/model.ts";

/** A record with the key of its row. */
export interface ShardRow {
  readonly pk: number;
  readonly record: ShardRecord;
}

export interface TaskRow {
  readonly pk: number;
  readonly record: TaskRecord;
}
