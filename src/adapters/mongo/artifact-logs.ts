import type { Artifact, Attempt, Origin, ShardRecord, ShardRef } from "../../core/model/records.ts";
import type { NewArtifact, Store, Tail } from "../../core/ports/index.ts";
import type { Json } from "../../errors/index.ts";
import { artifactDocument, artifactOf, batchUid, markerDocument, originOf, uidOf } from "./artifact-documents.ts";
import type { ArtifactDocument } from "./documents.ts";
import { logIndex, originIndex } from "./layout.ts";
import { isDuplicate } from "./mongo-error.ts";
import { checkSize } from "./record-size.ts";
import { refFields } from "./shard-documents.ts";
import { checkedId, type StoreParts } from "./store-parts.ts";

/** Attempts whose last append is remembered; those of longest ago are looked up again. */
const mostKnown = 10_000;

/**
 * The artifacts of shards. An artifact's place in its log is a unique key, so that of two inserts at one place one
 * wins, and whoever inserts behind the last one has seen all before it.
 */
export class ArtifactLogs {
  readonly #parts: StoreParts;
  /** The length that an attempt has given its log: it never gets less, and no other attempt has this claim id. */
  readonly #lengths = new Map<string, number>();

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async append(
    attempt: Attempt,
    artifact: NewArtifact,
    at: { readonly generation: number; readonly now: number; readonly workerId: string | undefined },
  ): Promise<"ok" | "conflict" | "duplicate_uid"> {
    const { generation } = at;
    const { seq, uid } = artifact;
    const document = artifactDocument(attempt, artifact, at);
    checkSize(document, `the artifact '${uid}' of node '${attempt.nodeId}'`);
    if (!(await this.#isNext(attempt, generation, seq))) {
      // Further on, closed, or a repetition of a call that others have appended behind since.
      return this.#isOwn(await this.#at(attempt, generation, seq), attempt, artifact) ? "ok" : "conflict";
    }
    if (!(await this.#insert(document))) {
      const there = await this.#at(attempt, generation, seq);
      if (there === undefined) return "duplicate_uid"; // the seq is free: it can only be the uid
      if (!this.#isOwn(there, attempt, artifact)) return "conflict";
    }
    this.#know(attempt, generation, seq + 1);
    return "ok";
  }

  /** The complete marker behind `count` artifacts. False: the log has another length. */
  async close(
    attempt: Attempt,
    marker: {
      readonly generation: number;
      readonly count: number;
      readonly result: Json | undefined;
      readonly now: number;
      readonly workerId: string | undefined;
    },
  ): Promise<boolean> {
    const { generation, count } = marker;
    const document = markerDocument(attempt, marker);
    checkSize(document, `the result of node '${attempt.nodeId}'`);
    if (!(await this.#isNext(attempt, generation, count))) return false;
    if (await this.#insert(document)) return true;
    return (await this.#at(attempt, generation, count))?.status === "complete";
  }

  async read(
    ref: ShardRef,
    page: { readonly generation: number; readonly from: number; readonly limit: number },
  ): Promise<readonly Artifact[]> {
    const docs = await this.#parts.session.ask(({ artifacts }) =>
      artifacts
        .find({ ...logOf(ref, page.generation), seq: { $gte: page.from } }, { hint: logIndex })
        .sort({ seq: 1 })
        .limit(page.limit)
        .toArray(),
    );
    return docs.filter(({ status }) => status === "partial").map(artifactOf);
  }

  async tail(ref: ShardRef, generation: number): Promise<Tail> {
    const last = await this.#last(ref, generation);
    if (last === undefined) return { length: 0, closed: false, origins: [] };
    const closed = last.status === "complete";
    return { length: closed ? last.seq : last.seq + 1, closed, origins: await this.#origins(ref, generation) };
  }

  async uids(
    ref: ShardRef,
    page: { readonly generation: number; readonly from: number; readonly limit: number },
  ): Promise<readonly string[]> {
    const docs = await this.#parts.session.ask(({ artifacts }) =>
      artifacts
        .find(
          { ...logOf(ref, page.generation), seq: { $gte: page.from } },
          { hint: logIndex, projection: { batch_uid: 1, generation: 1, status: 1 } },
        )
        .sort({ seq: 1 })
        .limit(page.limit)
        .toArray(),
    );
    return docs.filter(({ status }) => status === "partial").map(uidOf);
  }

  async stored(ref: ShardRef, generation: number, uids: readonly string[]): Promise<Set<string>> {
    if (uids.length === 0) return new Set();
    const { task_id, node_id, shard } = refFields(ref);
    const docs = await this.#parts.session.ask(({ artifacts }) =>
      artifacts
        .find(
          {
            task_id: checkedId(task_id),
            node_id,
            batch_uid: { $in: uids.map((uid) => batchUid(uid, generation)) },
            shard,
            generation,
            status: "partial",
          },
          { projection: { batch_uid: 1, generation: 1 } },
        )
        .toArray(),
    );
    return new Set(docs.map(uidOf));
  }

  /** How many each of the shards has. One that never ran has none: there is nothing to look for. */
  async count(records: readonly ShardRecord[]): ReturnType<Store["countArtifacts"]> {
    return Promise.all(
      records.map(async (record) => {
        const { nodeId, shard, generation, count } = record;
        if (count !== undefined) return { nodeId, shard, count };
        const isNew = record.epoch === 1 && record.status === "queued";
        return { nodeId, shard, count: isNew ? 0 : await this.length(record, generation) };
      }),
    );
  }

  async length(ref: ShardRef, generation: number): Promise<number> {
    const last = await this.#last(ref, generation);
    if (last === undefined) return 0;
    return last.status === "complete" ? last.seq : last.seq + 1;
  }

  /** Whether the log reaches to just before `seq` at least, and isn't closed there. */
  async #isNext(attempt: Attempt, generation: number, seq: number): Promise<boolean> {
    if (seq === 0 || this.#lengths.get(knownKey(attempt, generation)) === seq) return true;
    return (await this.#at(attempt, generation, seq - 1))?.status === "partial";
  }

  #isOwn(there: ArtifactDocument | undefined, attempt: Attempt, { uid }: NewArtifact): boolean {
    return there?.status === "partial" && there.claim_id === attempt.claimId && uidOf(there) === uid;
  }

  async #insert(document: ArtifactDocument): Promise<boolean> {
    return this.#parts.session.ask(async ({ artifacts }) => {
      try {
        await artifacts.insertOne(document);
        return true;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    });
  }

  async #at(ref: ShardRef, generation: number, seq: number): Promise<ArtifactDocument | undefined> {
    const fields = { projection: { meta: 0, meta_json: 0, metrics: 0, metrics_json: 0 } } as const;
    const doc = await this.#parts.session.ask(({ artifacts }) =>
      artifacts.findOne({ ...logOf(ref, generation), seq }, { ...fields, hint: logIndex }),
    );
    return doc ?? undefined;
  }

  async #last(ref: ShardRef, generation: number): Promise<Pick<ArtifactDocument, "seq" | "status"> | undefined> {
    const [last] = await this.#parts.session.ask(({ artifacts }) =>
      artifacts
        .find(
          { ...logOf(ref, generation), seq: { $gte: 0 } },
          { hint: logIndex, projection: { _id: 0, seq: 1, status: 1 } },
        )
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
      const [doc] = await this.#parts.session.ask(({ artifacts }) =>
        artifacts
          .find(
            { ...logOf(ref, generation), "origin.source": source, seq: { $gte: 0 } },
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

const logOf = (ref: ShardRef, generation: number) => ({
  ...refFields(ref),
  task_id: checkedId(ref.taskId),
  generation,
});

const knownKey = ({ claimId }: Attempt, generation: number): string => `${claimId}:${generation}`;
