import { keepJson } from "../../core/codec/index.ts";
import { fence, finishShard, isRecorded } from "../../core/model/index.ts";
import type { Artifact, Origin, ShardRef } from "../../core/model/records.ts";
import type { LogDriver } from "../../core/store/driver.ts";
import type { SqliteConnection } from "./connection.ts";
import { jsonText, type Row, refAt } from "./rows.ts";
import { logLength, readShard, updateShard } from "./shards.ts";
import type { Session } from "./shared-file.ts";

/** The key of a log: of its shard's row, and its generation. */
type Log = readonly [pk: number, generation: number];

export const artifactLogs = (session: Session): LogDriver => ({
  async append(attempt, generation, artifact) {
    const { seq, uid, origin } = artifact;
    const meta = jsonText(artifact.meta, `the artifact '${uid}' of node '${attempt.nodeId}'`);
    const metrics = JSON.stringify(artifact.metrics);
    return session.write((db) => {
      const row = readShard(db, attempt);
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      const log: Log = [row.pk, generation];
      const length = logLength(db, ...log);
      if (seq < length) {
        const there = db.sql("SELECT uid, claim_id FROM artifacts WHERE shard_pk = ? AND generation = ? AND seq = ?");
        const { uid: itsUid, claim_id } = there.get(...log, seq) ?? {};
        return itsUid === uid && claim_id === attempt.claimId ? "ok" : "conflict";
      }
      if (seq > length || isClosed(db, log)) return "conflict";
      const values = [uid, attempt.epoch, attempt.claimId, origin.source, origin.seq, origin.chunk, meta, metrics];
      const insert = db.sql(
        `INSERT OR IGNORE INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source, origin_seq,
           origin_chunk, meta, metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      );
      if (insert.run(...log, seq, ...values).changes === 0) return "duplicate_uid"; // the seq is free: it can only be the uid
      db.lengths.set(log.join(":"), length + 1);
      return "ok";
    });
  },

  async complete(attempt, outcome) {
    const { result, generation, count } = outcome;
    const whose = `the result of node '${attempt.nodeId}'`;
    // Rejects a result that is too large before the log is closed.
    if (result !== undefined) jsonText(keepJson(result, whose), whose);
    return session.write((db, now) => {
      const row = readShard(db, attempt);
      if (isRecorded(row?.record, attempt, "complete")) return "ok";
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      if (logLength(db, row.pk, generation) !== count) return "conflict";
      db.sql("INSERT OR IGNORE INTO complete_markers (shard_pk, generation) VALUES (?, ?)").run(row.pk, generation);
      return updateShard(db, attempt, ({ record } = row) => finishShard(record, attempt, { ...outcome, now }));
    });
  },

  read: (ref, { generation, from, limit }) =>
    session.read((db) => {
      const look = db.sql(
        `SELECT seq, uid, epoch, claim_id, origin_source, origin_seq, origin_chunk, meta, metrics FROM artifacts
         WHERE shard_pk = ? AND generation = ? AND seq >= ? ORDER BY seq LIMIT ? + 0`,
      );
      return look.all(...logOf(db, ref, generation), from, limit).map(artifactAt);
    }),

  tail: (ref, generation) =>
    session.read((db) => {
      const log = logOf(db, ref, generation);
      const last = db.sql(
        `SELECT origin_source, origin_seq, origin_chunk, max(seq) FROM artifacts WHERE shard_pk = ? AND generation = ?
         GROUP BY origin_source`,
      );
      return { length: logLength(db, ...log), closed: isClosed(db, log), origins: last.all(...log).map(originAt) };
    }),

  readUids: (ref, { generation, from, limit }) =>
    session.read((db) =>
      db
        .sql("SELECT uid FROM artifacts WHERE shard_pk = ? AND generation = ? AND seq >= ? ORDER BY seq LIMIT ? + 0")
        .all(...logOf(db, ref, generation), from, limit)
        .map(({ uid }) => String(uid)),
    ),

  storedUids: (ref, generation, uids) =>
    session.read((db) => {
      const log = logOf(db, ref, generation);
      const look = db.sql("SELECT 1 FROM artifacts WHERE shard_pk = ? AND generation = ? AND uid = ?");
      return new Set(uids.filter((uid) => look.get(...log, uid) !== undefined));
    }),

  count: (taskId) =>
    session.read((db) => {
      const rows = db.sql("SELECT node_id, shard FROM shards WHERE task_id = ? ORDER BY pk").all(taskId);
      return rows.flatMap((row) => {
        const found = readShard(db, refAt({ ...row, task_id: taskId }));
        if (found === undefined) return [];
        const { nodeId, shard, generation, count } = found.record;
        return [{ nodeId, shard, count: count ?? logLength(db, found.pk, generation) }];
      });
    }),
});

/** A shard without a record has no rows in any log. */
const logOf = (db: SqliteConnection, ref: ShardRef, generation: number): Log => [
  readShard(db, ref)?.pk ?? noShard,
  generation,
];

const noShard = -1;

const isClosed = (db: SqliteConnection, log: Log): boolean =>
  db.sql("SELECT 1 FROM complete_markers WHERE shard_pk = ? AND generation = ?").get(...log) !== undefined;

const originAt = (row: Row): Origin => ({
  source: String(row.origin_source),
  seq: Number(row.origin_seq),
  chunk: Number(row.origin_chunk),
});

const artifactAt = (row: Row): Artifact => ({
  seq: Number(row.seq),
  uid: String(row.uid),
  epoch: Number(row.epoch),
  claimId: String(row.claim_id),
  origin: originAt(row),
  meta: JSON.parse(String(row.meta)),
  metrics: JSON.parse(String(row.metrics)),
});
