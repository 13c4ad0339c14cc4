/**
 * Records by key, as long as nobody else changes them: a process that is alone with its file reads each once. The
 * records that were used longest ago go first.
 */
export class RecordCache<TRecord> {
  readonly #most: number;
  readonly #records = new Map<string, TRecord>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): TRecord | undefined {
    const record = this.#records.get(key);
    if (record !== undefined) this.set(key, record);
    return record;
  }

  set(key: string, record: TRecord): void {
    this.#records.delete(key);
    this.#records.set(key, record);
    if (this.#records.size <= this.#most) return;
    const [oldest] = this.#records.keys();
    if (oldest !== undefined) this.#records.delete(oldest);
  }

  delete(key: string): void {
    this.#records.delete(key);
  }

  clear(): void {
    this.#records.clear();
  }
}
