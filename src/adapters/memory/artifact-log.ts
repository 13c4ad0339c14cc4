import { keepJson } from "../../core/codec/index.ts";
import type { Artifact, Attempt, Origin } from "../../core/model/records.ts";
import type { NewArtifact, Tail } from "../../core/ports/index.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";

/** The artifacts of one shard in one generation. */
export class ArtifactLog {
  /** From seq `#dropped` on. */
  #artifacts: Artifact[] = [];
  #dropped = 0;
  readonly #uids = new UidSet();
  readonly #lastOrigins = new Map<string, Origin>();
  #closed = false;

  /** Number of artifacts appended, including dropped ones. */
  get length(): number {
    return this.#dropped + this.#artifacts.length;
  }

  /** Number of artifacts dropped, from the start of the log. */
  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether this attempt has already appended this artifact. */
  isOwn(attempt: Attempt, artifact: NewArtifact): boolean {
    const stored = this.#artifacts[artifact.seq - this.#dropped];
    return stored?.claimId === attempt.claimId && stored.uid === artifact.uid;
  }

  append({ nodeId, epoch, claimId }: Attempt, artifact: NewArtifact): Artifact | "conflict" | "duplicate_uid" {
    const { seq, uid, origin, meta, metrics, failure } = artifact;
    if (this.#closed || seq !== this.length) return "conflict";
    const kept = keepJson(meta, `the artifact '${uid}' of node '${nodeId}'`);
    if (!this.#uids.add(uid)) return "duplicate_uid"; // after everything that may throw
    const output = { seq, uid, epoch, claimId, origin, meta: kept, metrics: deepFreeze(metrics) };
    const stored: Artifact = failure === undefined ? output : { ...output, failure: deepFreeze(failure) };
    this.#artifacts.push(stored);
    this.#lastOrigins.set(origin.source, origin);
    return stored;
  }

  /** Writes the complete marker at seq `count`; returns false if the log has another length. */
  close(count: number): boolean {
    this.#closed ||= this.length === count;
    return this.length === count;
  }

  /** Drops the artifacts and their uids, but keeps their number and origins. */
  drop(): void {
    this.#dropped = this.length;
    this.#artifacts = [];
    this.#uids.clear();
  }

  /**
   * Drops the artifacts before `seq`, but keeps their uids, which the source's next attempt asks for, and the last
   * artifact, which an attempt that lost its answer appends again. It drops at least half of what is kept at a time, so
   * that each artifact is moved once on average.
   */
  dropBefore(seq: number): void {
    const surplus = Math.min(seq, this.length - 1) - this.#dropped;
    if (surplus <= 0 || 2 * surplus < this.#artifacts.length) return;
    this.#artifacts = this.#artifacts.slice(surplus);
    this.#dropped += surplus;
  }

  /** `dropped`: the artifact at `from` is no longer stored. */
  read(from: number, limit: number): readonly Artifact[] | "dropped" {
    return from < this.#dropped ? "dropped" : this.#artifacts.slice(from - this.#dropped, from - this.#dropped + limit);
  }

  tail(): Tail {
    return { length: this.length, closed: this.#closed, origins: [...this.#lastOrigins.values()] };
  }

  /** The origin of the last artifact from this source. */
  lastFrom(source: string): Origin | undefined {
    return this.#lastOrigins.get(source);
  }

  stored(uids: readonly string[]): Set<string> {
    return new Set(uids.filter((uid) => this.#uids.has(uid)));
  }
}

/** The uids of a log. Most count up, `"0"`, `"1"`, ...: these take two bits each, so that a log of millions stays small. */
export class UidSet {
  /** A bit for each number, 32 to a word. A sparse array: where numbers are far apart, V8 stores it as a hash table. */
  #words: number[] = [];
  readonly #names = new Set<string>();

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

  clear(): void {
    this.#words = [];
    this.#names.clear();
  }
}

/** The number that `uid` is the decimal form of, up to nine digits. Most other uids begin behind the digits. */
const numberOf = (uid: string): number | undefined =>
  uid < ":" && /^(0|[1-9]\d{0,8})$/.test(uid) ? Number(uid) : undefined;
