import { jsonText, keepJson } from "../../../core/codec/index.ts";
import { dispatchClaimedShard, fence, finishShard, isRecorded } from "../../../core/model/index.ts";
import {
  type Artifact,
  type Attempt,
  type NewArtifact,
  type Origin,
  type ShardRef,
  shardKey,
} from "../../../core/model/records.ts";
import type { LogDriver } from "../../../core/store/driver.ts";
import type { Json } from "../../../errors/index.ts";
import { foreignKeyViolation, sqlStateOf } from "../database/errors.ts";
import { idOf, idText, mostBytes, type Session, together } from "../database/session.ts";
import {
  givenNewShard,
  givenShard,
  insertGivenShard,
  insertShardFrom,
  isShard,
  keepWritten,
  newShardValues,
  refValues,
  setGivenShard,
  setShard,
  shardValues,
  updateShard,
} from "./shards.ts";

/*
 * A log is closed by a marker, a row without a `uid`, at the position behind its last artifact. A position is a unique
 * key: of two inserts at one position one wins, and an insert behind an artifact has seen every entry before it.
 */

const isLog = `shard_pk = (SELECT pk FROM @shards WHERE ${isShard}) AND generation = $4`;
/** Whether the log of `shard` has an artifact just before the position. */
const isNext = (generation: string, seq: string) => `(${seq} = 0 OR EXISTS (SELECT 1 FROM @artifacts
  WHERE shard_pk = shard.pk AND generation = ${generation} AND seq = ${seq}::int - 1 AND uid IS NOT NULL))`;
const artifactColumns = "uid, origin_source, origin_seq, chunk, more, meta, metrics";
const insertArtifact = `INSERT INTO @artifacts (shard_pk, generation, seq, epoch, claim_id, ${artifactColumns})
  SELECT pk, $4::int, $5::int, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM @shards shard
  WHERE ${isShard} AND status = 'running' AND epoch = $6::int AND claim_id = $7 AND ${isNext("$4::int", "$5::int")}
  ON CONFLICT DO NOTHING RETURNING 1`;
const insertMarker = "INSERT INTO @artifacts (shard_pk, generation, seq, epoch, claim_id)";
const columnsOf = (types: Readonly<Record<string, string>>): string =>
  Object.entries(types)
    .map(([name, type]) => `"${name}" ${type}`)
    .join(", ");
/**
 * Closes the log and replaces the record together, if the record has not changed since it was read. With `last`, stores that
 * artifact before, and with `next`, inserts another shard after that.
 */
const finish = ({ last, next }: { readonly last?: unknown; readonly next?: unknown }): string =>
  finishes[last === undefined ? "" : "last"][next === undefined ? "" : "next"];
const finishWith = (last: boolean, next: boolean): string => {
  const isMarked = `EXISTS (SELECT 1 FROM @artifacts
    WHERE shard_pk = own.pk AND generation = $13::int AND seq = $14::int AND uid IS NULL)`;
  const stored = `last AS (INSERT INTO @artifacts (shard_pk, generation, seq, epoch, claim_id, ${artifactColumns})
    SELECT pk, $13::int, $14::int - 1, $15::int, $16, $17, $18, $19, $20, $21, $22, $23 FROM own
    ON CONFLICT DO NOTHING RETURNING 1),`;
  const dispatched = `, next AS (${insertShardFrom(last ? 24 : 17, "done CROSS JOIN ")})`;
  return `WITH own AS (SELECT pk FROM @shards shard WHERE pk = $1 AND rev = $2
    AND ${isNext("$13::int", last ? "$14::int - 1" : "$14::int")} FOR NO KEY UPDATE), ${last ? stored : ""}
  marked AS (${insertMarker} SELECT pk, $13::int, $14::int, $15::int, $16 FROM own${last ? ", last" : ""}
    ON CONFLICT DO NOTHING RETURNING 1),
  done AS (${setShard} FROM own WHERE shard.pk = own.pk AND (EXISTS (SELECT 1 FROM marked)${last ? "" : ` OR ${isMarked}`})
    RETURNING 1)${next ? dispatched : ""}
  SELECT ${next ? "(SELECT pk FROM next)" : "NULL"} AS next FROM done`;
};
const finishes = {
  "": { "": finishWith(false, false), next: finishWith(false, true) },
  last: { "": finishWith(true, false), next: finishWith(true, true) },
};
/** The columns of a table of completions, each with the artifact before its marker, and some with another shard to insert. */
const givenCompletion = {
  ...givenShard,
  log: "int",
  end: "int",
  by_epoch: "int",
  by_claim: "text",
  uid: "text",
  origin_source: "text",
  origin_seq: "int",
  chunk: "int",
  more: "text",
  meta: "text",
  metrics: "text",
  ...givenNewShard,
};
const completionColumns = Object.keys(givenCompletion);
/** The longest text that is stored together with others' ones, in characters. */
const longestTogether = 100_000;
/** As `finish` and `finishAndInsert`, of many shards, each after it has stored its last artifact. */
const finishMany = `WITH own AS (SELECT given.*, place FROM json_to_recordset($1) AS given (${columnsOf(givenCompletion)})
    CROSS JOIN LATERAL (SELECT ctid AS place FROM @shards shard WHERE pk = given.pk AND rev = given.rev
      AND ${isNext("given.log", '(given."end" - 1)')} FOR NO KEY UPDATE) AS locked),
  last AS (INSERT INTO @artifacts (shard_pk, generation, seq, epoch, claim_id, ${artifactColumns})
    SELECT pk, log, "end" - 1, by_epoch, by_claim, ${artifactColumns} FROM own ON CONFLICT DO NOTHING RETURNING shard_pk),
  marked AS (${insertMarker} SELECT pk, log, "end", by_epoch, by_claim FROM own JOIN last ON shard_pk = pk
    ON CONFLICT DO NOTHING RETURNING shard_pk),
  done AS (${setGivenShard} FROM own JOIN marked ON marked.shard_pk = own.pk WHERE shard.ctid = place RETURNING shard.pk),
  next AS (${insertGivenShard("own JOIN done USING (pk)")})
  SELECT own.pk::float8, next.pk AS next FROM own JOIN done USING (pk)
  LEFT JOIN next ON task_id = new_task_id AND node_id = new_node_id AND next.shard = new_shard`;
const lastEntry = (generation: string) => `SELECT seq, uid IS NULL AS closed FROM @artifacts
  WHERE shard_pk = shard.pk AND generation = ${generation} ORDER BY seq DESC LIMIT 1`;
const close = `${insertMarker} SELECT pk, $4::int, coalesce(last.seq + 1, 0), 0, ''
  FROM @shards shard LEFT JOIN LATERAL (${lastEntry("$4::int")}) last ON true
  WHERE ${isShard} AND last.closed IS NOT TRUE ON CONFLICT DO NOTHING RETURNING 1`;
const logEnd = `SELECT last.seq, last.closed FROM @shards shard LEFT JOIN LATERAL (${lastEntry("$4")}) last ON true
  WHERE ${isShard}`;
const entry = `SELECT uid, claim_id FROM @artifacts WHERE ${isLog} AND seq = $5`;
const originColumns = "origin_source AS source, origin_seq, chunk, more";
const artifacts = `SELECT seq, uid, epoch, claim_id, ${originColumns}, meta, metrics FROM @artifacts
  WHERE ${isLog} AND seq >= $5 AND uid IS NOT NULL ORDER BY seq LIMIT $6`;
const uidPage = `SELECT uid FROM @artifacts WHERE ${isLog} AND seq >= $5 AND uid IS NOT NULL ORDER BY seq LIMIT $6`;
const uidsOf = `SELECT uid FROM @artifacts WHERE ${isLog} AND uid = ANY ($5)`;
/** The last of the source that sorts last, then of the one before it, and so on: along the index, however long the log is. */
const lastOf = (where: string) => `SELECT ${originColumns} FROM @artifacts
  WHERE ${isLog} AND uid IS NOT NULL ${where} ORDER BY origin_source DESC, seq DESC LIMIT 1`;
const lastOrigins = `WITH RECURSIVE found AS ((${lastOf("")}) UNION ALL
  SELECT before.* FROM found CROSS JOIN LATERAL (${lastOf("AND origin_source < found.source")}) before) SELECT * FROM found`;
const counts = `SELECT node_id, shard, coalesce(count,
    (SELECT CASE WHEN closed THEN seq ELSE seq + 1 END FROM (${lastEntry("shard.generation")}) last), 0) AS count
  FROM @shards shard WHERE task_id = $1 ORDER BY pk`;

interface End {
  readonly seq: number | null;
  readonly closed: boolean | null;
}

export function artifactLogs(session: Session): LogDriver {
  const completeOne = ({ text, values }: Completion) => session.get<Completed>(text, values);
  const completeSoon = together(async (given: readonly Completion[]) =>
    given.length > 1 ? await completeMany(session, given) : [await completeOne(given[0] as Completion)],
  );
  return {
    async append(attempt, generation, artifact) {
      const { epoch, claimId } = attempt;
      const key = [...refValues(attempt), generation, artifact.seq, epoch, claimId];
      const values = [...key, ...artifactValues(attempt, artifact)];
      for (;;) {
        if (await isStored(session, insertArtifact, values)) return "ok";
        const answer = await updateShard(session, attempt, (record) => ({ answer: fence(record, attempt) }));
        if (answer !== "ok") return answer;
        const found = await findInstead(session, attempt, generation, artifact);
        if (found !== undefined) return found;
      }
    },
    async complete(attempt, outcome) {
      const { result, generation, count } = outcome;
      if (result !== undefined) checkResult(attempt, result);
      const marker = [generation, count, attempt.epoch, attempt.claimId];
      let isConflict = false;
      return updateShard<Awaited<ReturnType<LogDriver["complete"]>>>(
        session,
        attempt,
        (record, now) => {
          if (isRecorded(record, attempt, "complete")) return { answer: "ok" };
          const answer = fence(record, attempt);
          if (answer !== "ok") return { answer };
          return isConflict ? { answer: "conflict" } : finishShard(record, attempt, { ...outcome, now });
        },
        async (values) => {
          if (await session.has(finish({}), [...values, ...marker])) return true;
          const { length } = await readEnd(session, attempt, generation);
          isConflict = length !== count;
          return false;
        },
      );
    },
    async completeWith(attempt, { last, ...outcome }, next) {
      const { written, time } = session;
      const known = written.get(shardKey(attempt));
      if (known === undefined || time === undefined) return undefined;
      const { next: finished } = finishShard(JSON.parse(known.record), attempt, { ...outcome, now: time });
      if (finished === undefined) return undefined;
      const { result, generation, count } = outcome;
      if (result !== undefined) checkResult(attempt, result);
      const inserted = next && dispatchClaimedShard(next, { at: time });
      const values = [...shardValues(finished, known), generation, count, attempt.epoch, attempt.claimId];
      if (last !== undefined) values.push(...artifactValues(attempt, last));
      if (inserted !== undefined) values.push(...newShardValues(inserted, false));
      const completion = { text: finish({ last, next }), values };
      const row = await (last === undefined || isLarge(values) ? completeOne : completeSoon)(completion);
      if (row === undefined) return undefined;
      keepWritten(session, finished, { pk: known.pk, rev: known.rev + 1 });
      if (inserted === undefined || row.next === null) return {};
      keepWritten(session, inserted, { pk: row.next, rev: 0 });
      return { inserted };
    },
    async close(ref, generation) {
      while (!(await isStored(session, close, [...refValues(ref), generation]))) {
        const end = await session.get<End>(logEnd, [...refValues(ref), generation]);
        if (end === undefined || end.closed === true) return; // else another entry was stored meanwhile
      }
    },
    async read(ref, { generation, from, limit }) {
      const values = [...refValues(ref), generation, from, limit];
      return (await session.all<ArtifactRow>(artifacts, values)).map(artifactOf);
    },
    async tail(ref, generation) {
      const end = await readEnd(session, ref, generation);
      if (end.length === 0) return { ...end, origins: [] };
      const rows = await session.all<OriginRow>(lastOrigins, [...refValues(ref), generation]);
      return { ...end, origins: rows.map((row) => moreOf(row).origin) };
    },
    async readUids(ref, { generation, from, limit }) {
      const rows = await session.all<{ uid: string }>(uidPage, [...refValues(ref), generation, from, limit]);
      return rows.map(({ uid }) => idOf(uid));
    },
    async storedUids(ref, generation, uids) {
      return new Set(uids.length === 0 ? [] : await readStored(session, ref, generation, uids));
    },
    async count(taskId) {
      const rows = await session.all<{ node_id: string; shard: number; count: number }>(counts, [idText(taskId)]);
      return rows.map(({ node_id: nodeId, ...row }) => ({ nodeId, ...row }));
    },
  };
}

/** What ends a shard. */
interface Completion {
  readonly text: string;
  /** Of `completionColumns`; without another shard, not of the last ones. */
  readonly values: readonly unknown[];
}

interface Completed {
  /** The row of the inserted shard. */
  readonly next: number | null;
}

async function completeMany(session: Session, given: readonly Completion[]) {
  const inOrder = given.toSorted(({ values: [one] }, { values: [other] }) => Number(one) - Number(other));
  const rows = inOrder.map(({ values }) =>
    Object.fromEntries(values.map((value, at) => [completionColumns[at], value])),
  );
  const done = await session.all<Completed & { pk: number }>(finishMany, [JSON.stringify(rows)]);
  const byPk = new Map(done.map((row) => [row.pk, row]));
  return given.map(({ values: [pk] }) => byPk.get(pk as number));
}

/** Whether it is not worth holding others up for. */
const isLarge = (values: readonly unknown[]): boolean =>
  values.some((value) => typeof value === "string" && value.length > longestTogether);

/** A result that is too large is rejected before the log is closed. */
function checkResult({ nodeId }: Attempt, result: Json): void {
  const whose = `the result of node '${nodeId}'`;
  jsonText(keepJson(result, whose), whose, mostBytes);
}

/** False also if the task was removed meanwhile. */
const isStored = (session: Session, insert: string, values: readonly unknown[]): Promise<boolean> =>
  session.has(insert, values).catch((error: unknown) => {
    if (sqlStateOf(error) !== foreignKeyViolation) throw error;
    return false;
  });

async function readEnd(session: Session, ref: ShardRef, generation: number) {
  const { seq = null, closed } = (await session.get<End>(logEnd, [...refValues(ref), generation])) ?? {};
  return { length: seq === null ? 0 : seq + (closed ? 0 : 1), closed: closed ?? false };
}

const readEntry = (session: Session, ref: ShardRef, generation: number, seq: number) =>
  session.get<{ uid: string | null; claim_id: string }>(entry, [...refValues(ref), generation, seq]);

/** Why an artifact is not inserted: `ok`, it is there. `undefined`: nothing prevents it any more. */
async function findInstead(session: Session, attempt: Attempt, generation: number, { seq, uid }: NewArtifact) {
  const there = await readEntry(session, attempt, generation, seq);
  const isOwn = there !== undefined && there.uid === idText(uid) && there.claim_id === attempt.claimId;
  if (there !== undefined) return isOwn ? "ok" : "conflict";
  if (seq > 0 && !(await readEntry(session, attempt, generation, seq - 1))?.uid) return "conflict";
  // The seq is free.
  return (await readStored(session, attempt, generation, [uid])).length > 0 ? "duplicate_uid" : undefined;
}

async function readStored(session: Session, ref: ShardRef, generation: number, uids: readonly string[]) {
  const values = [...refValues(ref), generation, uids.map(idText)];
  return (await session.all<{ uid: string }>(uidsOf, values)).map(({ uid }) => idOf(uid));
}

function artifactValues(attempt: Attempt, { uid, origin, meta, metrics, failure }: NewArtifact): readonly unknown[] {
  const { source, seq, chunk, ...rest } = origin;
  const what = `the artifact '${uid}' of node '${attempt.nodeId}'`;
  const texts = [{ ...rest, failure }, meta, metrics].map((value) => jsonText(value, what, mostBytes));
  return [idText(uid), source, seq, chunk, ...texts];
}

type OriginRow = Readonly<Record<"source" | "more", string> & Record<"origin_seq" | "chunk", number>>;
type ArtifactRow = OriginRow &
  Readonly<Record<"uid" | "claim_id" | "meta" | "metrics", string> & Record<"seq" | "epoch", number>>;

function artifactOf({ seq, uid, epoch, claim_id: claimId, meta, metrics, ...row }: ArtifactRow): Artifact {
  const own = { seq, uid: idOf(uid), epoch, claimId, ...moreOf(row) };
  return { ...own, meta: JSON.parse(meta), metrics: JSON.parse(metrics) };
}

function moreOf({ source, origin_seq: seq, chunk, more }: OriginRow) {
  const { failure, ...rest } = JSON.parse(more);
  return { origin: { source, seq, chunk, ...rest } as Origin, ...(failure && { failure }) };
}
