import { randomUUID } from "node:crypto";
import {
  claimShard,
  confirmCancelledShard,
  failShard,
  fence,
  finishShard,
  isRecorded,
  type Judged,
  releaseShard,
  reportShard,
  restartShard,
} from "../../core/model/index.ts";
import type { Attempt, EpochRef, ShardRecord } from "../../core/model/records.ts";
import type { AttemptReport, NewArtifact, Store, WriteAnswer } from "../../core/ports/index.ts";
import type { ArtifactLogs } from "./artifact-logs.ts";
import { shardId, shardRecord } from "./shard-documents.ts";
import { moveShardRecord, readShard } from "./shard-writes.ts";
import type { StoreParts } from "./store-parts.ts";

/** The writes of an attempt, from its claim to its outcome. */
export class AttemptWrites {
  readonly #parts: StoreParts;
  readonly #logs: ArtifactLogs;

  constructor(parts: StoreParts, logs: ArtifactLogs) {
    this.#parts = parts;
    this.#logs = logs;
  }

  async claim(ref: EpochRef, by: Parameters<Store["claim"]>[1]): Promise<ShardRecord | undefined> {
    return moveShardRecord(this.#parts, ref, (record, now) => {
      const claimed = claimShard(record, ref, { ...by, now });
      return { answer: claimed?.won, ...(claimed?.next === undefined ? {} : { next: claimed.next }) };
    });
  }

  /** One command for all, and one that looks who still holds what. */
  async renew(attempts: readonly Attempt[], leaseMs: number): Promise<WriteAnswer[]> {
    if (attempts.length === 0) return [];
    const { session } = this.#parts;
    const held = attempts.map((attempt) => ({
      _id: shardId(attempt),
      status: "running" as const,
      attempt_epoch: attempt.epoch,
      "lease.lease_id": attempt.claimId,
    }));
    const rev = randomUUID();
    const deadline = { $max: ["$lease.deadline_ts_ms", { $add: [{ $toLong: "$$NOW" }, leaseMs] }] };
    await session.ask(({ nodes }) =>
      nodes.updateMany({ $or: held }, [
        { $set: { rev: { $literal: rev }, "lease.deadline_ts_ms": deadline, expires_at: { $toDate: deadline } } },
      ]),
    );
    const ids = [...new Set(held.map(({ _id }) => _id))];
    const docs = await session.ask(({ nodes }) => nodes.find({ _id: { $in: ids } }).toArray());
    const records = new Map(docs.map((doc) => [doc._id, shardRecord(doc)]));
    return attempts.map((attempt) => fence(records.get(shardId(attempt)), attempt));
  }

  async restart(attempt: Attempt, to: Parameters<Store["restart"]>[1]): Promise<WriteAnswer> {
    return this.#write(attempt, (record) => restartShard(record, attempt, to));
  }

  async report(attempt: Attempt, report: AttemptReport): Promise<WriteAnswer> {
    return this.#write(attempt, (record) => reportShard(record, attempt, report));
  }

  async append(attempt: Attempt, generation: number, artifact: NewArtifact): ReturnType<Store["append"]> {
    const { found, answer } = await this.#fence(attempt);
    if (found === undefined || answer !== "ok") return answer;
    return this.#logs.append(attempt, artifact, { generation, now: found.now, workerId: found.doc.lease?.worker_id });
  }

  async complete(attempt: Attempt, outcome: Parameters<Store["complete"]>[1]): ReturnType<Store["complete"]> {
    const { found, answer } = await this.#fence(attempt);
    if (found !== undefined && isRecorded(shardRecord(found.doc), attempt, "complete")) return "ok";
    if (found === undefined || answer !== "ok") return answer;
    const { generation, count, result } = outcome;
    const marker = { generation, count, result, now: found.now, workerId: found.doc.lease?.worker_id };
    if (!(await this.#logs.close(attempt, marker))) return "conflict";
    const finish = (record: ShardRecord | undefined, now: number) => finishShard(record, attempt, { ...outcome, now });
    return moveShardRecord(this.#parts, attempt, finish, found);
  }

  async fail(attempt: Attempt, how: Parameters<Store["fail"]>[1]): Promise<WriteAnswer> {
    return this.#write(attempt, (record, now) => failShard(record, attempt, { ...how, now }));
  }

  async release(attempt: Attempt, delayMs: number): Promise<WriteAnswer> {
    return this.#write(attempt, (record, now) => releaseShard(record, attempt, { delayMs, now }));
  }

  async confirmCancelled(attempt: Attempt): Promise<WriteAnswer> {
    return this.#write(attempt, (record, now) => confirmCancelledShard(record, attempt, { now }));
  }

  /** Whether this attempt holds the shard. */
  async holds(attempt: Attempt): Promise<WriteAnswer> {
    return (await this.#fence(attempt)).answer;
  }

  async #fence(attempt: Attempt) {
    const found = await readShard(this.#parts, attempt);
    return { found, answer: fence(found && shardRecord(found.doc), attempt) };
  }

  #write(
    attempt: Attempt,
    judge: (record: ShardRecord | undefined, now: number) => Judged<WriteAnswer>,
  ): Promise<WriteAnswer> {
    return moveShardRecord(this.#parts, attempt, judge);
  }
}
