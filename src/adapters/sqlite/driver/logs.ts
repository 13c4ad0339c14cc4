import { jsonText, keepJson } from "../../../core/codec/index.ts";
import { dispatchClaimedShard, fence, finishShard, isRecorded } from "../../../core/model/index.ts";
import type { Artifact, Attempt, NewArtifact, Origin, ShardRef } from "../../../core/model/records.ts";
import type { LogDriver } from "../../../core/store/driver.ts";
import type { Json } from "../../../errors/index.ts";
import { mostBytes, type Session, type ShardRow, type SqliteConnection } from "../database/connection.ts";
import { indexedFrom } from "../database/schema.ts";
import {
  insertShard,
  isEmpty,
  isLog,
  keepLog,
  lengthOf,
  logHead,
  onlyArtifact,
  readShard,
  refColumns,
  replaceShard,
  updateShard,
} from "./shards.ts";
import { ofTask, readTask } from "./tasks.ts";

const ownArtifact = `SELECT 1 FROM artifacts WHERE ${isLog} AND seq = ? AND uid = ? AND claim_id = ?`;
const insertArtifact = `INSERT OR IGNORE INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, origin_source,
  origin_seq, chunk, extras, meta, metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const originColumns = "origin_source AS source, origin_seq AS originSeq, chunk, extras";
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

/** The only artifact of a log is stored in the row of its shard if its JSON is not longer, which saves a page. */
const mostInRow = 1_000;

export const artifactLogs = (session: Session): LogDriver => ({
  async append(attempt, generation, artifact) {
    const { seq, uid } = artifact;
    const meta = metaText(attempt, artifact);
    return session.write((db) => {
      const row = readShard(db, attempt);
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      const { length, closed } = logHead(db, row, generation);
      if (seq < length) return db.has(ownArtifact, row.pk, generation, seq, uid, attempt.claimId) ? "ok" : "conflict";
      if (seq > length || closed) return "conflict";
      return appendNext(db, row, { attempt, generation, artifact, meta }) ? "ok" : "duplicate_uid";
    });
  },
  async complete(attempt, outcome) {
    const { result, generation, count } = outcome;
    checkResult(attempt, result);
    return session.write((db, now) => {
      const row = readShard(db, attempt);
      if (isRecorded(row?.record, attempt, "complete")) return "ok";
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      if (logHead(db, row, generation).length !== count) return "conflict";
      return updateShard(db, attempt, () => finishShard(row.record, attempt, { ...outcome, now }));
    });
  },
  async completeWith(attempt, { last, ...outcome }, next) {
    const { result, generation, count } = outcome;
    checkResult(attempt, result);
    const meta = last === undefined ? "" : metaText(attempt, last);
    const only = last !== undefined && count === 1 ? textInRow(attempt, last, meta) : undefined;
    return session.write((db, now) => {
      const row = readShard(db, attempt);
      if (row === undefined || generation !== row.record.generation) return undefined;
      const { next: finished } = finishShard(row.record, attempt, { ...outcome, now });
      const { length, closed } = logHead(db, row, generation);
      const isNext = last === undefined ? length === count : length === last.seq && length + 1 === count && !closed;
      if (finished === undefined || !isNext) return undefined;
      const task = next && readTask(db, next.ref.taskId);
      const claimed = task && dispatchClaimedShard(next, { at: now, paused: task.record.paused });
      if (only !== undefined) keepLog(row, { generation, length: 1, closed, firstUids: [last?.uid ?? ""] });
      else if (last !== undefined && !appendNext(db, row, { attempt, generation, artifact: last, meta }))
        return undefined;
      replaceShard(db, row, finished, only);
      const isInserted = task && claimed?.status === "running" && insertShard(db, task.pk, claimed);
      return isInserted === true ? { inserted: claimed } : {};
    });
  },
  close: (ref, generation) =>
    session.write((db) => {
      const row = readShard(db, ref);
      if (row === undefined) return;
      db.run(insertMarker, row.pk, generation);
      keepLog(row, { ...logHead(db, row, generation), closed: true });
    }),
  read: (ref, { generation, from, limit }) =>
    session.read((db) => {
      const row = readShard(db, ref);
      if (row === undefined) return [];
      const only = from === 0 && limit > 0 ? onlyArtifact(db, row, generation) : undefined;
      if (only !== undefined) return [only];
      return db.all<ArtifactRow>(artifacts, row.pk, generation, from, limit).map(artifactOf);
    }),
  tail: (ref, generation) =>
    session.read((db) => {
      const row = readShard(db, ref);
      if (row === undefined) return { length: 0, closed: false, origins: [] };
      const { length, closed } = logHead(db, row, generation);
      const only = onlyArtifact(db, row, generation);
      const rows = lastOrigins.flatMap((look) => db.all<ArtifactRow>(look, row.pk, generation));
      const origins = new Map(rows.map((each) => [each.source, detailsOf(each).origin]));
      const { status, generation: last, artifactsOf } = row.record;
      // An outcome closes the log, too, since a marker would cost another page.
      const isFinished = status === "finished" && last === generation && artifactsOf === undefined;
      return { length, closed: closed || isFinished, origins: only ? [only.origin] : [...origins.values()] };
    }),
  readUids: (ref, { generation, from, limit }) =>
    session.read((db) => {
      const row = readShard(db, ref);
      if (row === undefined) return [];
      const { length, firstUids } = logHead(db, row, generation);
      if (length <= firstUids.length) return firstUids.slice(from, from + limit);
      return db.all<Artifact>(uidPage, row.pk, generation, from, limit).map(({ uid }) => uid);
    }),
  storedUids: (ref, generation, uids) =>
    session.read((db) => {
      const row = readShard(db, ref);
      if (row === undefined) return new Set();
      const { firstUids } = logHead(db, row, generation);
      return new Set(uids.filter((uid) => firstUids.includes(uid) || db.has(indexedUid, row.pk, generation, uid)));
    }),
  count: (taskId) =>
    session.read((db) =>
      db.all<ShardRef>(`SELECT ${refColumns} FROM shards WHERE ${ofTask} ORDER BY pk`, taskId).map((ref) => {
        const row = readShard(db, ref);
        return { nodeId: ref.nodeId, shard: ref.shard, count: row?.record.count ?? lengthOf(db, row) };
      }),
    ),
});

/** A result that is too large is rejected before anything is written. */
function checkResult({ nodeId }: Attempt, result: Json | undefined): void {
  const whose = `the result of node '${nodeId}'`;
  if (result !== undefined) jsonText(keepJson(result, whose), whose, mostBytes);
}

const metaText = ({ nodeId }: Attempt, { uid, meta }: NewArtifact): string =>
  jsonText(meta, `the artifact '${uid}' of node '${nodeId}'`, mostBytes);

/** An artifact for the row of its shard, if it is short enough. */
function textInRow({ epoch }: Attempt, artifact: NewArtifact, meta: string): string | undefined {
  if (meta.length > mostInRow) return undefined;
  const { uid, origin, failure } = artifact;
  const metrics = isEmpty(artifact.metrics) ? undefined : artifact.metrics;
  const text = `${JSON.stringify({ uid, origin, epoch, metrics, failure }).slice(0, -1)},"meta":${meta}}`;
  return text.length > mostInRow ? undefined : text;
}

interface Appended {
  readonly attempt: Attempt;
  readonly generation: number;
  readonly artifact: NewArtifact;
  /** As JSON. */
  readonly meta: string;
}

/** Appends at the end of an open log. Returns false if the log has the uid. */
function appendNext(db: SqliteConnection, row: ShardRow, { attempt, generation, artifact, meta }: Appended): boolean {
  const { seq, uid, origin, metrics, failure } = artifact;
  const { source, seq: originSeq, chunk, ...rest } = origin;
  const { length, closed, firstUids } = logHead(db, row, generation);
  if (firstUids.includes(uid)) return false;
  const values = [uid, attempt.epoch, attempt.claimId, source, originSeq, chunk];
  const texts = [JSON.stringify({ ...rest, failure }), meta, JSON.stringify(metrics)];
  const { changes } = db.run(insertArtifact, row.pk, generation, seq, ...values, ...texts);
  if (changes === 0) return false; // because the seq is free
  const uids = seq < indexedFrom ? [...firstUids, uid] : firstUids;
  keepLog(row, { generation, length: length + 1, closed, firstUids: uids });
  return true;
}

type ArtifactRow = Record<"seq" | "epoch" | "originSeq" | "chunk", number> &
  Record<"uid" | "claimId" | "source" | "extras" | "meta" | "metrics", string>;

function artifactOf({ seq, uid, epoch, claimId, meta, metrics, ...row }: ArtifactRow): Artifact {
  return { seq, uid, epoch, claimId, ...detailsOf(row), meta: JSON.parse(meta), metrics: JSON.parse(metrics) };
}
function detailsOf({ source, originSeq: seq, chunk, extras }: Omit<ArtifactRow, keyof Artifact>) {
  const { failure, ...rest } = JSON.parse(extras);
  return { origin: { source, seq, chunk, ...rest } as Origin, ...(failure && { failure }) };
}
