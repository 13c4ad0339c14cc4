/** Records that a driver read, by key. The least recently used are dropped first. */
export class RecordCache<TRecord> extends Map<string, TRecord> {
  readonly #most: number;

  constructor(most: number) {
    super();
    this.#most = most;
  }

  override get(key: string): TRecord | undefined {
    const record = super.get(key);
    if (record !== undefined) this.set(key, record);
    return record;
  }

  override set(key: string, record: TRecord): this {
    this.delete(key);
    super.set(key, record);
    const [oldest] = this.size > this.#most ? this.keys() : [];
    if (oldest !== undefined) this.delete(oldest);
    return this;
  }

  /** The cached record, or else the one that is read, which is then cached. */
  load<TRead extends TRecord | undefined>(key: string, read: () => TRead): TRecord | TRead {
    const known = this.get(key);
    if (known !== undefined) return known;
    const record = read();
    if (record !== undefined) this.set(key, record);
    return record;
  }
}
