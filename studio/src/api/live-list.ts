import type { InfiniteData } from "@tanstack/react-query";
import type { ListEvents, TaskPage, TaskRow } from "./source.ts";

export type TaskPages = InfiniteData<TaskPage, string | undefined>;

/** The pages after a change. New tasks go to the first page, since the newest come first. */
export function mergedPages(pages: TaskPages, { changed, removed }: ListEvents["tasks"]): TaskPages {
  const news = new Map(changed.map((row) => [row.id, row]));
  const gone = new Set(removed);
  const seen = new Set<string>();
  const updated = pages.pages.map((page) => {
    const items = page.items.flatMap((row) => {
      seen.add(row.id);
      return gone.has(row.id) ? [] : [news.get(row.id) ?? row];
    });
    return { ...page, items };
  });
  const added = changed.filter((row) => !seen.has(row.id) && isLoaded(pages, row));
  const [first, ...rest] = updated;
  if (first === undefined || added.length === 0) return { ...pages, pages: updated };
  const items = [...added, ...first.items].toSorted((a, b) => b.createdAt - a.createdAt);
  return { ...pages, pages: [{ ...first, items }, ...rest] };
}

/** Whether it belongs to the pages that were read: an older one comes with its page. */
function isLoaded({ pages }: TaskPages, row: TaskRow): boolean {
  const last = pages.at(-1);
  if (last?.cursor === undefined) return true;
  const oldest = pages.flatMap(({ items }) => items).at(-1);
  return oldest !== undefined && row.createdAt >= oldest.createdAt;
}
