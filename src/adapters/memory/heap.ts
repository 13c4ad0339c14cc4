export type Before<TItem> = (a: TItem, b: TItem) => boolean;

/** A binary heap: the item that goes before all others is at the root. */
export class Heap<TItem> {
  #items: TItem[] = [];
  readonly #before: Before<TItem>;

  constructor(before: Before<TItem>) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The item at a place of the heap: its root is 0, the children of `i` are `2i + 1` and `2i + 2`. */
  at(place: number): TItem | undefined {
    return this.#items[place];
  }

  push(item: TItem): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item);
  }

  pop(): TItem | undefined {
    const root = this.#items[0];
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(0, last);
    return root;
  }

  /** Keeps these only: O(n). */
  retain(keep: (item: TItem) => boolean): void {
    this.#items = this.#items.filter(keep);
    for (let place = (this.#items.length >> 1) - 1; place >= 0; place--) {
      this.#sink(place, this.#items[place] as TItem);
    }
  }

  #rise(from: number, item: TItem): void {
    const items = this.#items;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = items[parent] as TItem;
      if (!this.#before(item, above)) break;
      items[place] = above;
      place = parent;
    }
    items[place] = item;
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
