/**
 * Pseudo-random numbers from a seed (mulberry32): the same seed gives the same numbers on every machine.
 *
 * @example
 * const random = new SeededRandom(7)
 * random.int(6) === new SeededRandom(7).int(6) // true
 */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };

  /** True with this probability; draws nothing if it is 0. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** An integer from 0 to `below - 1`. */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** @throws RangeError for an empty list */
  pick<TItem>(items: readonly TItem[]): TItem {
    const index = this.int(items.length);
    if (index >= items.length) throw new RangeError("nothing to pick from");
    return items[index] as TItem;
  }

  shuffled<TItem>(items: readonly TItem[]): TItem[] {
    const order = [...items];
    for (let last = order.length - 1; last > 0; last--) {
      const other = this.int(last + 1);
      [order[last], order[other]] = [order[other] as TItem, order[last] as TItem];
    }
    return order;
  }

  /** A subset of the items, each with this probability, in order. */
  some<TItem>(items: readonly TItem[], probability: number): TItem[] {
    return items.filter(() => this.chance(probability));
  }
}
