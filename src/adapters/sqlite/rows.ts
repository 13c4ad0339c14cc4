import type { SQLOutputValue } from "node:sqlite";
import { jsonTooLarge } from "../../core/codec/index.ts";
import type { ShardRef } from "../../core/model/records.ts";
import type { Page } from "../../core/ports/index.ts";

/** A row that a statement returned. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** A record with the key of its row. */
export interface Keyed<TRecord> {
  readonly pk: number;
  readonly record: TRecord;
}

export const refAt = ({ task_id, node_id, shard }: Row): ShardRef => ({
  taskId: String(task_id),
  nodeId: String(node_id),
  shard: Number(shard),
});

/** Splits rows in the order of their time `at`, one more than `limit` if there are that many, at the first that is not due. */
export function splitDue(rows: readonly Row[], limit: number, now: number) {
  const due = rows.slice(0, limit).filter(({ at }) => Number(at) <= now);
  const next = rows[due.length];
  return { due, nextInMs: next === undefined ? undefined : Math.max(0, Number(next.at) - now) };
}

/** What `pk` is below in the page behind this cursor. */
export const pageStart = (cursor: string | undefined): number =>
  cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);

/** A page of rows in descending order of `pk`, of which one more than `limit` was read. */
export function pageOf<TItem>(rows: readonly Row[], limit: number, itemsOf: (row: Row) => TItem[]): Page<TItem> {
  const page = rows.slice(0, limit);
  const items = page.flatMap(itemsOf);
  return rows.length > limit ? { items, cursor: String(page.at(-1)?.pk) } : { items };
}

/** The most that SQLite takes as one value, as it is built. */
const mostBytes = 1_000_000_000;
const mostBytesAChar = 3;

/**
 * JSON as its column stores it.
 *
 * @param what - how an error names the value
 * @throws FlowError `RECORD_TOO_LARGE`: here and not from a statement, which would close the connection
 */
export function jsonText(value: unknown, what: string): string {
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw error instanceof RangeError ? jsonTooLarge(what) : error; // longer than a string can be
  }
  if (text.length * mostBytesAChar > mostBytes && Buffer.byteLength(text) > mostBytes) throw jsonTooLarge(what);
  return text;
}
