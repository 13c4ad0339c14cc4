import type { ListEvents, StudioSource, TaskFilter, TaskPage, TaskRow, Waiting } from "./source.ts";

type Change = ListEvents["tasks"];

interface Page extends TaskPage {
  /** The cursor at which it starts; `undefined` for the newest run. */
  readonly from: string | undefined;
  /** Changes may have been missed since it was read. */
  readonly isStale: boolean;
}

/** The runs that match a filter, as far as they are loaded. */
export interface Runs {
  /** Newest first. */
  readonly rows: readonly TaskRow[];
  readonly hasMore: boolean;
  /** Nothing has been loaded yet. */
  readonly isPending: boolean;
  readonly error: Error | null;
  /** What visible runs wait for, by id. */
  readonly waiting: ReadonlyMap<string, Waiting>;
}

/** The next page is read when the view is within this many rows of the end of the loaded ones. */
const ahead = 400;
/** A failed read is retried after this time, as long as the list is open. */
const retryMs = 2_000;
/** How often to poll what the visible runs wait for, which the stream does not report; sooner when other rows are shown. */
const waitingMs = 2_000;
const soonMs = 200;
const mostAsked = 100;

/**
 * The runs that match a filter: read page by page as they become visible, and kept up to date by a stream. After an
 * interruption, pages may be out of date: each is read again when it becomes visible.
 */
export class RunList {
  readonly #source: Pick<StudioSource, "tasks" | "streamTasks" | "waiting">;
  readonly #filter: TaskFilter;
  readonly #listeners = new Set<() => void>();
  #pages: readonly Page[] = [];
  #error: Error | null = null;
  #waiting: ReadonlyMap<string, Waiting> = new Map();
  #runs: Runs = { rows: [], hasMore: false, isPending: true, error: null, waiting: this.#waiting };
  /** The visible rows. */
  #shown = { first: 0, last: 0 };
  #isOpen = false;
  /** The page that is being read, and the changes since the request, which its answer may not include. */
  #reading: { readonly stop: AbortController; readonly changes: Change[] } | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #ask: ReturnType<typeof setTimeout> | undefined;

  constructor(source: Pick<StudioSource, "tasks" | "streamTasks" | "waiting">, filter: TaskFilter) {
    this.#source = source;
    this.#filter = filter;
  }

  /** Listens to changes, and reads the visible pages. @returns a function that stops it */
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

  /** Sets which rows are visible, by their indexes. */
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

  /** Reads one page after another until all visible rows are loaded. */
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

  /** The index of the page to read next. */
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
    // The following pages still continue it only if it ends at the same cursor; otherwise they are dropped, and read
    // when visible.
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
          // Keeps the same object, so that its row is not rendered again.
          known.set(taskId, JSON.stringify(before) === JSON.stringify(waiting) ? (before as Waiting) : waiting);
        }
        const isSame =
          known.size === this.#waiting.size && [...known].every(([id, to]) => this.#waiting.get(id) === to);
        if (!isSame) {
          this.#waiting = known;
          this.#publish();
        }
      } catch {
        // Only remarks are missing: the banner shows that the server is down, and the next poll follows.
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

/** Whether it belongs to the loaded pages; an older run is loaded with its page. */
function isLoaded(pages: readonly Page[], row: TaskRow): boolean {
  if (pages.at(-1)?.cursor === undefined) return true;
  const oldest = pages.flatMap(({ items }) => items).at(-1);
  return oldest !== undefined && row.createdAt >= oldest.createdAt;
}
