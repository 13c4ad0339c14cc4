import { keepJson } from "../../core/codec/index.ts";
import type { Artifact, Attempt, Origin } from "../../core/model/records.ts";
import type { NewArtifact, Tail } from "../../core/ports/index.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";

const nothing: readonly Artifact[] = Object.freeze([]);

/** The artifacts of one shard in one generation. */
export class ArtifactLog {
  /** From seq `#dropped` on. */
  #artifacts: Artifact[] = [];
  #dropped = 0;
  readonly #uids = new UidSet();
  readonly #lastOrigins = new Map<string, Origin>();
  #length = 0;
  #closed = false;

  /** How many were appended, dropped ones included. */
  get length(): number {
    return this.#length;
  }

  /** How many of them, the first ones, are dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What stands at this seq, when it is this attempt's own. */
  isOwn(attempt: Attempt, artifact: NewArtifact): boolean {
    const there = this.#artifacts[artifact.seq - this.#dropped];
    return there !== undefined && there.claimId === attempt.claimId && there.uid === artifact.uid;
  }

  append(attempt: Attempt, artifact: NewArtifact): Artifact | "conflict" | "duplicate_uid" {
    const { seq, uid, origin, meta, metrics } = artifact;
    if (this.#closed || seq !== this.#length) return "conflict";
    if (this.#uids.has(uid)) return "duplicate_uid";
    const { nodeId, epoch, claimId } = attempt;
    const kept = keepJson(meta, `the artifact '${uid}' of node '${nodeId}'`);
    const stored: Artifact = { seq, uid, epoch, claimId, origin, meta: kept, metrics: deepFreeze(metrics) };
    this.#artifacts.push(stored);
    this.#uids.add(uid);
    this.#lastOrigins.set(origin.source, origin);
    this.#length++;
    return stored;
  }

  /** The complete marker at seq `count`. False: the log has another length. */
  close(count: number): boolean {
    if (this.#length !== count) return false;
    this.#closed = true;
    return true;
  }

  /** Forgets the artifacts and their uids, not how many they were nor where they came from. */
  drop(): void {
    this.#artifacts = [];
    this.#dropped = this.#length;
    this.#uids.clear();
  }

  /**
   * Forgets the artifacts before this seq, though the last one never, which an attempt that lost its answer asks for
   * again; uids stay, since a source's next attempt asks for them. Waits until these are half of what is kept: then each
   * artifact is moved once, however many are behind it.
   */
  dropBefore(seq: number): void {
    const surplus = Math.min(seq, this.#length - 1) - this.#dropped;
    if (surplus <= 0 || 2 * surplus < this.#artifacts.length) return;
    this.#artifacts = this.#artifacts.slice(surplus);
    this.#dropped += surplus;
  }

  /** `dropped`: not all of these are here any more. */
  read(from: number, limit: number): readonly Artifact[] | "dropped" {
    if (from >= this.#length) return nothing;
    return from < this.#dropped ? "dropped" : this.#artifacts.slice(from - this.#dropped, from - this.#dropped + limit);
  }

  tail(): Tail {
    return { length: this.#length, closed: this.#closed, origins: [...this.#lastOrigins.values()] };
  }

  /** The last batch from this source. */
  lastFrom(source: string): Origin | undefined {
    return this.#lastOrigins.get(source);
  }

  stored(uids: readonly string[]): Set<string> {
    return new Set(uids.filter((uid) => this.#uids.has(uid)));
  }
}

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
