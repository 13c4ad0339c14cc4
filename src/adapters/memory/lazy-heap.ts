import { type Before, Heap } from "./heap.ts";

/** Below this size dead items aren't worth a clean-up. */
const smallSize = 64;

export interface LazyHeapOptions<TItem> {
  readonly before: Before<TItem>;
  /** Whether the record still is what the item says. Once false, false for ever. */
  readonly isLive: (item: TItem) => boolean;
}

/**
 * An index over records that change under it: an item isn't taken out when its record moves on, it is passed over when
 * met and dropped when it comes to the root. {@link LazyHeap.buried} tells that an item died, so that the dead never
 * outnumber the living for long, even when nobody reads.
 */
export class LazyHeap<TItem> {
  readonly #heap: Heap<TItem>;
  readonly #before: Before<TItem>;
  readonly #isLive: (item: TItem) => boolean;
  #dead = 0;

  constructor(options: LazyHeapOptions<TItem>) {
    this.#heap = new Heap(options.before);
    this.#before = options.before;
    this.#isLive = options.isLive;
  }

  /** Dead items included. */
  get size(): number {
    return this.#heap.size;
  }

  push(item: TItem): void {
    this.#heap.push(item);
  }

  buried(): void {
    this.#dead++;
    if (this.#heap.size < smallSize || this.#dead * 2 < this.#heap.size) return;
    this.#heap.retain(this.#isLive);
    this.#dead = 0;
  }

  first(): TItem | undefined {
    for (let item = this.#heap.at(0); item !== undefined; item = this.#heap.at(0)) {
      if (this.#isLive(item)) return item;
      this.#heap.pop();
      this.#dead = Math.max(0, this.#dead - 1);
    }
    return undefined;
  }

  pop(): TItem | undefined {
    return this.first() === undefined ? undefined : this.#heap.pop();
  }

  /**
   * The first `limit` living items of several heaps of one kind, in order, leaving them where they are: from the roots
   * down, always the best place seen so far, so it costs by what is taken, not by what is there.
   *
   * @param isWanted - passes over the others
   */
  static firstOf<TItem>(
    heaps: readonly LazyHeap<TItem>[],
    limit: number,
    isWanted: (item: TItem) => boolean = () => true,
  ): TItem[] {
    const filled = heaps.filter((heap) => heap.first() !== undefined);
    const [only] = filled;
    if (only === undefined || limit <= 0) return [];
    const first = only.first() as TItem;
    if (filled.length === 1 && (limit === 1 || only.size === 1) && isWanted(first)) return [first];

    const open = new Heap<Spot<TItem>>((a, b) => only.#before(a.item, b.item));
    const look = (heap: LazyHeap<TItem>, place: number): void => {
      const item = heap.#heap.at(place);
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
}

interface Spot<TItem> {
  readonly heap: LazyHeap<TItem>;
  readonly place: number;
  readonly item: TItem;
}
