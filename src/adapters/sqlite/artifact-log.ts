import type { Artifact, Attempt, Origin } from "../../core/model/records.ts";
import type { NewArtifact, Tail } from "../../core/ports/index.ts";
import type { Row } from "./rows.ts";
import { logKey, type StoreParts } from "./store-parts.ts";

/** The artifacts of one shard in one generation. */
export class ArtifactLog {
  readonly #parts: StoreParts;
  readonly #shardPk: number;
  readonly #generation: number;

  constructor(parts: StoreParts, shardPk: number, generation: number) {
    this.#parts = parts;
    this.#shardPk = shardPk;
    this.#generation = generation;
  }

  append(
    attempt: Attempt,
    artifact: NewArtifact,
    json: { readonly meta: string; readonly metrics: string },
  ): "ok" | "conflict" | "duplicate_uid" {
    const { seq, uid, origin } = artifact;
    const length = this.#length();
    if (seq < length) return this.#isOwn(attempt, artifact) ? "ok" : "conflict";
    if (seq > length || this.#isClosed()) return "conflict";
    const { changes } = this.#sql(
      `INSERT OR IGNORE INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq,
         origin_chunk, meta, metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      this.#shardPk,
      this.#generation,
      seq,
      uid,
      attempt.epoch,
      attempt.claimId,
      origin.source,
      origin.seq,
      origin.chunk,
      json.meta,
      json.metrics,
    );
    if (changes === 0) return "duplicate_uid"; // the seq is free: it can only be the uid
    this.#parts.lengths.set(logKey(this.#shardPk, this.#generation), length + 1);
    return "ok";
  }

  /** The complete marker behind `count` artifacts. False: the log has another length. */
  close(count: number): boolean {
    if (this.#length() !== count) return false;
    this.#sql("INSERT OR IGNORE INTO complete_markers (shard_pk, generation) VALUES (?, ?)").run(...this.#key());
    return true;
  }

  read(from: number, limit: number): readonly Artifact[] {
    return this.#sql(
      `SELECT seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics FROM artifacts
       WHERE shard_pk = ? AND generation = ? AND seq >= ? ORDER BY seq LIMIT ? + 0`,
    )
      .all(...this.#key(), from, limit)
      .map(artifactOf);
  }

  uids(from: number, limit: number): readonly string[] {
    return this.#sql(
      "SELECT uid FROM artifacts WHERE shard_pk = ? AND generation = ? AND seq >= ? ORDER BY seq LIMIT ? + 0",
    )
      .all(...this.#key(), from, limit)
      .map(({ uid }) => String(uid));
  }

  tail(): Tail {
    const origins = this.#sql(
      `SELECT origin_source, origin_seq, origin_chunk, max(seq) FROM artifacts WHERE shard_pk = ? AND generation = ?
       GROUP BY origin_source`,
    ).all(...this.#key());
    return { length: this.#length(), closed: this.#isClosed(), origins: origins.map(originOf) };
  }

  stored(uids: readonly string[]): Set<string> {
    const look = this.#sql("SELECT 1 FROM artifacts WHERE shard_pk = ? AND generation = ? AND uid = ?");
    return new Set(uids.filter((uid) => look.get(...this.#key(), uid) !== undefined));
  }

  count(): number {
    return this.#length();
  }

  #length(): number {
    const { lengths } = this.#parts;
    const key = logKey(this.#shardPk, this.#generation);
    const known = lengths.get(key);
    if (known !== undefined) return known;
    const last = this.#sql("SELECT max(seq) AS last FROM artifacts WHERE shard_pk = ? AND generation = ?").get(
      ...this.#key(),
    )?.last;
    const length = last === null || last === undefined ? 0 : Number(last) + 1;
    lengths.set(key, length);
    return length;
  }

  #isClosed(): boolean {
    const marker = this.#sql("SELECT 1 FROM complete_markers WHERE shard_pk = ? AND generation = ?");
    return marker.get(...this.#key()) !== undefined;
  }

  #isOwn(attempt: Attempt, { seq, uid }: NewArtifact): boolean {
    const there = this.#sql(
      "SELECT uid, claim_id FROM artifacts WHERE shard_pk = ? AND generation = ? AND seq = ?",
    ).get(...this.#key(), seq);
    return there?.claim_id === attempt.claimId && there.uid === uid;
  }

  #key(): [number, number] {
    return [this.#shardPk, this.#generation];
  }

  #sql(text: string) {
    return this.#parts.connection.sql(text);
  }
}

const originOf = (row: Row): Origin => ({
  source: String(row.origin_source),
  seq: Number(row.origin_seq),
  chunk: Number(row.origin_chunk),
});

const artifactOf = (row: Row): Artifact => ({
  seq: Number(row.seq),
  uid: String(row.uid),
  epoch: Number(row.epoch),
  claimId: String(row.claim_id),
  origin: originOf(row),
  meta: JSON.parse(String(row.meta)),
  metrics: JSON.parse(String(row.metrics)),
});
