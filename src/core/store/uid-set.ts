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

/** The number that `uid` is the decimal form of, up to nine digits. Most other uids begin behind the digits. */
const numberOf = (uid: string): number | undefined =>
  uid < ":" && /^(0|[1-9]\d{0,8})$/.test(uid) ? Number(uid) : undefined;
