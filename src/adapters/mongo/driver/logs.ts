import { finishShard, isRecorded } from "../../../core/model/index.ts";
import type { Artifact, Attempt, NewArtifact, Origin, ShardRef } from "../../../core/model/records.ts";
import type { Store, Tail } from "../../../core/ports/index.ts";
import type { LogDriver } from "../../../core/store/driver.ts";
import {
  type ArtifactDocument,
  artifactDocument,
  artifactOf,
  batchUid,
  markerDocument,
  originOf,
  type Place,
  refFields,
  uidOf,
} from "./documents.ts";
import { checkSize } from "./errors.ts";
import { logIndex, originIndex } from "./layout.ts";
import type { Session } from "./session.ts";
import type { MongoShards } from "./shards.ts";

/** Attempts whose last append is remembered; those of longest ago are looked up again. */
const mostKnown = 10_000;

interface LogPage {
  readonly generation: number;
  readonly from: number;
  readonly limit: number;
}

/**
 * The artifacts of shards. An artifact's place in its log is a unique key, so that of two inserts at one place one
 * wins, and whoever inserts behind the last one has seen all before it.
 */
export class MongoLogs implements LogDriver {
  readonly #session: Session;
  readonly #shards: MongoShards;
  /** The length that an attempt has given its log: it never gets less, and no other attempt has this claim ID. */
  readonly #lengths = new Map<string, number>();

  constructor(session: Session, shards: MongoShards) {
    this.#session = session;
    this.#shards = shards;
  }

  async append(attempt: Attempt, generation: number, artifact: NewArtifact): ReturnType<Store["append"]> {
    const { found, answer } = await this.#shards.fence(attempt);
    if (found === undefined || answer !== "ok") return answer;
    const { seq, uid } = artifact;
    const place = { attempt, workerId: found.record.lease?.workerId, generation, seq, now: found.now };
    const document = artifactDocument(place, artifact);
    checkSize(document, `the artifact '${uid}' of node '${attempt.nodeId}'`);
    if (!(await this.#isNext(place))) {
      // Further on, closed, or a repetition of a call that others have appended behind since.
      return isOwn(await this.#at(attempt, generation, seq), attempt, artifact) ? "ok" : "conflict";
    }
    if (!(await this.#session.insert(({ artifacts }) => artifacts.insertOne(document)))) {
      const there = await this.#at(attempt, generation, seq);
      if (there === undefined) return "duplicate_uid"; // the seq is free: it can only be the uid
      if (!isOwn(there, attempt, artifact)) return "conflict";
    }
    this.#know(attempt, generation, seq + 1);
    return "ok";
  }

  async complete(attempt: Attempt, outcome: Parameters<Store["complete"]>[1]): ReturnType<Store["complete"]> {
    const { found, answer } = await this.#shards.fence(attempt);
    if (isRecorded(found?.record, attempt, "complete")) return "ok";
    if (found === undefined || answer !== "ok") return answer;
    const { generation, count, result } = outcome;
    const place = { attempt, workerId: found.record.lease?.workerId, generation, seq: count, now: found.now };
    const marker = markerDocument(place, result);
    checkSize(marker, `the result of node '${attempt.nodeId}'`);
    if (!(await this.#isNext(place))) return "conflict";
    if (!(await this.#session.insert(({ artifacts }) => artifacts.insertOne(marker)))) {
      if ((await this.#at(attempt, generation, count))?.status !== "complete") return "conflict";
    }
    return this.#shards.replace(attempt, (record, now) => finishShard(record, attempt, { ...outcome, now }), found);
  }

  async read(ref: ShardRef, page: LogPage): Promise<readonly Artifact[]> {
    return (await this.#page(ref, page, {})).map(artifactOf);
  }

  async readUids(ref: ShardRef, page: LogPage): Promise<readonly string[]> {
    return (await this.#page(ref, page, { batch_uid: 1, generation: 1, status: 1 })).map(uidOf);
  }

  async tail(ref: ShardRef, generation: number): Promise<Tail> {
    const last = await this.#last(ref, generation);
    if (last === undefined) return { length: 0, closed: false, origins: [] };
    const origins = await this.#origins(ref, generation);
    return { length: lengthBehind(last), closed: last.status === "complete", origins };
  }

  async length(ref: ShardRef, generation: number): Promise<number> {
    return lengthBehind(await this.#last(ref, generation));
  }

  async storedUids(ref: ShardRef, generation: number, uids: readonly string[]): Promise<Set<string>> {
    if (uids.length === 0) return new Set();
    const named = { batch_uid: { $in: uids.map((uid) => batchUid(uid, generation)) }, status: "partial" } as const;
    const docs = await this.#session.ask(({ artifacts }) =>
      artifacts
        .find({ ...logFilter(ref, generation), ...named }, { projection: { batch_uid: 1, generation: 1 } })
        .toArray(),
    );
    return new Set(docs.map(uidOf));
  }

  async count(taskId: string): ReturnType<Store["countArtifacts"]> {
    return Promise.all(
      (await this.#shards.read(taskId)).map(async (record) => {
        const { nodeId, shard, generation, count } = record;
        if (count !== undefined) return { nodeId, shard, count };
        // One that never ran has none: there is nothing to look for.
        const isNew = record.epoch === 1 && record.status === "queued";
        return { nodeId, shard, count: isNew ? 0 : await this.length(record, generation) };
      }),
    );
  }

  async #page(
    ref: ShardRef,
    { generation, from, limit }: LogPage,
    projection: Partial<Record<keyof ArtifactDocument, 1>>,
  ): Promise<readonly ArtifactDocument[]> {
    const docs = await this.#session.ask(({ artifacts }) =>
      artifacts
        .find({ ...logFilter(ref, generation), seq: { $gte: from } }, { hint: logIndex, projection })
        .sort({ seq: 1 })
        .limit(limit)
        .toArray(),
    );
    return docs.filter(({ status }) => status === "partial");
  }

  /** Whether the log reaches to just before this place at least, and isn't closed there. */
  async #isNext({ attempt, generation, seq }: Place): Promise<boolean> {
    if (seq === 0 || this.#lengths.get(knownKey(attempt, generation)) === seq) return true;
    return (await this.#at(attempt, generation, seq - 1))?.status === "partial";
  }

  async #at(ref: ShardRef, generation: number, seq: number): Promise<ArtifactDocument | undefined> {
    const projection = { meta: 0, meta_json: 0, metrics: 0, metrics_json: 0 } as const;
    const doc = await this.#session.ask(({ artifacts }) =>
      artifacts.findOne({ ...logFilter(ref, generation), seq }, { projection, hint: logIndex }),
    );
    return doc ?? undefined;
  }

  async #last(ref: ShardRef, generation: number): Promise<Pick<ArtifactDocument, "seq" | "status"> | undefined> {
    const projection = { _id: 0, seq: 1, status: 1 } as const;
    const [last] = await this.#session.ask(({ artifacts }) =>
      artifacts
        .find({ ...logFilter(ref, generation), seq: { $gte: 0 } }, { hint: logIndex, projection })
        .sort({ seq: -1 })
        .limit(1)
        .toArray(),
    );
    return last;
  }

  /** One look a source, each to the end of its part of the index: however long the log is. */
  async #origins(ref: ShardRef, generation: number): Promise<Origin[]> {
    const found: Origin[] = [];
    for (let before: string | undefined; ; before = found.at(-1)?.source) {
      const source = before === undefined ? { $exists: true } : { $lt: before };
      const [doc] = await this.#session.ask(({ artifacts }) =>
        artifacts
          .find(
            { ...logFilter(ref, generation), "origin.source": source, seq: { $gte: 0 } },
            { hint: originIndex, projection: { _id: 0, origin: 1 } },
          )
          .sort({ "origin.source": -1, "origin.seq": -1, "origin.chunk": -1 })
          .limit(1)
          .toArray(),
      );
      if (doc?.origin === undefined) return found;
      found.push(originOf(doc.origin));
    }
  }

  #know(attempt: Attempt, generation: number, length: number): void {
    const key = knownKey(attempt, generation);
    this.#lengths.delete(key);
    this.#lengths.set(key, length);
    if (this.#lengths.size <= mostKnown) return;
    const [oldest] = this.#lengths.keys();
    if (oldest !== undefined) this.#lengths.delete(oldest);
  }
}

const isOwn = (there: ArtifactDocument | undefined, { claimId }: Attempt, { uid }: NewArtifact): boolean =>
  there?.status === "partial" && there.claim_id === claimId && uidOf(there) === uid;

const logFilter = (ref: ShardRef, generation: number) => ({ ...refFields(ref), generation });

const lengthBehind = (last: Pick<ArtifactDocument, "seq" | "status"> | undefined): number => {
  if (last === undefined) return 0;
  return last.status === "complete" ? last.seq : last.seq + 1;
};

const knownKey = ({ claimId }: Attempt, generation: number): string => `${claimId}:${generation}`;
