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
import type { ShardEntry } from "./memory-state.ts";
import { amendShard, replaceShard } from "./shard-entries.ts";
import type { StoreContext } from "./store-context.ts";
import { dropReadBy, dropSunk } from "./streaming-drop.ts";

/** The writes of an attempt, from its claim to its outcome. */
export class AttemptWrites {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async claim(ref: EpochRef, by: Parameters<Store["claim"]>[1]): Promise<ShardRecord | undefined> {
    const entry = this.#context.state.shard(ref);
    const claimed = claimShard(entry?.record, ref, { ...by, now: this.#context.now() });
    if (entry !== undefined && claimed?.next !== undefined) replaceShard(this.#context, entry, claimed.next, "claim");
    return claimed?.won;
  }

  async renew(attempts: readonly Attempt[], leaseMs: number): Promise<WriteAnswer[]> {
    const { state, step, now } = this.#context;
    const answers: WriteAnswer[] = [];
    for (const attempt of attempts) {
      if (step !== undefined) await step("renew");
      const entry = state.shard(attempt);
      const { answer, next } = renewLease(entry?.record, attempt, { leaseMs, now: now() });
      if (entry !== undefined && next !== undefined) amendShard(this.#context, entry, next, "renewed");
      answers.push(answer);
    }
    return answers;
  }

  async restart(attempt: Attempt, to: Parameters<Store["restart"]>[1]): Promise<WriteAnswer> {
    const entry = this.#context.state.shard(attempt);
    const { answer, next } = restartShard(entry?.record, attempt, to);
    if (entry !== undefined && next !== undefined) amendShard(this.#context, entry, next, "restarted");
    return answer;
  }

  async report(attempt: Attempt, report: AttemptReport): Promise<WriteAnswer> {
    const entry = this.#context.state.shard(attempt);
    const { answer, next } = reportShard(entry?.record, attempt, report);
    if (entry !== undefined && next !== undefined) amendShard(this.#context, entry, next, "reported");
    return answer;
  }

  async append(attempt: Attempt, generation: number, artifact: NewArtifact): ReturnType<Store["append"]> {
    const { state, step, observe, dropConsumed, sinks } = this.#context;
    const entry = state.shard(attempt);
    const answer = fence(entry?.record, attempt);
    if (entry === undefined || answer !== "ok") return answer;
    // The fence and the artifact are two records: a stale insert may get through here, and the seq decides.
    if (step !== undefined) await step("append:insert");
    const log = logOf(entry, generation);
    if (log.isOwn(attempt, artifact)) return "ok";
    const stored = log.append(attempt, artifact);
    if (typeof stored === "string") return stored;
    entry.node.hasArtifacts = true;
    observe?.({ kind: "artifact", ref: entry.record, generation, artifact: stored });
    if (dropConsumed === "streaming") dropReadBy(entry, stored.origin);
    if (sinks.has(entry.record.type)) dropSunk(entry, log);
    return "ok";
  }

  async complete(attempt: Attempt, outcome: Parameters<Store["complete"]>[1]): ReturnType<Store["complete"]> {
    const { state, step, now, observe } = this.#context;
    keepJson(outcome.result, `the result of node '${attempt.nodeId}'`); // may refuse, which must leave the log open
    const entry = state.shard(attempt);
    if (isRecorded(entry?.record, attempt, "complete")) return "ok";
    const answer = fence(entry?.record, attempt);
    if (entry === undefined || answer !== "ok") return answer;
    if (step !== undefined) await step("complete:marker");
    const { generation, count } = outcome;
    const log = logOf(entry, generation);
    const wasClosed = log.closed;
    if (!log.close(count)) return "conflict";
    if (!wasClosed) observe?.({ kind: "log_closed", ref: entry.record, generation, count });
    if (step !== undefined) await step("complete:finish");
    return this.#judge(attempt, "complete", (record) => finishShard(record, attempt, { ...outcome, now: now() }));
  }

  async fail(attempt: Attempt, how: Parameters<Store["fail"]>[1]): Promise<WriteAnswer> {
    const now = this.#context.now();
    return this.#judge(attempt, "fail", (record) => failShard(record, attempt, { ...how, now }));
  }

  async release(attempt: Attempt, delayMs: number): Promise<WriteAnswer> {
    const now = this.#context.now();
    return this.#judge(attempt, "release", (record) => releaseShard(record, attempt, { delayMs, now }));
  }

  async confirmCancelled(attempt: Attempt): Promise<WriteAnswer> {
    const now = this.#context.now();
    return this.#judge(attempt, "confirm_cancelled", (record) => confirmCancelledShard(record, attempt, { now }));
  }

  #judge(
    attempt: Attempt,
    cause: "complete" | "fail" | "release" | "confirm_cancelled",
    judge: (record: ShardRecord | undefined) => Judged<WriteAnswer>,
  ): WriteAnswer {
    const entry = this.#context.state.shard(attempt);
    const { answer, next } = judge(entry?.record);
    if (entry !== undefined && next !== undefined) replaceShard(this.#context, entry, next, cause);
    return answer;
  }
}

function logOf(entry: ShardEntry, generation: number): ArtifactLog {
  entry.logs[generation] ??= new ArtifactLog();
  return entry.logs[generation];
}
