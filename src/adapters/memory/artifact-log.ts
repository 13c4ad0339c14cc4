import type { Artifact, Attempt, Origin } from "../../engine/model.ts";
import type { NewArtifact, Tail } from "../../engine/ports/index.ts";

const nothing: readonly Artifact[] = [];

/** The artifacts of one shard in one generation. */
export class ArtifactLog {
  #artifacts: Artifact[] = [];
  readonly #uids = new Set<string>();
  readonly #lastOrigins = new Map<string, Origin>();
  #length = 0;
  #closed = false;

  /** How many were appended, dropped ones included. */
  get length(): number {
    return this.#length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What stands at this seq, when it is this attempt's own. */
  isOwn(attempt: Attempt, artifact: NewArtifact): boolean {
    const there = this.#artifacts[artifact.seq];
    return there !== undefined && there.claimId === attempt.claimId && there.uid === artifact.uid;
  }

  append(attempt: Attempt, artifact: NewArtifact): Artifact | "conflict" | "duplicate_uid" {
    const { seq, uid, origin, meta, metrics } = artifact;
    if (this.#closed || seq !== this.#length) return "conflict";
    if (this.#uids.has(uid)) return "duplicate_uid";
    const stored: Artifact = { seq, uid, epoch: attempt.epoch, claimId: attempt.claimId, origin, meta, metrics };
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
    this.#uids.clear();
  }

  read(from: number, limit: number): readonly Artifact[] {
    return from >= this.#artifacts.length ? nothing : this.#artifacts.slice(from, from + limit);
  }

  tail(): Tail {
    return { length: this.#length, closed: this.#closed, origins: [...this.#lastOrigins.values()] };
  }

  stored(uids: readonly string[]): Set<string> {
    return new Set(uids.filter((uid) => this.#uids.has(uid)));
  }
}
