import { jsonText, keepJson } from "../../../core/codec/index.ts";
import { fence, finishShard, isRecorded } from "../../../core/model/index.ts";
import type { Artifact, Origin, ShardRef } from "../../../core/model/records.ts";
import type { LogDriver } from "../../../core/store/driver.ts";
import { mostBytes, type Session, type SqliteConnection } from "../database/connection.ts";
import { indexedFrom } from "../database/schema.ts";
import { isLog, lengthOf, logHead, logKey, readShard, refColumns, updateShard } from "./shards.ts";

const ownArtifact = `SELECT 1 FROM artifacts WHERE ${isLog} AND seq = ? AND uid = ? AND claim_id = ?`;
const insertArtifact = `INSERT OR IGNORE INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source,
  origin_seq, chunk, details, meta, metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const originColumns = "origin_source AS source, origin_seq AS originSeq, chunk, details";
const artifacts = `SELECT seq, uid, epoch, claim_id AS claimId, ${originColumns}, meta, metrics
  FROM artifacts WHERE ${isLog} AND seq >= ? ORDER BY seq LIMIT ? + 0`;
/** Along the index, after the artifacts that it leaves out. */
const lastOrigins = [
  `SELECT ${originColumns} FROM artifacts WHERE ${isLog} AND seq < ${indexedFrom} ORDER BY seq`,
  `SELECT ${originColumns}, max(artifacts.seq) FROM artifacts INDEXED BY artifacts_by_origin
    WHERE ${isLog} AND seq >= ${indexedFrom} GROUP BY origin_source`,
];
const uidPage = `SELECT uid FROM artifacts WHERE ${isLog} AND seq >= ? ORDER BY seq LIMIT ? + 0`;
const indexedUid = `SELECT 1 FROM artifacts INDEXED BY artifacts_by_uid WHERE ${isLog} AND seq >= ${indexedFrom} AND uid = ?`;
const insertMarker = "INSERT OR IGNORE INTO complete_markers (shard_pk, generation) VALUES (?, ?)";

export const artifactLogs = (session: Session): LogDriver => ({
  async append(attempt, generation, artifact) {
    const { seq, uid, origin, metrics, failure } = artifact;
    const { source, seq: sourceSeq, chunk, ...rest } = origin;
    const meta = jsonText(artifact.meta, `the artifact '${uid}' of node '${attempt.nodeId}'`, mostBytes);
    const texts = [JSON.stringify({ ...rest, failure }), meta, JSON.stringify(metrics)];
    return session.write((db) => {
      const row = readShard(db, attempt);
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      const log = [row.pk, generation] as const;
      const { length, closed, firstUids } = logHead(db, ...log);
      if (seq < length) return db.has(ownArtifact, ...log, seq, uid, attempt.claimId) ? "ok" : "conflict";
      if (seq > length || closed) return "conflict";
      if (firstUids.includes(uid)) return "duplicate_uid";
      const values = [uid, attempt.epoch, attempt.claimId, source, sourceSeq, chunk, ...texts];
      if (db.run(insertArtifact, ...log, seq, ...values).changes === 0) return "duplicate_uid"; // because the seq is free
      const uids = seq < indexedFrom ? [...firstUids, uid] : firstUids;
      db.logs.set(logKey(...log), { length: length + 1, closed, firstUids: uids });
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
      if (logHead(db, row.pk, generation).length !== count) return "conflict";
      return updateShard(db, attempt, () => finishShard(row.record, attempt, { ...outcome, now }));
    });
  },
  close: (ref, generation) =>
    session.write((db) => {
      const row = readShard(db, ref);
      if (row === undefined) return;
      db.run(insertMarker, row.pk, generation);
      db.logs.set(logKey(row.pk, generation), { ...logHead(db, row.pk, generation), closed: true });
    }),
  read: (ref, { generation, from, limit }) =>
    session.read((db) => db.all<ArtifactRow>(artifacts, ...logOf(db, ref, generation), from, limit).map(artifactOf)),
  tail: (ref, generation) =>
    session.read((db) => {
      const log = logOf(db, ref, generation);
      const { length, closed } = logHead(db, ...log);
      const rows = lastOrigins.flatMap((look) => db.all<ArtifactRow>(look, ...log));
      const origins = new Map(rows.map((row) => [row.source, detailsOf(row).origin]));
      const { status, generation: last, artifactsOf } = readShard(db, ref)?.record ?? {};
      // An outcome closes the log, too, since a marker would cost another page.
      const isFinished = status === "finished" && last === generation && artifactsOf === undefined;
      return { length, closed: closed || isFinished, origins: [...origins.values()] };
    }),
  readUids: (ref, { generation, from, limit }) =>
    session.read((db) => db.all<Artifact>(uidPage, ...logOf(db, ref, generation), from, limit).map(({ uid }) => uid)),
  storedUids: (ref, generation, uids) =>
    session.read((db) => {
      const log = logOf(db, ref, generation);
      const { firstUids } = logHead(db, ...log);
      return new Set(uids.filter((uid) => firstUids.includes(uid) || db.has(indexedUid, ...log, uid)));
    }),
  count: (taskId) =>
    session.read((db) =>
      db.all<ShardRef>(`SELECT ${refColumns} FROM shards WHERE task_id = ? ORDER BY pk`, taskId).map((ref) => {
        const row = readShard(db, ref);
        return { nodeId: ref.nodeId, shard: ref.shard, count: row?.record.count ?? lengthOf(db, row) };
      }),
    ),
});

/** `-1` is not the key of any shard. */
const logOf = (db: SqliteConnection, ref: ShardRef, generation: number) =>
  [readShard(db, ref)?.pk ?? -1, generation] as const;

type ArtifactRow = Record<"seq" | "epoch" | "originSeq" | "chunk", number> &
  Record<"uid" | "claimId" | "source" | "details" | "meta" | "metrics", string>;

function artifactOf({ seq, uid, epoch, claimId, meta, metrics, ...row }: ArtifactRow): Artifact {
  return { seq, uid, epoch, claimId, ...detailsOf(row), meta: JSON.parse(meta), metrics: JSON.parse(metrics) };
}
function detailsOf({ source, originSeq: seq, chunk, details }: Omit<ArtifactRow, keyof Artifact>) {
  const { failure, ...rest } = JSON.parse(details);
  return { origin: { source, seq, chunk, ...rest } as Origin, ...(failure && { failure }) };
}
