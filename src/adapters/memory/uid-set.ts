/** Bits that a uid may take at most, so that a few large numbers don't cost more than their names would. */
const bitsPerUid = 256;

/**
 * The uids of a log. Most are numbers that were counted up, `"0"`, `"1"`, ...: those take a bit each, and a log of
 * millions stays small; any other is kept as it is.
 */
export class UidSet {
  #bits = new Uint8Array(0);
  #numbers = 0;
  readonly #names = new Set<string>();

  has(uid: string): boolean {
    const number = numberOf(uid);
    return (number >= 0 && this.#hasBit(number)) || this.#names.has(uid);
  }

  add(uid: string): void {
    const number = numberOf(uid);
    if (number < 0 || number >= bitsPerUid * (this.#numbers + 1)) {
      this.#names.add(uid);
      return;
    }
    const byte = number >> 3;
    if (byte >= this.#bits.length) {
      const more = new Uint8Array(2 * byte + 8);
      more.set(this.#bits);
      this.#bits = more;
    }
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (number & 7));
    this.#numbers++;
  }

  clear(): void {
    this.#bits = new Uint8Array(0);
    this.#numbers = 0;
    this.#names.clear();
  }

  #hasBit(number: number): boolean {
    return ((this.#bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }
}

/** The number that this is the decimal form of, as `String` writes it; -1: it is none, or a large one. */
function numberOf(uid: string): number {
  if (uid.length === 0 || uid.length > 9) return -1;
  let number = 0;
  for (let at = 0; at < uid.length; at++) {
    const digit = uid.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return uid.charCodeAt(0) === 48 && uid.length > 1 ? -1 : number;
}
