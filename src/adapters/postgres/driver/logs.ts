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
import { together } from "../../../core/store/together.ts";
import type { Json } from "../../../errors/index.ts";
import { sqlStateOf, uniqueViolation } from "../database/request.ts";
import { idOf, idText, mostBytes, type Session } from "../database/session.ts";
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
 * A position in a log is a unique key: of two inserts at one position, one wins, and an insert behind an artifact has seen
 * every entry before it. An append locks the row of its shard, so it either precedes the end of the attempt or does not
 * happen: the outcome closes the log.
 */

const isLog = `shard_pk = (SELECT pk FROM @shards WHERE ${isShard}) AND generation = $4`;
/** The number of artifacts in the log of `shard`, by the key in any plan: an `EXISTS` may read those of all shards. */
const lengthOf = (generation: string) => `coalesce((SELECT seq + 1 FROM @artifacts
  WHERE shard_pk = shard.pk AND generation = ${generation} ORDER BY seq DESC LIMIT 1), 0)`;
const artifactColumns = "uid, origin_source, origin_seq, chunk, details, meta, metrics";
const insertArtifact = `INSERT INTO @artifacts (shard_pk, generation, seq, epoch, claim_id, ${artifactColumns})
  SELECT pk, $4::int, $5::int, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM @shards shard
  WHERE ${isShard} AND status = 'running' AND epoch = $6::int AND claim_id = $7 AND ${lengthOf("$4::int")} = $5::int
  FOR SHARE OF shard ON CONFLICT DO NOTHING RETURNING 1`;
const columnsOf = (types: Readonly<Record<string, string>>): string =>
  Object.entries(types)
    .map(([name, type]) => `"${name}" ${type}`)
    .join(", ");
/**
 * Replaces the record, unless it has changed since it was read, or its log has another number of artifacts. With `last`,
 * appends that artifact; with `next`, then inserts another shard. A first artifact is appended without a look at the log: its
 * key would be taken. If the other shard is not inserted, no row is returned, as if nothing had been written.
 */
const finish = ({ last, next }: { readonly last?: unknown; readonly next?: unknown }): string =>
  finishes[last === undefined ? "" : "last"][next === undefined ? "" : "next"];
const finishWith = (last: boolean, next: boolean): string => {
  const stored = `, last AS (INSERT INTO @artifacts (shard_pk, generation, seq, epoch, claim_id, ${artifactColumns})
    SELECT pk, $13::int, $14::int - 1, $15::int, $16, $17, $18, $19, $20, $21, $22, $23 FROM done)`;
  const dispatched = next ? insertShardFrom(last ? 24 : 15, "done CROSS JOIN ") : "SELECT NULL AS next FROM done";
  return `WITH done AS (${setShard} WHERE pk = $1 AND rev = $2
    AND (${last} AND $14::int = 1 OR ${lengthOf("$13::int")} = $14::int ${last ? "- 1" : ""}) RETURNING pk)
    ${last ? stored : ""} ${dispatched}`;
};
const finishes = {
  "": { "": finishWith(false, false), next: finishWith(false, true) },
  last: { "": finishWith(true, false), next: finishWith(true, true) },
};
/** The columns of a table of completions, each with its last artifact, some also with another shard to insert. */
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
  details: "text",
  meta: "text",
  metrics: "text",
  ...givenNewShard,
};
const completionColumns = Object.keys(givenCompletion);
const nextAt = completionColumns.indexOf("new_task_id");
/** Completions with a text longer than this, in characters, are not batched. */
const longestTogether = 100_000;
/** As `finish` with `last`, and some with `next`, for many shards at once. */
const finishMany = `WITH own AS (SELECT given.* FROM json_to_recordset($1) AS given (${columnsOf(givenCompletion)})
    CROSS JOIN LATERAL (SELECT FROM @shards shard WHERE pk = given.pk AND rev = given.rev
      AND (given."end" = 1 OR ${lengthOf("given.log")} = given."end" - 1) FOR NO KEY UPDATE) AS locked),
  last AS (INSERT INTO @artifacts (shard_pk, generation, seq, epoch, claim_id, ${artifactColumns})
    SELECT pk, log, "end" - 1, by_epoch, by_claim, ${artifactColumns} FROM own ON CONFLICT DO NOTHING RETURNING shard_pk),
  done AS (${setGivenShard} FROM own
    WHERE shard.pk = own.pk AND shard.pk = ANY (ARRAY(SELECT shard_pk FROM last)) RETURNING shard.pk),
  next AS (${insertGivenShard("own JOIN done USING (pk)")})
  SELECT pk::text AS key, NULL AS pk FROM done UNION ALL SELECT concat_ws(E'\\n', task_id, node_id, shard), pk FROM next`;
const logEnd = `SELECT length, count = length AND generation = $4 AS closed
  FROM @shards shard CROSS JOIN LATERAL (SELECT ${lengthOf("$4")} AS length) AS log WHERE ${isShard}`;
const entry = `SELECT uid, claim_id FROM @artifacts WHERE ${isLog} AND seq = $5`;
const originColumns = "origin_source AS source, origin_seq, chunk, details";
const artifacts = `SELECT seq, uid, epoch, claim_id, ${originColumns}, meta, metrics FROM @artifacts
  WHERE ${isLog} AND seq >= $5 ORDER BY seq LIMIT $6`;
const uidPage = `SELECT uid FROM @artifacts WHERE ${isLog} AND seq >= $5 ORDER BY seq LIMIT $6`;
const uidsOf = `SELECT uid FROM @artifacts WHERE ${isLog} AND uid = ANY ($5)`;
/** The last artifact of the source that sorts last, then of the one before it, and so on: one index lookup for each. */
const lastOf = (where: string) => `SELECT ${originColumns} FROM @artifacts
  WHERE ${isLog} ${where} ORDER BY origin_source DESC, seq DESC LIMIT 1`;
const lastOrigins = `WITH RECURSIVE found AS ((${lastOf("")}) UNION ALL
  SELECT before.* FROM found CROSS JOIN LATERAL (${lastOf("AND origin_source < found.source")}) before) SELECT * FROM found`;
const counts = `SELECT node_id, shard, coalesce(count, ${lengthOf("shard.generation")}) AS count FROM @shards shard WHERE task_id = $1 ORDER BY pk`;

interface End {
  readonly length: number;
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
        if (await session.has(insertArtifact, values)) return "ok";
        const answer = await updateShard(session, attempt, (record) => ({ answer: fence(record, attempt) }));
        if (answer !== "ok") return answer;
        const found = await findInstead(session, attempt, generation, artifact);
        if (found !== undefined) return found;
      }
    },
    async complete(attempt, outcome) {
      const { result, generation, count } = outcome;
      if (result !== undefined) checkResult(attempt, result);
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
          if (await session.has(finish({}), [...values, generation, count])) return true;
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
      const { next: finished } = finishShard(known.record, attempt, { ...outcome, now: time });
      if (finished === undefined) return undefined;
      const { result, generation, count } = outcome;
      if (result !== undefined) checkResult(attempt, result);
      const inserted = next && dispatchClaimedShard(next, { at: time });
      const values = [...shardValues(finished, known), generation, count];
      if (last !== undefined) values.push(attempt.epoch, attempt.claimId, ...artifactValues(attempt, last));
      if (inserted !== undefined) values.push(...newShardValues(inserted, false));
      const completion = { text: finish({ last, next }), values };
      const alone = last === undefined || isLarge(values);
      const row = await (alone ? completeOne : completeSoon)(completion).catch(orUndefined);
      if (row === undefined) return undefined;
      keepWritten(session, finished, { pk: known.pk, rev: known.rev + 1 });
      if (inserted === undefined || row.next === null) return {};
      keepWritten(session, inserted, { pk: row.next, rev: 0 });
      return { inserted };
    },
    /** Nothing to write: once its attempt has ended, an insert in flight cannot succeed. */
    close: async () => session.check(),
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

/** A statement that ends a shard. */
interface Completion {
  readonly text: string;
  /** The values of `completionColumns`, without the last ones if there is no other shard. */
  readonly values: readonly unknown[];
}

interface Completed {
  /** The key of the inserted shard's row. */
  readonly next: number | null;
}

async function completeMany(session: Session, given: readonly Completion[]) {
  const inOrder = given.toSorted(({ values: [one] }, { values: [other] }) => Number(one) - Number(other));
  const rows = inOrder.map(({ values }) =>
    Object.fromEntries(values.map((value, at) => [completionColumns[at], value])),
  );
  const done = await session.all<{ key: string; pk: number | null }>(finishMany, [JSON.stringify(rows)]);
  const byKey = new Map(done.map(({ key, pk }) => [key, pk]));
  return given.map(({ values }) => {
    const next = byKey.get(values.slice(nextAt, nextAt + 3).join("\n")) ?? null;
    return byKey.has(`${values[0]}`) ? { next } : undefined;
  });
}

/** Whether it is too large to be batched: others would wait for it. */
const isLarge = (values: readonly unknown[]): boolean =>
  values.some((value) => typeof value === "string" && value.length > longestTogether);

/** Rejects a result that is too large, before the log is closed. */
function checkResult({ nodeId }: Attempt, result: Json): void {
  const whose = `the result of node '${nodeId}'`;
  jsonText(keepJson(result, whose), whose, mostBytes);
}

/** `undefined` if a position or a `uid` is taken. */
function orUndefined(error: unknown): undefined {
  if (sqlStateOf(error) !== uniqueViolation) throw error;
}

async function readEnd(session: Session, ref: ShardRef, generation: number) {
  const { length = 0, closed } = (await session.get<End>(logEnd, [...refValues(ref), generation])) ?? {};
  return { length, closed: closed ?? false };
}

const readEntry = (session: Session, ref: ShardRef, generation: number, seq: number) =>
  session.get<{ uid: string; claim_id: string }>(entry, [...refValues(ref), generation, seq]);

/** Why an artifact was not inserted. `ok`: it is already stored. `undefined`: nothing prevents it any more. */
async function findInstead(session: Session, attempt: Attempt, generation: number, { seq, uid }: NewArtifact) {
  const there = await readEntry(session, attempt, generation, seq);
  const isOwn = there !== undefined && there.uid === idText(uid) && there.claim_id === attempt.claimId;
  if (there !== undefined) return isOwn ? "ok" : "conflict";
  if (seq > 0 && (await readEntry(session, attempt, generation, seq - 1)) === undefined) return "conflict";
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

type OriginRow = Readonly<Record<"source" | "details", string> & Record<"origin_seq" | "chunk", number>>;
type ArtifactRow = OriginRow &
  Readonly<Record<"uid" | "claim_id" | "meta" | "metrics", string> & Record<"seq" | "epoch", number>>;

function artifactOf({ seq, uid, epoch, claim_id: claimId, meta, metrics, ...row }: ArtifactRow): Artifact {
  const own = { seq, uid: idOf(uid), epoch, claimId, ...moreOf(row) };
  return { ...own, meta: JSON.parse(meta), metrics: JSON.parse(metrics) };
}

function moreOf({ source, origin_seq: seq, chunk, details }: OriginRow) {
  const { failure, ...rest } = JSON.parse(details);
  return { origin: { source, seq, chunk, ...rest } as Origin, ...(failure && { failure }) };
}
