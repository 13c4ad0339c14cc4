import type { ListEvents, StudioSource, TaskFilter, TaskPage, TaskRow, Waiting } from "./source.ts";

type Change = ListEvents["tasks"];

interface Page extends TaskPage {
  /** The cursor at which it begins. `undefined`: at the newest run. */
  readonly from: string | undefined;
  /** It was read before some changes that were missed. */
  readonly isStale: boolean;
}

/** What is known of the runs that match a filter. */
export interface Runs {
  /** The newest first. */
  readonly rows: readonly TaskRow[];
  readonly hasMore: boolean;
  /** Nothing was read yet. */
  readonly isPending: boolean;
  readonly error: Error | null;
  /** By the ids of those that are shown and wait: what for. */
  readonly waiting: ReadonlyMap<string, Waiting>;
}

/** How many rows before the end of those that are known the next page is read. */
const ahead = 400;
/** A read that failed is tried again, as long as the list is open. */
const retryMs = 2_000;
/** How often to ask what the runs that are shown wait for, which the stream does not report; soon once others are shown. */
const waitingMs = 2_000;
const soonMs = 200;
const mostAsked = 100;

/**
 * The runs that match a filter: read page by page as they are shown, and kept up to date by a stream. After an interruption,
 * pages may be out of date: each is read again once it is shown.
 */
export class RunList {
  readonly #source: Pick<StudioSource, "tasks" | "streamTasks" | "waiting">;
  readonly #filter: TaskFilter;
  readonly #listeners = new Set<() => void>();
  #pages: readonly Page[] = [];
  #error: Error | null = null;
  #waiting: ReadonlyMap<string, Waiting> = new Map();
  #runs: Runs = { rows: [], hasMore: false, isPending: true, error: null, waiting: this.#waiting };
  /** The rows that are shown. */
  #shown = { first: 0, last: 0 };
  #isOpen = false;
  /** The page that is being read, and the changes since: its answer may be older. */
  #reading: { readonly stop: AbortController; readonly changes: Change[] } | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #ask: ReturnType<typeof setTimeout> | undefined;

  constructor(source: Pick<StudioSource, "tasks" | "streamTasks" | "waiting">, filter: TaskFilter) {
    this.#source = source;
    this.#filter = filter;
  }

  /** Listens to changes, and reads what is shown. @returns what stops that */
  open(): () => void {
    this.#isOpen = true;
    const close = this.#source.streamTasks(this.#filter, {
      reset: () => this.#reset(),
      tasks: (change) => this.#apply(change),
    });
    void this.#read();
    this.#askSoon();
    return () => {
      this.#isOpen = false;
      close();
      this.#stopReading();
      clearTimeout(this.#ask);
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly current = (): Runs => this.#runs;

  /** Says which rows are shown, by their indexes. */
  show(first: number, last: number): void {
    if (first === this.#shown.first && last === this.#shown.last) return;
    this.#shown = { first, last };
    void this.#read();
    this.#askSoon();
  }

  #reset(): void {
    this.#stopReading();
    this.#pages = this.#pages.map((page) => ({ ...page, isStale: true }));
    void this.#read();
  }

  #apply(change: Change): void {
    this.#reading?.changes.push(change);
    this.#pages = mergedPages(this.#pages, change);
    this.#publish();
    this.#askSoon();
  }

  #stopReading(): void {
    clearTimeout(this.#retry);
    this.#reading?.stop.abort();
    this.#reading = undefined;
  }

  /** One page after another, until all that is shown has been read. */
  async #read(): Promise<void> {
    while (this.#isOpen && this.#reading === undefined) {
      const index = this.#wanted();
      if (index === undefined) return;
      const from = this.#pages[index]?.from ?? this.#pages[index - 1]?.cursor;
      const reading = { stop: new AbortController(), changes: [] };
      this.#reading = reading;
      try {
        const page = await this.#source.tasks(this.#filter, from, reading.stop.signal);
        if (this.#reading !== reading) return;
        this.#place(index, { ...page, from, isStale: false }, reading.changes);
        this.#error = null;
      } catch (error) {
        if (this.#reading !== reading) return;
        this.#error = error as Error;
        this.#retry = setTimeout(() => {
          this.#reading = undefined;
          void this.#read();
        }, retryMs);
        return this.#publish();
      }
      this.#reading = undefined;
      this.#publish();
    }
  }

  /** The page to read next, by its index. */
  #wanted(): number | undefined {
    const { first, last } = this.#shown;
    let begin = 0;
    for (const [index, { items, isStale }] of this.#pages.entries()) {
      const end = begin + items.length;
      if (isStale && begin <= last && end >= first) return index;
      begin = end;
    }
    const hasMore = this.#pages.length === 0 || this.#pages.at(-1)?.cursor !== undefined;
    return hasMore && last >= begin - ahead ? this.#pages.length : undefined;
  }

  #place(index: number, page: Page, changes: readonly Change[]): void {
    const before = this.#pages[index];
    // The pages behind it continue after it only if it ends where it did; otherwise they are read when they are shown.
    const behind = before?.cursor === page.cursor ? this.#pages.slice(index + 1) : [];
    this.#pages = [...this.#pages.slice(0, index), page, ...behind];
    for (const change of changes) this.#pages = mergedPages(this.#pages, change);
  }

  #askSoon(ms = soonMs): void {
    clearTimeout(this.#ask);
    if (this.#isOpen) this.#ask = setTimeout(() => void this.#askWaiting(), ms);
  }

  async #askWaiting(): Promise<void> {
    const { first, last } = this.#shown;
    const rows = this.#runs.rows.slice(first, last + 1).filter(mayWait);
    const ids = rows.slice(0, mostAsked).map(({ id }) => id);
    if (ids.length > 0) {
      try {
        const { items } = await this.#source.waiting(ids);
        const known = new Map(this.#waiting);
        for (const id of ids) known.delete(id);
        for (const { taskId, ...waiting } of items) {
          const before = this.#waiting.get(taskId);
          // The same object, so that its row is not drawn again.
          known.set(taskId, JSON.stringify(before) === JSON.stringify(waiting) ? (before as Waiting) : waiting);
        }
        const isSame =
          known.size === this.#waiting.size && [...known].every(([id, to]) => this.#waiting.get(id) === to);
        if (!isSame) {
          this.#waiting = known;
          this.#publish();
        }
      } catch {
        // What is missing are remarks: the banner says that the server is gone, and the next time follows.
      }
    }
    this.#askSoon(waitingMs);
  }

  #publish(): void {
    this.#runs = {
      rows: this.#pages.flatMap(({ items }) => items),
      hasMore: this.#pages.length > 0 && this.#pages.at(-1)?.cursor !== undefined,
      isPending: this.#pages.length === 0,
      error: this.#error,
      waiting: this.#waiting,
    };
    for (const listener of this.#listeners) listener();
  }
}

const mayWait = ({ state, startsAt = 0 }: TaskRow): boolean => state === "running" && startsAt <= Date.now();

/** The pages after a change. New runs go to the first page, since the newest come first. */
function mergedPages(pages: readonly Page[], { changed, removed }: Change): readonly Page[] {
  const news = new Map(changed.map((row) => [row.id, row]));
  const gone = new Set(removed);
  const seen = new Set<string>();
  const updated = pages.map((page) => {
    const items = page.items.flatMap((row) => {
      seen.add(row.id);
      return gone.has(row.id) ? [] : [news.get(row.id) ?? row];
    });
    return { ...page, items };
  });
  const added = changed.filter((row) => !seen.has(row.id) && isLoaded(pages, row));
  const [first, ...rest] = updated;
  if (first === undefined || added.length === 0) return updated;
  const items = [...added, ...first.items].toSorted((a, b) => b.createdAt - a.createdAt);
  return [{ ...first, items }, ...rest];
}

/** Whether it belongs to the pages that were read: an older one comes with its page. */
function isLoaded(pages: readonly Page[], row: TaskRow): boolean {
  if (pages.at(-1)?.cursor === undefined) return true;
  const oldest = pages.flatMap(({ items }) => items).at(-1);
  return oldest !== undefined && row.createdAt >= oldest.createdAt;
}
