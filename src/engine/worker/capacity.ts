/** The slots of one worker: so many in all, and of some types fewer. */
export class Capacity {
  readonly #all: number;
  readonly #perType: Readonly<Record<string, number>>;
  readonly #used = new Map<string, number>();
  #usedAll = 0;

  constructor(options: { readonly capacity: number; readonly capacityPerType: Readonly<Record<string, number>> }) {
    this.#all = options.capacity;
    this.#perType = options.capacityPerType;
  }

  get free(): number {
    return this.#all - this.#usedAll;
  }

  isFree(type: string): boolean {
    return this.free > 0 && (this.#used.get(type) ?? 0) < (this.#perType[type] ?? this.#all);
  }

  use(type: string): void {
    this.#usedAll++;
    this.#used.set(type, (this.#used.get(type) ?? 0) + 1);
  }

  giveBack(type: string): void {
    this.#usedAll--;
    this.#used.set(type, (this.#used.get(type) ?? 0) - 1);
  }
}
