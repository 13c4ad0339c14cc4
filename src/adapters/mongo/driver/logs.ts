import type { FindOptions } from "mongodb";
import { finishShard, isRecorded } from "../../../core/model/index.ts";
import type {
  Attempt,
  NextClaim,
  Origin,
  Outcome,
  OutcomeWithLast,
  ShardRecord,
  ShardRef,
  WriteAnswer,
} from "../../../core/model/records.ts";
import type { LogDriver } from "../../../core/store/driver.ts";
import { RecordCache } from "../../../core/store/driver.ts";
import type { Session } from "../database/session.ts";
import {
  artifactDocument,
  artifactOf,
  batchUid,
  entryOnly,
  isEntryOf,
  logFilter,
  logIndex,
  markerDocument,
  originIndex,
  originOf,
  type Place,
  uidOf,
  uidOnly,
} from "../format/documents.ts";
import { logEnd, readFenced, readShards, replaceAndInsert, replaceShard, writtenShard } from "./shards.ts";

/**
 * The artifacts of shards. An artifact's position in its log is a unique key: of two inserts at one position one wins,
 * and an insert at the end has seen every entry before it.
 */
export function artifactLogs(session: Session): LogDriver {
  /** By claim ID and generation, the length after the claim's last append: no log becomes shorter. */
  const lengths = new RecordCache<number>(10_000);

  /** Whether the log has an artifact just before this position. */
  async function isNext({ attempt, generation, seq }: Place): Promise<boolean> {
    if (seq === 0 || lengths.get(lengthKey(attempt, generation)) === seq) return true;
    return (await entryAt(session, attempt, { generation, seq: seq - 1 }))?.status === "partial";
  }

  /** Checks the fence for a write at this position. */
  async function readPlace(attempt: Attempt, generation: number, seq: number) {
    const { found, answer } = await readFenced(session, attempt);
    const { record, now = 0 } = found ?? {};
    return { found, answer, place: { attempt, workerId: record?.lease?.workerId, generation, seq, now } };
  }

  /** Closes the log, and then replaces the record. */
  async function complete(attempt: Attempt, outcome: Outcome): Promise<WriteAnswer | "conflict"> {
    const { generation, count, result } = outcome;
    const { found, answer, place } = await readPlace(attempt, generation, count);
    if (isRecorded(found?.record, attempt, "complete")) return "ok";
    if (answer !== "ok") return answer;
    if (!(await isNext(place))) return "conflict";
    const marker = markerDocument(place, result);
    if (!(await session.insert(({ artifacts }) => artifacts.insertOne(marker)))) {
      if ((await entryAt(session, attempt, place))?.status !== "complete") return "conflict";
    }
    return replaceShard(session, attempt, { known: found, judge: judgeEnd(attempt, outcome) });
  }

  /**
   * Closes the log, with its last artifact if there is one, and replaces the record that this process wrote last. The fence
   * is not read first: an attempt that has lost its lease stores only what could have been in flight then, and ends.
   */
  async function completeWith(attempt: Attempt, { last, ...outcome }: OutcomeWithLast, next: NextClaim | undefined) {
    const { generation, count, result } = outcome;
    const found = writtenShard(session, attempt);
    if (found === undefined) return undefined;
    const { now, record } = found;
    const judge = judgeEnd(attempt, outcome);
    const { next: ended } = judge(record, now);
    const place = { attempt, workerId: record.lease?.workerId, generation, seq: count, now };
    const first = last === undefined ? place : { ...place, seq: count - 1 };
    if (ended === undefined || !(await isNext(first))) return undefined;
    const entries = [...(last ? [artifactDocument(first, last)] : []), markerDocument(place, result)];
    if (!(await session.insert(({ artifacts }) => artifacts.insertMany(entries)))) return undefined;
    const together = next && (await replaceAndInsert(session, { found, ended, next }));
    if (together !== undefined) return together;
    const known = next === undefined ? found : undefined;
    return (await replaceShard(session, attempt, { known, judge })) === "ok" ? {} : undefined;
  }

  return {
    complete,
    completeWith,
    async append(attempt, generation, artifact) {
      const { seq } = artifact;
      const { answer, place } = await readPlace(attempt, generation, seq);
      if (answer !== "ok") return answer;
      const document = artifactDocument(place, artifact);
      if (!(await isNext(place))) {
        // Not the end of the log; or a repeated call, after which other attempts have appended.
        return isEntryOf(await entryAt(session, attempt, place), attempt, artifact) ? "ok" : "conflict";
      }
      if (!(await session.insert(({ artifacts }) => artifacts.insertOne(document)))) {
        const existing = await entryAt(session, attempt, place);
        if (existing === undefined) return "duplicate_uid"; // because the seq is free
        if (!isEntryOf(existing, attempt, artifact)) return "conflict";
      }
      lengths.set(lengthKey(attempt, generation), seq + 1);
      return "ok";
    },
    async close(ref, generation) {
      for (;;) {
        const { length: seq, closed } = await logEnd(session, ref, generation);
        if (closed) return;
        const place = { attempt: { ...ref, epoch: 0, claimId: "" }, workerId: undefined, generation, seq };
        const marker = markerDocument({ ...place, now: await session.now() }, undefined);
        await session.insert(({ artifacts }) => artifacts.insertOne(marker)); // repeated if another entry took the place
      }
    },
    read: async (ref, page) => (await readPage(session, ref, page)).map(artifactOf),
    readUids: async (ref, page) => (await readPage(session, ref, { ...page, projection: uidOnly })).map(uidOf),
    async tail(ref, generation) {
      const end = await logEnd(session, ref, generation);
      return { ...end, origins: end.length === 0 ? [] : await lastOrigins(session, ref, generation) };
    },
    async storedUids(ref, generation, uids) {
      if (uids.length === 0) return new Set();
      const named = { batch_uid: { $in: uids.map((uid) => batchUid(uid, generation)) }, status: "partial" } as const;
      const filter = { ...logFilter(ref, generation), ...named };
      const docs = await session.find("artifacts", filter, { projection: { batch_uid: 1, generation: 1 } });
      return new Set(docs.map(uidOf));
    },
    async count(taskId) {
      const records = await readShards(session, taskId);
      return Promise.all(
        records.map(async (record) => {
          const { nodeId, shard, generation } = record;
          const isUnclaimed = record.epoch === 1 && record.status === "queued";
          const stored = async () => (isUnclaimed ? 0 : (await logEnd(session, record, generation)).length);
          return { nodeId, shard, count: record.count ?? (await stored()) };
        }),
      );
    },
  };
}

type LogPage = Parameters<LogDriver["read"]>[1] & Pick<FindOptions, "projection">;
async function readPage(session: Session, ref: ShardRef, { generation, from, limit, projection = {} }: LogPage) {
  const options = { hint: logIndex, projection, sort: { seq: 1 }, limit } as const;
  const docs = await session.find("artifacts", { ...logFilter(ref, generation), seq: { $gte: from } }, options);
  return docs.filter(({ status }) => status === "partial");
}

const entryAt = (session: Session, ref: ShardRef, { generation, seq }: Pick<Place, "generation" | "seq">) =>
  session.findOne("artifacts", { ...logFilter(ref, generation), seq }, { projection: entryOnly, hint: logIndex });

/** One query per source, each to the end of its range of the index, however long the log is. */
async function lastOrigins(session: Session, ref: ShardRef, generation: number): Promise<Origin[]> {
  const sort = { "origin.source": -1, seq: -1 } as const;
  const options = { hint: originIndex, projection: { _id: 0, origin: 1 }, sort, limit: 1 };
  const found: Origin[] = [];
  for (let before: string | undefined; ; before = found.at(-1)?.source) {
    const source = before === undefined ? { $exists: true } : { $lt: before };
    const ofSource = { ...logFilter(ref, generation), "origin.source": source, seq: { $gte: 0 } };
    const [last] = await session.find("artifacts", ofSource, options);
    if (last?.origin === undefined) return found;
    found.push(originOf(last.origin));
  }
}

const judgeEnd =
  (attempt: Attempt, outcome: Outcome) =>
  (record: ShardRecord | undefined, now: number): ReturnType<typeof finishShard> =>
    finishShard(record, attempt, { ...outcome, now });

const lengthKey = ({ claimId }: Attempt, generation: number): string => `${claimId}:${generation}`;
