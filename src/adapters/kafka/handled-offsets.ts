interface Entry {
  readonly offset: string;
  handled: boolean;
}

/**
 * What of a partition is handled, in one assignment. Messages of several keys are handled at once and end in any order;
 * what may be committed is what comes before the first that isn't handled.
 */
export class HandledOffsets {
  readonly #entries: Entry[] = [];
  #next: string | undefined;

  /** @returns what to call when the message is handled */
  begin(offset: string): () => void {
    const entry: Entry = { offset, handled: false };
    this.#entries.push(entry);
    return () => {
      entry.handled = true;
    };
  }

  /** The offset to go on from: all before it is handled. */
  get next(): string | undefined {
    let ended = 0;
    while (this.#entries[ended]?.handled === true) ended++;
    const last = this.#entries.splice(0, ended).at(-1);
    if (last !== undefined) this.#next = String(BigInt(last.offset) + 1n);
    return this.#next;
  }
}
