import { keepJson } from "../../core/codec/index.ts";
import type { Artifact, Attempt, Origin } from "../../core/model/records.ts";
import type { NewArtifact, Tail } from "../../core/ports/index.ts";
import { UidSet } from "../../core/store/collections.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";

/** In a shorter log, uids are found by a linear scan. */
const longLog = 8;

/** The artifacts of one shard in one generation. Most logs are short, and a store keeps many of them. */
export class ArtifactLog {
  /** From seq `#dropped` on. */
  #artifacts: Artifact[] = [];
  #dropped = 0;
  /** Only for a long log, or one that has dropped artifacts. */
  #uids: UidSet | undefined;
  #lastOrigin: Origin | undefined;
  /** Only if there are several sources. */
  #lastOrigins: Map<string, Origin> | undefined;
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
    if (!this.#addUid(uid)) return "duplicate_uid"; // last, as the calls before it may throw
    const output = { seq, uid, epoch, claimId, origin, meta: kept, metrics: deepFreeze(metrics) };
    const stored: Artifact = failure === undefined ? output : { ...output, failure: deepFreeze(failure) };
    if (this.#artifacts.length > 0) this.#artifacts.push(stored);
    else this.#artifacts = [stored]; // a list that grows would reserve room for more
    const last = this.#lastOrigin;
    this.#lastOrigin = origin;
    if (last !== undefined && last.source !== origin.source) this.#lastOrigins ??= new Map([[last.source, last]]);
    this.#lastOrigins?.set(origin.source, origin);
    return stored;
  }

  #addUid(uid: string): boolean {
    if (this.#uids !== undefined) return this.#uids.add(uid);
    if (this.#artifacts.some((artifact) => artifact.uid === uid)) return false;
    if (this.#artifacts.length + 1 >= longLog) this.#allUids().add(uid);
    return true;
  }

  #allUids(): UidSet {
    this.#uids ??= new UidSet(this.#artifacts.map(({ uid }) => uid));
    return this.#uids;
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
    this.#uids = undefined;
  }

  /**
   * Drops the artifacts before `seq`, but keeps their uids, which the source's next attempt looks up, and the last
   * artifact, which an attempt whose answer was lost appends again. Drops at least half of the kept artifacts at a
   * time, so that each is moved once on average.
   */
  dropBefore(seq: number): void {
    const surplus = Math.min(seq, this.length - 1) - this.#dropped;
    if (surplus <= 0 || 2 * surplus < this.#artifacts.length) return;
    this.#allUids();
    this.#artifacts = this.#artifacts.slice(surplus);
    this.#dropped += surplus;
  }

  /** `dropped`: the artifact at `from` is no longer stored. */
  read(from: number, limit: number): readonly Artifact[] | "dropped" {
    return from < this.#dropped ? "dropped" : this.#artifacts.slice(from - this.#dropped, from - this.#dropped + limit);
  }

  tail(): Tail {
    const origins = this.#lastOrigins?.values() ?? (this.#lastOrigin === undefined ? [] : [this.#lastOrigin]);
    return { length: this.length, closed: this.#closed, origins: [...origins] };
  }

  /** The origin of the last artifact from this source. */
  lastFrom(source: string): Origin | undefined {
    return this.#lastOrigin?.source === source ? this.#lastOrigin : this.#lastOrigins?.get(source);
  }

  stored(uids: readonly string[]): Set<string> {
    const all = this.#uids ?? new Set(this.#artifacts.map(({ uid }) => uid));
    return new Set(uids.filter((uid) => all.has(uid)));
  }
}
