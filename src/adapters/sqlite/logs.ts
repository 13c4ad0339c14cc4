import { jsonText, keepJson } from "../../core/codec/index.ts";
import { fence, finishShard, isRecorded } from "../../core/model/index.ts";
import type { Artifact, Origin, ShardRef } from "../../core/model/records.ts";
import type { LogDriver } from "../../core/store/driver.ts";
import { mostBytes, type Session, type SqliteConnection } from "./connection.ts";
import { lengthOf, logKey, logLength, readShard, updateShard } from "./shards.ts";

/** The key of a log: of its shard's row, and its generation. */
type Log = readonly [pk: number, generation: number];

const isLog = "shard_pk = ? AND generation = ?";

export const artifactLogs = (session: Session): LogDriver => ({
  async append(attempt, generation, artifact) {
    const { seq, uid, origin } = artifact;
    const meta = jsonText(artifact.meta, `the artifact '${uid}' of node '${attempt.nodeId}'`, mostBytes);
    const metrics = JSON.stringify(artifact.metrics);
    return session.write((db) => {
      const row = readShard(db, attempt);
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      const log = [row.pk, generation] as const;
      const length = logLength(db, ...log);
      if (seq < length) {
        const own = `SELECT 1 FROM artifacts WHERE ${isLog} AND seq = ? AND uid = ? AND claim_id = ?`;
        return db.get(own, ...log, seq, uid, attempt.claimId) === undefined ? "conflict" : "ok";
      }
      if (seq > length || isClosed(db, log)) return "conflict";
      const values = [uid, attempt.epoch, attempt.claimId, origin.source, origin.seq, origin.chunk, meta, metrics];
      const insert = `INSERT OR IGNORE INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source,
         origin_seq, origin_chunk, meta, metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
      if (db.run(insert, ...log, seq, ...values).changes === 0) return "duplicate_uid"; // since the seq is free
      db.lengths.set(logKey(...log), length + 1);
      return "ok";
    });
  },
  async complete(attempt, outcome) {
    const { result, generation, count } = outcome;
    const whose = `the result of node '${attempt.nodeId}'`;
    // A result that is too large is rejected before the log is closed.
    if (result !== undefined) jsonText(keepJson(result, whose), whose, mostBytes);
    return session.write((db, now) => {
      const row = readShard(db, attempt);
      if (isRecorded(row?.record, attempt, "complete")) return "ok";
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      if (logLength(db, row.pk, generation) !== count) return "conflict";
      db.run("INSERT OR IGNORE INTO complete_markers (shard_pk, generation) VALUES (?, ?)", row.pk, generation);
      return updateShard(db, attempt, () => finishShard(row.record, attempt, { ...outcome, now }));
    });
  },
  read: (ref, { generation, from, limit }) =>
    session.read((db) => {
      const look = `SELECT * FROM artifacts WHERE ${isLog} AND seq >= ? ORDER BY seq LIMIT ? + 0`;
      return db.all<ArtifactRow>(look, ...logOf(db, ref, generation), from, limit).map(artifactOf);
    }),
  tail: (ref, generation) =>
    session.read((db) => {
      const log = logOf(db, ref, generation);
      const look = `SELECT origin_source AS source, origin_seq AS seq, origin_chunk AS chunk, max(artifacts.seq)
         FROM artifacts WHERE ${isLog} GROUP BY origin_source`;
      const origins = db.all<Origin>(look, ...log).map(({ source, seq, chunk }) => ({ source, seq, chunk }));
      return { length: logLength(db, ...log), closed: isClosed(db, log), origins };
    }),
  readUids: (ref, { generation, from, limit }) =>
    session.read((db) => {
      const look = `SELECT uid FROM artifacts WHERE ${isLog} AND seq >= ? ORDER BY seq LIMIT ? + 0`;
      return db.all<ArtifactRow>(look, ...logOf(db, ref, generation), from, limit).map(({ uid }) => uid);
    }),
  storedUids: (ref, generation, uids) =>
    session.read((db) => {
      const log = logOf(db, ref, generation);
      const look = `SELECT 1 FROM artifacts WHERE ${isLog} AND uid = ?`;
      return new Set(uids.filter((uid) => db.get(look, ...log, uid) !== undefined));
    }),
  count: (taskId) =>
    session.read((db) => {
      const look = "SELECT task_id AS taskId, node_id AS nodeId, shard FROM shards WHERE task_id = ? ORDER BY pk";
      return db.all<ShardRef>(look, taskId).map((ref) => {
        const row = readShard(db, ref);
        return { nodeId: ref.nodeId, shard: ref.shard, count: row?.record.count ?? lengthOf(db, row) };
      });
    }),
});

const noShard = -1;

const logOf = (db: SqliteConnection, ref: ShardRef, generation: number): Log => [
  readShard(db, ref)?.pk ?? noShard,
  generation,
];

const isClosed = (db: SqliteConnection, log: Log): boolean =>
  db.get(`SELECT 1 FROM complete_markers WHERE ${isLog}`, ...log) !== undefined;

type ArtifactRow = Readonly<
  Record<"seq" | "epoch" | "origin_seq" | "origin_chunk", number> &
    Record<"uid" | "claim_id" | "origin_source" | "meta" | "metrics", string>
>;

function artifactOf(row: ArtifactRow): Artifact {
  const { seq, uid, epoch, claim_id: claimId } = row;
  const origin = { source: row.origin_source, seq: row.origin_seq, chunk: row.origin_chunk };
  const meta = JSON.parse(row.meta);
  return { seq, uid, epoch, claimId, origin, meta, metrics: JSON.parse(row.metrics) };
}
