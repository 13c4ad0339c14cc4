import type { Logger } from "../../../definitions/index.ts";
import { FlowError, isInstance, type JsonObject } from "../../../errors/index.ts";
import { coordinatorFnType, flowType } from "../../../graph/index.ts";
import {
  type AttemptEvent,
  messageKey,
  type StatusMessage,
  topics,
  traceIdOf,
  traceOf,
} from "../../messages/messages.ts";
import type { Artifact, Failure, NextClaim, Outcome, ShardRecord } from "../../model/records.ts";
import type { NodePlan, Plan } from "../../plan/index.ts";
import type { Answer, AttemptTrace, Clock, TracedAttempt } from "../../ports/index.ts";
import { after, isPending, type StoreRetry } from "../../resilience/store-retry.ts";
import type { SourceWatch } from "../input/append-signals.ts";
import { AttemptEnded, type AttemptHandle, type Stoppable } from "./attempt-handle.ts";
import { AttemptLog, type KeptLogs } from "./attempt-log.ts";
import type { FailurePlace } from "./failure.ts";
import type { EventLoopYielder, HandlerCode } from "./handler-code.ts";
import { InputWait } from "./input-wait.ts";
import type { WorkerParts } from "./worker-options.ts";

/** A claimed attempt, with what its parts need. */
export interface AttemptRun {
  readonly parts: WorkerParts;
  readonly yielder: EventLoopYielder;
  readonly code: HandlerCode;
  readonly held: AttemptHandle;
  /** The shard's record as returned by the claim. */
  readonly claimed: ShardRecord;
  readonly node: NodePlan;
  readonly plan: Plan;
  readonly params: JsonObject;
  readonly traceparent: string | undefined;
  /** Its span; set before it runs, with telemetry. */
  trace: AttemptTrace | undefined;
  readonly retry: StoreRetry;
  /** All that its first parent stored, if that ran in this worker just before. */
  readonly handedOver: readonly Artifact[] | undefined;
  /** What a failure names as its place. */
  readonly at: FailurePlace;
  /** For a try of a batch: 0, or after how many ms there is a token. `undefined`: the node has no rate. */
  readonly takeToken: (() => Promise<number>) | undefined;
  remainingMs(): number | undefined;
  /** The time of this work does not count as the attempt's. */
  untimed<T>(work: () => Promise<T>): Promise<T>;
  /** For its handler: a logger whose lines are kept with the task. */
  handlerLogger(): Logger;
  /** The worker does not stop before this has ended. */
  spawn(work: () => Promise<void>): void;
  /** Begins to store these lines. */
  flushLogs(): void;
  /** Renews the lease if it is due. */
  keepLease(): Promise<void>;
  /**
   * The node behind its own, if that may run in the same slot. Called when its own is about to finish, with all that it
   * has stored, if it has kept that.
   */
  next(kept: readonly Artifact[] | undefined): Answer<NextNode | undefined>;
  /** Where it finds what the node before it has stored. */
  readonly logs: KeptLogs;
}

/** A node for which the slot of the one before it is reserved. One of the functions must be called, once. */
export interface NextNode {
  readonly claim: NextClaim;
  /** Runs it, if it was claimed. */
  begin(claimed: ShardRecord | undefined): Continued | undefined;
  /** It is not claimed, or it is unknown whether it is. */
  giveUp(isUnknown: boolean): Promise<void>;
}

/** Begins the next node, once its own has ended. */
export type BeginNext = () => Continued | undefined;

/** A node that runs in the slot of the one before it. */
export interface Continued {
  readonly nodeId: string;
  /** Whether this is worth a message; nothing depends on it. */
  readonly isNews: boolean;
}

/** @param began - by the monotonic clock */
export const tracedOf = ({ held, node, plan, parts, traceparent }: AttemptRun, began: number): TracedAttempt => ({
  attempt: held.attempt,
  type: node.fn?.name ?? node.type,
  flow: plan.graph.name,
  workerId: parts.workerId,
  traceparent,
  began,
});

/** How long an attempt may still take. */
export class AttemptTimer {
  readonly #clock: Clock;
  /** Monotonic time. */
  #endsAt: number | undefined;
  #stoppedAt: number | undefined;

  constructor(clock: Clock, timeoutMs: number | undefined) {
    this.#clock = clock;
    this.#endsAt = timeoutMs === undefined ? undefined : clock.monotonic() + timeoutMs;
  }

  /** `undefined`: any time. */
  remainingMs(): number | undefined {
    if (this.#endsAt === undefined) return undefined;
    return Math.max(0, this.#endsAt - (this.#stoppedAt ?? this.#clock.monotonic()));
  }

  async untimed<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stoppedAt !== undefined) return work();
    const stoppedAt = this.#clock.monotonic();
    this.#stoppedAt = stoppedAt;
    try {
      return await work();
    } finally {
      if (this.#endsAt !== undefined) this.#endsAt += this.#clock.monotonic() - stoppedAt;
      this.#stoppedAt = undefined;
    }
  }
}

export interface Pass {
  readonly log: AttemptLog;
  readonly record: ShardRecord;
  /** This attempt's first pass over its log. */
  readonly first: boolean;
}

/**
 * Runs `work` over the attempt's log, and again from the current state whenever the log changed or one of its sources
 * restarted.
 */
export function overLog<T>(run: AttemptRun, work: (pass: Pass) => Answer<T>): Answer<T> {
  const record = run.claimed;
  const pass = { log: logOf(run, record), record, first: true };
  const again = (error: unknown): Promise<T> => overLogAgain(run, work, error);
  // Nothing can be in the log of a shard's first attempt; what a retry begins with is copied by it.
  if (record.epoch > 1)
    return pass.log
      .open()
      .then(() => work(pass))
      .catch(again);
  let working: Answer<T>;
  try {
    working = work(pass);
  } catch (error) {
    return again(error);
  }
  return isPending(working) ? working.catch(again) : working;
}

async function overLogAgain<T>(run: AttemptRun, work: (pass: Pass) => Answer<T>, reason: unknown): Promise<T> {
  for (let ended = reason; ; ) {
    if (!(isInstance(ended, AttemptEnded) && ended.reason === "reload")) throw ended;
    const record = await readAgain(run);
    const log = logOf(run, record);
    await log.open();
    try {
      return await work({ log, record, first: false });
    } catch (error) {
      ended = error;
    }
  }
}

/**
 * Records the outcome of its node, with a claim of the next one, if that may run in the same slot.
 *
 * @returns what begins the next one
 */
export function completeNode(
  run: AttemptRun,
  log: AttemptLog,
  outcome: Pick<Outcome, "result" | "metrics">,
): Answer<BeginNext> {
  run.flushLogs(); // before the write that may end the task
  return after(run.next(log.kept), (next) => {
    const failed = async (error: unknown): Promise<never> => {
      await next?.giveUp(FlowError.is(error, "STORE_UNAVAILABLE"));
      throw error;
    };
    let completing: Answer<ShardRecord | undefined>;
    try {
      completing = log.complete(outcome, next?.claim);
    } catch (error) {
      return failed(error);
    }
    const begin = (claimed: ShardRecord | undefined) => {
      keepForOthers(run, log.kept);
      return () => next?.begin(claimed);
    };
    return isPending(completing) ? completing.then(begin, failed) : begin(completing);
  });
}

/** Of the nodes behind its own, several read what it has stored. */
function keepForOthers({ plan, node, held, logs }: AttemptRun, kept: readonly Artifact[] | undefined): void {
  if (kept !== undefined && (plan.children.get(node.id)?.length ?? 0) > 1) logs.keep(held.attempt, kept);
}

function logOf({ parts: { store, signals }, retry, held: { attempt } }: AttemptRun, record: ShardRecord): AttemptLog {
  return new AttemptLog({ store, signals, retry, attempt, record });
}

async function readAgain(run: AttemptRun): Promise<ShardRecord> {
  const { attempt } = run.held;
  const records = await run.retry.run(() => run.parts.store.readShards(attempt.taskId, [attempt.nodeId]));
  const record = records.find((each) => each.shard === attempt.shard);
  if (record?.epoch !== attempt.epoch || record.lease?.claimId !== attempt.claimId) throw new AttemptEnded("fenced");
  return record;
}

/** Logs what on-call has to know: what failed, where, why, and what follows. */
export function logFailure(run: AttemptRun, failure: Failure, says: string, follows: object = {}): void {
  const { stack: _, message: error, ...place } = failure;
  const { taskId } = run.held.attempt;
  run.parts.logger.warn({ taskId, flow: run.plan.graph.name, ...place, error, ...follows, ...traceIdOf(run) }, says);
}

export function logUnheeded({ held, at, parts }: AttemptRun, type: string): void {
  const { taskId, nodeId, shard, epoch } = held.attempt;
  const batch = at.batchUid === undefined ? {} : { batchUid: at.batchUid };
  const fields = { taskId, nodeId, shard, epoch, ...batch, type, ended: held.reason ?? "failed" };
  const says = "a handler ignores its AbortSignal: its attempt has ended, but it occupies its slot until it returns";
  parts.logger.warn(fields, says);
}

/** Notifies the coordinators that this node changed. A hint: they read the details from the store. */
export function announce(run: AttemptRun, event: AttemptEvent): Promise<void> {
  const { taskId, nodeId, shard, epoch } = run.held.attempt;
  const { type } = run.node;
  const from = { taskId, nodeId, shard, epoch, type, workerId: run.parts.workerId };
  const message: StatusMessage = { ...event, ...from, ...traceOf(run) };
  // All coordinators read the topic of functions, also those that do not know flows.
  const topic = topics.status(type === flowType ? coordinatorFnType : type);
  return run.parts.bus.publish(topic, messageKey(run.held.attempt), message);
}

/** Runs `work` with a way to wait for these sources. */
export async function withInputWait<T>(
  run: AttemptRun,
  sources: readonly { readonly nodeId: string; readonly shard: number }[],
  work: (wait: InputWait) => Promise<T>,
  options: {
    readonly pollMs?: number | undefined;
    readonly pollMaxMs?: number | undefined;
    /** What waits. @defaultValue the attempt */
    readonly held?: Stoppable;
    readonly mayStay?: () => Promise<boolean>;
  } = {},
): Promise<T> {
  const { signals, clock, limits } = run.parts;
  const { taskId } = run.held.attempt;
  // Most consumers find everything at their first look, so only one that has to wait subscribes.
  let watch: SourceWatch | undefined;
  const listen = () => {
    watch = signals.watch(taskId, sources);
    return watch;
  };
  try {
    return await work(
      new InputWait({
        clock,
        listen,
        held: options.held ?? run.held,
        starveMs: limits.starveMs,
        mayStay: options.mayStay,
        pollMs: options.pollMs,
        pollMaxMs: options.pollMaxMs ?? limits.inputPollMaxMs,
      }),
    );
  } finally {
    if (watch !== undefined) signals.unwatch(taskId, sources, watch);
  }
}

/** The shards of these nodes. */
export function shardsOf(plan: Plan, nodeIds: readonly string[]): { nodeId: string; shard: number }[] {
  const shards: { nodeId: string; shard: number }[] = [];
  for (const nodeId of nodeIds) {
    const partitions = plan.byId.get(nodeId)?.partitions ?? 0;
    for (let shard = 0; shard < partitions; shard++) shards.push({ nodeId, shard });
  }
  return shards;
}
