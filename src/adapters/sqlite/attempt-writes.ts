import { keepJson } from "../../core/codec/index.ts";
import {
  claimShard,
  confirmCancelledShard,
  failShard,
  fence,
  finishShard,
  isRecorded,
  type Judged,
  releaseShard,
  renewLease,
  reportShard,
  restartShard,
} from "../../core/model/index.ts";
import type { Attempt, EpochRef, ShardRecord } from "../../core/model/records.ts";
import type { AttemptReport, NewArtifact, Store, WriteAnswer } from "../../core/ports/index.ts";
import { ArtifactLog } from "./artifact-log.ts";
import { jsonText } from "./json-text.ts";
import { replaceShard, shardRow } from "./shard-rows.ts";
import type { StoreParts } from "./store-parts.ts";

/** The writes of an attempt, from its claim to its outcome. */
export class AttemptWrites {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async claim(ref: EpochRef, by: Parameters<Store["claim"]>[1]): Promise<ShardRecord | undefined> {
    return this.#parts.connection.write(() => {
      const row = shardRow(this.#parts, ref);
      const claimed = claimShard(row?.record, ref, { ...by, now: this.#parts.now() });
      if (row !== undefined && claimed?.next !== undefined) replaceShard(this.#parts, row, claimed.next);
      return claimed?.won;
    });
  }

  async renew(attempts: readonly Attempt[], leaseMs: number): Promise<WriteAnswer[]> {
    const { connection, now } = this.#parts;
    return connection.write(() =>
      attempts.map((attempt) => this.#judge(attempt, (record) => renewLease(record, attempt, { leaseMs, now: now() }))),
    );
  }

  async restart(attempt: Attempt, to: Parameters<Store["restart"]>[1]): Promise<WriteAnswer> {
    return this.#write(attempt, (record) => restartShard(record, attempt, to));
  }

  async report(attempt: Attempt, report: AttemptReport): Promise<WriteAnswer> {
    return this.#write(attempt, (record) => reportShard(record, attempt, report));
  }

  async append(attempt: Attempt, generation: number, artifact: NewArtifact): ReturnType<Store["append"]> {
    const meta = jsonText(artifact.meta, `the artifact '${artifact.uid}' of node '${attempt.nodeId}'`);
    const json = { meta, metrics: JSON.stringify(artifact.metrics) };
    return this.#parts.connection.write(() => {
      const row = shardRow(this.#parts, attempt);
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      return new ArtifactLog(this.#parts, row.pk, generation).append(attempt, artifact, json);
    });
  }

  async complete(attempt: Attempt, outcome: Parameters<Store["complete"]>[1]): ReturnType<Store["complete"]> {
    const { connection, now } = this.#parts;
    // May refuse, which must come before the log is closed.
    if (outcome.result !== undefined) {
      const whose = `the result of node '${attempt.nodeId}'`;
      jsonText(keepJson(outcome.result, whose), whose);
    }
    return connection.write(() => {
      const row = shardRow(this.#parts, attempt);
      if (isRecorded(row?.record, attempt, "complete")) return "ok";
      const answer = fence(row?.record, attempt);
      if (row === undefined || answer !== "ok") return answer;
      if (!new ArtifactLog(this.#parts, row.pk, outcome.generation).close(outcome.count)) return "conflict";
      return this.#judge(attempt, (record) => finishShard(record, attempt, { ...outcome, now: now() }));
    });
  }

  async fail(attempt: Attempt, how: Parameters<Store["fail"]>[1]): Promise<WriteAnswer> {
    return this.#write(attempt, (record) => failShard(record, attempt, { ...how, now: this.#parts.now() }));
  }

  async release(attempt: Attempt, delayMs: number): Promise<WriteAnswer> {
    return this.#write(attempt, (record) => releaseShard(record, attempt, { delayMs, now: this.#parts.now() }));
  }

  async confirmCancelled(attempt: Attempt): Promise<WriteAnswer> {
    return this.#write(attempt, (record) => confirmCancelledShard(record, attempt, { now: this.#parts.now() }));
  }

  #write(attempt: Attempt, judge: (record: ShardRecord | undefined) => Judged<WriteAnswer>): WriteAnswer {
    return this.#parts.connection.write(() => this.#judge(attempt, judge));
  }

  #judge(attempt: Attempt, judge: (record: ShardRecord | undefined) => Judged<WriteAnswer>): WriteAnswer {
    const row = shardRow(this.#parts, attempt);
    const { answer, next } = judge(row?.record);
    if (row !== undefined && next !== undefined) replaceShard(this.#parts, row, next);
    return answer;
  }
}
