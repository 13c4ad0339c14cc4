import type { Page, PageRequest } from "../ports/index.ts";

/* Lists of a driver, from rows of which it read one more than the limit. */

/** Splits rows, in the order of their time `at`, at the first that is not due; one more than `limit` was read. */
export function splitDue<TRow extends { readonly at: number }>(rows: readonly TRow[], limit: number, now: number) {
  const due = rows.slice(0, limit).filter(({ at }) => at <= now);
  const next = rows[due.length];
  return { due, nextInMs: next === undefined ? undefined : Math.max(0, next.at - now) };
}

/** The page behind a cursor, by descending `pk`. */
export function newestPage<TRow extends { readonly pk: number }, TItem>(
  { cursor, limit }: PageRequest,
  read: (before: number, limit: number) => readonly TRow[],
  itemOf: (row: TRow) => TItem,
): Page<TItem> {
  const rows = read(cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor), limit + 1);
  const items = rows.slice(0, limit).map(itemOf);
  return rows.length > limit ? { items, cursor: String(rows[limit - 1]?.pk) } : { items };
}
