import { invalidCursor, type Page, type PageRequest } from "../ports/index.ts";
import { splitDue } from "./driver.ts";

/** Below this size, a clean-up of dead items is not worthwhile. */
const smallSize = 64;

export interface HeapOptions<TItem> {
  readonly before: (a: TItem, b: TItem) => boolean;
  /** Whether the item still matches its record. Once false, false forever. @defaultValue always */
  readonly isLive?: (item: TItem) => boolean;
}

/**
 * A binary heap that indexes records which change: an item is not removed when its record changes, but skipped when met
 * and dropped when it reaches the root. {@link Heap.buried} reports that an item died, so that dead items never
 * outnumber live ones for long, even without reads.
 */
export class Heap<TItem> {
  /** The root is at 0, the children of `i` are at `2i + 1` and `2i + 2`. */
  #items: TItem[] = [];
  #dead = 0;
  readonly #before: (a: TItem, b: TItem) => boolean;
  readonly #isLive: (item: TItem) => boolean;

  constructor({ before, isLive = () => true }: HeapOptions<TItem>) {
    this.#before = before;
    this.#isLive = isLive;
  }

  /** Includes dead items. */
  get size(): number {
    return this.#items.length;
  }

  push(item: TItem): void {
    const items = this.#items;
    let place = items.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = items[parent] as TItem;
      if (!this.#before(item, above)) break;
      items[place] = above;
      place = parent;
    }
    items[place] = item;
  }

  buried(): void {
    this.#dead++;
    if (this.size < smallSize || this.#dead * 2 < this.size) return;
    this.#items = this.#items.filter(this.#isLive);
    this.#dead = 0;
    for (let place = (this.size >> 1) - 1; place >= 0; place--) this.#sink(place, this.#items[place] as TItem);
  }

  first(): TItem | undefined {
    for (let item = this.#items[0]; item !== undefined; item = this.#items[0]) {
      if (this.#isLive(item)) return item;
      this.#removeRoot();
      this.#dead = Math.max(0, this.#dead - 1);
    }
    return undefined;
  }

  pop(): TItem | undefined {
    const item = this.first();
    if (item !== undefined) this.#removeRoot();
    return item;
  }

  /**
   * The first `limit` live items of several heaps of one kind, in order, without removing them. Descends from the roots
   * along the best candidates, so the cost depends on the number of items returned, not on the sizes of the heaps.
   *
   * @param isWanted - skips the others
   */
  static firstOf<TItem>(
    heaps: readonly Heap<TItem>[],
    limit: number,
    isWanted: (item: TItem) => boolean = () => true,
  ): TItem[] {
    const filled = heaps.filter((heap) => heap.first() !== undefined);
    const [only] = filled;
    if (only === undefined || limit <= 0) return [];
    const first = only.first() as TItem;
    if (filled.length === 1 && (limit === 1 || only.size === 1) && isWanted(first)) return [first];

    const open = new Heap<Spot<TItem>>({ before: (a, b) => only.#before(a.item, b.item) });
    const look = (heap: Heap<TItem>, place: number): void => {
      const item = heap.#items[place];
      if (item !== undefined) open.push({ heap, place, item });
    };
    for (const heap of filled) look(heap, 0);
    const found: TItem[] = [];
    for (let spot = open.pop(); spot !== undefined; spot = open.pop()) {
      if (spot.heap.#isLive(spot.item) && isWanted(spot.item) && found.push(spot.item) === limit) break;
      look(spot.heap, 2 * spot.place + 1);
      look(spot.heap, 2 * spot.place + 2);
    }
    return found;
  }

  #removeRoot(): void {
    const last = this.#items.pop();
    if (last !== undefined && this.size > 0) this.#sink(0, last);
  }

  #sink(from: number, item: TItem): void {
    const items = this.#items;
    let place = from;
    for (let child = 2 * place + 1; child < items.length; child = 2 * place + 1) {
      const right = child + 1;
      if (right < items.length && this.#before(items[right] as TItem, items[child] as TItem)) child = right;
      const below = items[child] as TItem;
      if (!this.#before(below, item)) break;
      items[place] = below;
      place = child;
    }
    items[place] = item;
  }
}

interface Spot<TItem> {
  readonly heap: Heap<TItem>;
  readonly place: number;
  readonly item: TItem;
}

/** The items that are due, in order, and in how many ms the next one is due. */
export const dueOf = <TItem extends { readonly at: number }>(
  heap: Heap<TItem>,
  { limit, now }: { readonly limit: number; readonly now: number },
) => splitDue(Heap.firstOf([heap], limit + 1), limit, now);

/** The uids of a log. Most count up, `"0"`, `"1"`, ...: these take two bits each, so that a log of millions stays small. */
export class UidSet {
  /** A bit for each number, 32 to a word. A sparse array: where numbers are far apart, V8 stores it as a hash table. */
  #words: number[] = [];
  readonly #names = new Set<string>();

  constructor(uids: readonly string[] = []) {
    for (const uid of uids) this.add(uid);
  }

  has(uid: string): boolean {
    const number = numberOf(uid);
    return number === undefined ? this.#names.has(uid) : ((this.#words[number >> 5] ?? 0) & (1 << (number & 31))) !== 0;
  }

  /** False if it is among them already. */
  add(uid: string): boolean {
    const number = numberOf(uid);
    const { size } = this.#names;
    if (number === undefined) return this.#names.add(uid).size > size;
    const word = this.#words[number >> 5] ?? 0;
    this.#words[number >> 5] = word | (1 << (number & 31));
    return this.#words[number >> 5] !== word;
  }
}

/** The number that `uid` is the decimal form of, up to nine digits. Most other uids start with a character after "9". */
const numberOf = (uid: string): number | undefined =>
  uid < ":" && /^(0|[1-9]\d{0,8})$/.test(uid) ? Number(uid) : undefined;

/** The `pk` before which a page starts. */
export function pkBefore({ cursor }: PageRequest): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  if (/^\d{1,16}$/.test(cursor)) return Number(cursor);
  throw invalidCursor(cursor);
}

/** A page by descending `pk`, from rows that were read with one more than fits into it. */
export function newestPage<TRow extends { readonly pk: number }, TItem>(
  rows: readonly TRow[],
  { limit }: PageRequest,
  itemOf: (row: TRow) => TItem,
): Page<TItem> {
  const items = rows.slice(0, limit).map(itemOf);
  return rows.length > limit ? { items, cursor: String(rows[limit - 1]?.pk) } : { items };
}

/** A page of rows that were added in the order of their `pk`, the newest first. */
export function pageOf<TRow extends { readonly pk: number }, TItem>(
  rows: Iterable<TRow>,
  query: PageRequest,
  itemOf: (row: TRow) => TItem,
): Page<TItem> {
  const before = pkBefore(query);
  return newestPage([...rows].filter(({ pk }) => pk < before).reverse(), query, itemOf);
}
