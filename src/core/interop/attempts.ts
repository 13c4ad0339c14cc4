import type { Metrics } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import type { BatchOkMessage, StatusMessage, TaskDoneMessage, TaskFailedMessage } from "../messages/messages.ts";
import {
  type Attempt,
  epochRef,
  type Failure,
  isShardTerminal,
  logOf,
  type ShardRecord,
  shardKey,
} from "../model/records.ts";
import { type NodePlan, retryDelayMs } from "../plan/index.ts";
import type { Stamped, Store, WriteAnswer } from "../ports/index.ts";
import { unreadableFailure } from "./dispatch.ts";
import { externalSources, mayReadUnfinished } from "./nodes.ts";
import { type ExternalParts, longestSource, readPlan, readRecord, sendCancel } from "./parts.ts";

/** The lease length of an external worker that does not specify one. */
const leaseDefaultMs = 60_000;
const leaseMinMs = 1_000;
const leaseMaxMs = 3_600_000;
/** The delay before a worker that keeps releasing an attempt may get it again. */
const releaseMinMs = 1_000;
const releaseMaxMs = 60_000;
/** A row may become visible slightly after the message that announces it. */
const rowTries = 6;
const rowFirstMs = 50;
const completeTries = 10;
const longestText = 4_096;

interface Held {
  readonly attempt: Attempt;
  readonly record: ShardRecord;
}

/**
 * Acts towards the store for a worker that only exchanges messages: its acceptance is the claim, its heartbeats are
 * renewals, its rows become artifacts when it reports them, and its final message is the outcome.
 *
 * Messages may be repeated, late, reordered, or come from a worker that lost the attempt long ago. The shard's record
 * decides, by its epoch and its owner. Any coordinator may receive any of the messages, so nothing is kept in memory.
 */
export class ExternalAttempts {
  readonly #parts: ExternalParts;

  constructor(parts: ExternalParts) {
    this.#parts = parts;
  }

  async onStatus(message: StatusMessage): Promise<void> {
    const { store, external } = this.#parts;
    const seen = message.shard === 0 ? await readRecord(store, message) : undefined;
    if (seen === undefined || !external.types.has(seen.type)) return; // forged, or about a deleted task
    const held = await this.#hold(seen, message);
    if (held === undefined) return this.#notTheirs(seen, message);
    switch (message.kind) {
      case "TASK_ACCEPTED":
      case "TASK_RESUMED":
      case "TASK_HEARTBEAT":
        return this.#renew(held, message);
      case "BATCH_OK":
        return this.#stamp(held, message);
      case "BATCH_FAILED":
        return; // a separate message reports the outcome of the attempt
      case "TASK_DONE":
        return this.#done(held, message);
      case "TASK_FAILED":
        return this.#failed(held, message);
      case "CANCELLED":
        return this.#released(held, message);
    }
  }

  /**
   * The attempt, if the sender owns it. Its first message is the claim, whatever its kind: the acceptance may be lost,
   * or arrive after later messages.
   */
  async #hold(seen: ShardRecord, message: StatusMessage): Promise<Held | undefined> {
    const { store } = this.#parts;
    let record = seen;
    if (record.epoch === message.epoch && record.status === "queued") {
      const claimId = "leaseId" in message ? message.leaseId : `${message.workerId}:${message.epoch}`;
      const by = { workerId: message.workerId, claimId, leaseMs: leaseMsOf(message) };
      const ref = epochRef(message);
      const claimed = (await store.claim(ref, by)) ?? (await readRecord(store, message)); // another message may have claimed it first
      if (claimed === undefined) return undefined;
      record = claimed;
    }
    const { lease, epoch, status } = record;
    if (epoch !== message.epoch || lease?.workerId !== message.workerId) return undefined;
    if (status !== "running" && status !== "cancelling") return undefined;
    return { record, attempt: { ...epochRef(record), claimId: lease.claimId } };
  }

  /** The attempt has ended or belongs to another worker: asks the sender to stop, if it still works on it. */
  async #notTheirs(record: ShardRecord, message: StatusMessage): Promise<void> {
    const { taskId, nodeId, type } = record;
    switch (message.kind) {
      case "TASK_ACCEPTED":
      case "TASK_RESUMED":
      case "TASK_HEARTBEAT":
      case "BATCH_OK":
        return this.#cancel(type, message, isShardTerminal(record.status) ? record.status : "not_yours");
      case "TASK_DONE":
      case "TASK_FAILED":
      case "CANCELLED":
        // A repeat: a coordinator may have died between the write for the first one and what follows from it.
        if (record.epoch === message.epoch) await this.#parts.nodeChanged(taskId, nodeId);
        if (message.kind === "TASK_DONE") await this.#parts.rows.removeEnd(record);
        return;
      case "BATCH_FAILED":
        return;
    }
  }

  async #renew({ attempt, record }: Held, message: StatusMessage): Promise<void> {
    const [answer] = await this.#parts.store.renew([attempt], leaseMsOf(message));
    if (answer === "cancelling") await this.#cancel(record.type, message, "cancelled");
    if (answer === "fenced") await this.#cancel(record.type, message, "lease_lost");
  }

  async #stamp(held: Held, message: BatchOkMessage): Promise<void> {
    const { attempt, record } = held;
    const { nodeChanged, progressed } = this.#parts;
    const answer = await this.#stampWhenThere(held, message);
    if (answer === "cancelling") return this.#cancel(record.type, message, "cancelled");
    if (answer === "fenced") return this.#cancel(record.type, message, "lease_lost");
    if (answer === "missing") {
      if (message.artifactsRef === undefined) return; // the message itself says that there is no row
      const text = `its worker reported batch '${message.batchUid}' as stored, but the batch is missing`;
      await this.#cancel(record.type, message, "foreign_row_missing");
      return this.#fail(held, { reasonCode: "foreign_row_missing", text, permanent: false });
    }
    // Only the first batch can unblock `first_batch` children.
    if (answer.seq === 0) await nodeChanged(attempt.taskId, attempt.nodeId);
    else progressed(attempt);
  }

  async #stampWhenThere({ attempt, record }: Held, message: BatchOkMessage): Promise<Stamped> {
    const { rows, clock } = this.#parts;
    const row = { generation: record.generation, batchUid: message.batchUid };
    const tries = message.artifactsRef === undefined ? 1 : rowTries;
    for (let tried = 1; ; tried++) {
      const answer = await rows.stamp(attempt, row);
      if (answer !== "missing" || tried === tries) return answer;
      await clock.sleep(rowFirstMs * 2 ** (tried - 1));
    }
  }

  async #done(held: Held, message: TaskDoneMessage): Promise<void> {
    const { store, rows, nodeChanged } = this.#parts;
    const { attempt, record } = held;
    if (record.status === "cancelling") return this.#confirmCancelled(held);
    const found = await readPlan(this.#parts, attempt);
    const problem = found && (await sourceProblem(store, { node: found.node, record }));
    if (problem?.startsOver) {
      const to = { generation: record.generation + 1, sourceGens: record.sourceGens };
      if ((await store.restart(attempt, to)) !== "ok") return this.onStatus(message); // cancelled in the meantime, or lost
    }
    if (problem !== undefined) return this.#fail(held, problem);
    const { generation } = record;
    // The message about a batch may be lost, or arrive after this one.
    const stamped = await rows.stampRest(attempt, { generation, workerId: message.workerId });
    if (stamped === "cancelling") return this.#confirmCancelled(held);
    const metrics = numbersOf(message.metrics);
    for (let tried = 1; tried <= completeTries; tried++) {
      const { length } = await store.tail(attempt, generation);
      const answer = await store.complete(attempt, { generation, count: length, metrics });
      if (answer === "conflict") continue; // another batch was stamped in the meantime
      if (answer === "cancelling") return this.#confirmCancelled(held);
      await nodeChanged(attempt.taskId, attempt.nodeId);
      return rows.removeEnd(attempt);
    }
    throw new Error(`the log of ${shardKey(attempt)} could not be closed: it kept growing`);
  }

  #failed(held: Held, { reasonCode, permanent, error }: TaskFailedMessage): Promise<void> {
    return this.#fail(held, { reasonCode, text: textOf(error) ?? reasonCode, permanent });
  }

  async #fail(
    held: Held,
    problem: { readonly reasonCode: string; readonly text: string; readonly permanent: boolean },
  ): Promise<void> {
    const { store, random, nodeChanged, dueIn } = this.#parts;
    const { attempt, record } = held;
    const { reasonCode, text } = problem;
    const found = await readPlan(this.#parts, attempt);
    if (found === undefined) return;
    const { retry } = found.node;
    const { taskId, nodeId, shard, epoch } = attempt;
    const failure: Failure = { nodeId, shard, epoch, reasonCode, message: text.slice(0, longestText) };
    const permanent = problem.permanent || retry.permanentOn.includes(reasonCode);
    const delayMs = retryDelayMs(retry, record.failures + 1, random);
    const answer = await store.fail(attempt, { failure, permanent, delayMs, maxFailures: retry.maxFailures });
    if (answer === "cancelling") return this.#confirmCancelled(held);
    dueIn(delayMs);
    await nodeChanged(taskId, nodeId);
  }

  async #released(held: Held, { reason }: { readonly reason: string }): Promise<void> {
    const { store, dueIn, logger } = this.#parts;
    const { attempt, record } = held;
    if (record.status === "cancelling") return this.#confirmCancelled(held);
    const delayMs = Math.min(releaseMaxMs, releaseMinMs * 2 ** record.yields);
    const answer = await store.release(attempt, delayMs);
    if (answer === "cancelling") return this.#confirmCancelled(held);
    logger.info({ ...attempt, reason }, "a worker released an attempt that was not cancelled");
    dueIn(delayMs);
  }

  async #confirmCancelled({ attempt }: Held): Promise<void> {
    const answer: WriteAnswer = await this.#parts.store.confirmCancelled(attempt);
    if (answer === "ok") await this.#parts.nodeChanged(attempt.taskId, attempt.nodeId);
  }

  #cancel(type: string, message: StatusMessage, reason: string): Promise<void> {
    return sendCancel(this.#parts.bus, { ref: message, type, workerId: message.workerId, reason });
  }
}

/** The lease length that the sender asks for, by its own clock only. */
function leaseMsOf(message: StatusMessage): number {
  if (!("leaseDeadline" in message) || message.sentAt === undefined) return leaseDefaultMs;
  return Math.min(leaseMaxMs, Math.max(leaseMinMs, message.leaseDeadline - message.sentAt));
}

const numbersOf = (metrics: object): Metrics =>
  Object.fromEntries(Object.entries(metrics).filter((entry): entry is [string, number] => Number.isFinite(entry[1])));

function textOf(error: Json | undefined): string | undefined {
  if (error === undefined || error === null) return undefined;
  return typeof error === "string" ? error : JSON.stringify(error);
}

export interface SourceProblem {
  readonly reasonCode: string;
  readonly text: string;
  readonly permanent: boolean;
  /** Its output was built from something that no longer exists. */
  readonly startsOver: boolean;
}

/**
 * Whether a node's output, from this attempt and the ones that it continues, was built from the final output of its
 * sources. That is certain only if they had ended before the first of these attempts began.
 */
async function sourceProblem(
  store: Store,
  { node, record }: { readonly node: NodePlan; readonly record: ShardRecord },
): Promise<SourceProblem | undefined> {
  if (!mayReadUnfinished(node)) return undefined;
  const sources = await store.readShards(record.taskId, externalSources(node));
  for (const source of sources) {
    const { nodeId, generation } = source;
    const length = source.count ?? (await store.tail(logOf(source), generation)).length;
    if (length > longestSource) {
      const { reasonCode, message } = unreadableFailure({ nodeId, problem: "too_long" });
      return { reasonCode, text: message, permanent: true, startsOver: false };
    }
    if (generation > 0 && !endedBefore(source, await beganAt(store, record))) {
      const text = `'${nodeId}' may have restarted while its worker read from it`;
      return { reasonCode: "foreign_source_restarted", text, permanent: false, startsOver: true };
    }
  }
  return undefined;
}

/** When the attempt that wrote the log's first batch was claimed: epochs never decrease along a log. */
async function beganAt(store: Store, record: ShardRecord): Promise<number | undefined> {
  const [first] = await store.readArtifacts(record, record.generation, 0, 1);
  const { epoch } = first ?? record;
  return record.history.findLast((entry) => entry.cause === "claim" && entry.epoch === epoch)?.at;
}

/** By the store's clock. A claim that is no longer in the history may precede the end of the source. */
function endedBefore(source: ShardRecord, began: number | undefined): boolean {
  const ended = source.history.findLast(({ cause }) => cause === "complete" || cause === "adopt");
  return ended !== undefined && began !== undefined && ended.at < began;
}
