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
import type { Artifact, Attempt, Failure, NextClaim, Outcome, ShardRecord } from "../../model/records.ts";
import type { NodePlan, Plan, SourceShard } from "../../plan/index.ts";
import type { Answer, AttemptEnding, AttemptTrace, TracedAttempt, TracedTry } from "../../ports/index.ts";
import { after, isPending, StoreRetry } from "../../resilience/store-retry.ts";
import { AttemptEnded, type AttemptHandle, AttemptTimer } from "./attempt-handle.ts";
import { AttemptLog, type KeptLogs } from "./attempt-log.ts";
import type { FailurePlace } from "./failure.ts";
import type { EventLoopYielder, HandlerCode } from "./handler-code.ts";
import type { WorkerParts } from "./worker-options.ts";

/** A claimed attempt, with everything that its parts need. */
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
  /** The spans of the attempt, if it has one. */
  trace: AttemptTrace | undefined;
  /** The spans of the attempt, created for a try that may need one; `undefined` without telemetry. */
  traced(): AttemptTrace | undefined;
  /** Tries that succeeded. */
  processed: number;
  /** @param trace - the spans within which the try ran */
  tryFailed(tried: TracedTry, error: unknown, trace: AttemptTrace | undefined): void;
  /** How it ended, if it did not finish. */
  ending: AttemptEnding | undefined;
  readonly retry: StoreRetry;
  /** All that its first parent stored, if that ran in this worker just before. */
  readonly handedOver: readonly Artifact[] | undefined;
  /** The location that a failure names. */
  readonly at: FailurePlace;
  /** Takes a token for a try: 0, or the time until there is one, in ms. `undefined`: the node has no rate. */
  readonly takeToken: (() => Promise<number>) | undefined;
  remainingMs(): number | undefined;
  /** Runs work whose duration does not count towards the timeout of the attempt. */
  untimed<T>(work: () => Promise<T>): Promise<T>;
  /** A logger for the handler, whose lines are kept with the task. */
  handlerLogger(): Logger;
  /** Runs work that must end before the worker stops. */
  spawn(work: () => Promise<void>): void;
  /** Begins to store the lines of the handler. */
  flushLogs(): void;
  /** Renews the lease if it is due. */
  keepLease(): Promise<void>;
  /**
   * The next node, if it may run in the same slot. Called when the node is about to finish, with all that it has stored, if
   * it has kept it.
   */
  next(kept: readonly Artifact[] | undefined): Answer<NextNode | undefined>;
  /** Where an attempt finds what the node before it has stored. */
  readonly logs: KeptLogs;
}

/** A node for which the slot of the one before it is reserved. Exactly one of the functions must be called, once. */
export interface NextNode {
  readonly claim: NextClaim;
  /** Runs the node, if it was claimed. */
  begin(claimed: ShardRecord | undefined): Continued | undefined;
  /** Gives up the reservation: the node is not claimed, or it is unknown whether it is. */
  giveUp(isUnknown: boolean): Promise<void>;
}

/** Begins the next node, once the one before it has ended. */
export type BeginNext = () => Continued | undefined;

/** A node that runs in the slot of the one before it. */
export interface Continued {
  readonly nodeId: string;
  /** Whether to announce it; nothing depends on it. */
  readonly isNews: boolean;
}

export interface Claimed {
  readonly claim: Attempt;
  readonly record: ShardRecord;
  /** Read before the claim: another process may give up on this attempt and delete the task afterwards. */
  readonly task: CachedTask;
  readonly node: NodePlan;
  /** Monotonic time at which the claim was requested. */
  readonly askedAt: number;
  /** The nodes that used its slot in a row before it. */
  readonly row: Row;
  /** All that its first parent stored, if that ran in this worker just before. */
  readonly handedOver: readonly Artifact[] | undefined;
}

/** The nodes that used one slot in a row without a look at the queue. */
export interface Row {
  readonly count: number;
  /** Monotonic time at which the first of them was claimed. */
  readonly since: number;
  /** Monotonic time of the last message about one of them. */
  readonly toldAt: number;
}

/** The parts of a task that never change while its record exists. */
export interface CachedTask {
  readonly plan: Plan;
  readonly params: JsonObject;
  readonly traceparent: string | undefined;
  /** Only coordinators start its nodes: it adopts output of an earlier task, or starts at a given time. */
  readonly byCoordinators: boolean;
}

/** A node that is claimed for the slot of the one before it. */
export interface Following extends Continued {
  readonly claimed: Claimed;
}

/** A node for which that slot is reserved. */
export interface NextClaimed extends Omit<NextNode, "begin"> {
  begin(claimed: ShardRecord | undefined): Following | undefined;
}

/** An attempt that this worker runs, with what it claimed. */
export interface HeldClaim {
  readonly held: AttemptHandle;
  readonly claimed: Claimed;
}

/** What a worker does for its attempts. */
export interface RunHost {
  readonly parts: WorkerParts;
  readonly yielder: EventLoopYielder;
  readonly code: HandlerCode;
  readonly logs: KeptLogs;
  /** `undefined`: the node has no rate. */
  tokensOf(node: NodePlan, retry: StoreRetry): (() => Promise<number>) | undefined;
  loggerOf(attempt: Attempt, task: CachedTask): Logger;
  spawn(work: () => Promise<void>): void;
  flushLogs(taskId: string): void;
  keepLease(held: AttemptHandle): Promise<void>;
  next(run: HeldRun, kept: readonly Artifact[] | undefined): Answer<NextNode | undefined>;
}

/** A class, since there is one for each node that runs: closures would cost more. */
export class HeldRun implements AttemptRun, TracedAttempt {
  readonly parts: WorkerParts;
  readonly yielder: EventLoopYielder;
  readonly code: HandlerCode;
  readonly logs: KeptLogs;
  readonly held: AttemptHandle;
  readonly from: Claimed;
  readonly claimed: ShardRecord;
  readonly node: NodePlan;
  readonly plan: Plan;
  readonly params: JsonObject;
  readonly traceparent: string | undefined;
  readonly handedOver: readonly Artifact[] | undefined;
  readonly retry: StoreRetry;
  readonly takeToken: (() => Promise<number>) | undefined;
  readonly at: FailurePlace = {};
  trace: AttemptTrace | undefined;
  processed = 0;
  failedTries = 0;
  ending: AttemptEnding | undefined;
  /** The next node of its task, which runs in its slot. */
  follower: HeldClaim | undefined;
  readonly #host: RunHost;
  readonly #timer: AttemptTimer;

  constructor(host: RunHost, { held, claimed }: HeldClaim) {
    const { parts } = host;
    const { record, task, node, handedOver } = claimed;
    this.parts = parts;
    this.yielder = host.yielder;
    this.code = host.code;
    this.logs = host.logs;
    this.held = held;
    this.from = claimed;
    this.claimed = record;
    this.node = node;
    this.plan = task.plan;
    this.params = task.params;
    this.traceparent = task.traceparent;
    this.handedOver = handedOver;
    this.retry = new StoreRetry(parts.clock, held);
    this.takeToken = host.tokensOf(node, this.retry);
    this.#host = host;
    this.#timer = new AttemptTimer(parts.clock, node.timeoutMs);
  }

  get attempt(): Attempt {
    return this.held.attempt;
  }

  get type(): string {
    return this.node.fn?.name ?? this.node.type;
  }

  get flow(): string | undefined {
    return this.plan.graph.name;
  }

  get workerId(): string {
    return this.parts.workerId;
  }

  get began(): number {
    return this.from.askedAt;
  }

  traced(): AttemptTrace | undefined {
    this.trace ??= this.parts.telemetry?.trace(this);
    return this.trace;
  }

  tryFailed(tried: TracedTry, error: unknown, trace: AttemptTrace | undefined): void {
    if (!isInstance(error, AttemptEnded)) this.failedTries++; // which it ends by for a reason outside of it
    if (trace !== undefined || this.parts.telemetry === undefined) return;
    this.spawn(async () => this.traced()?.tryFailed(tried, error)); // an SDK that throws must not end the try otherwise
  }

  remainingMs(): number | undefined {
    return this.#timer.remainingMs();
  }

  untimed<T>(work: () => Promise<T>): Promise<T> {
    return this.#timer.untimed(work);
  }

  handlerLogger(): Logger {
    return this.#host.loggerOf(this.held.attempt, this.from.task);
  }

  spawn(work: () => Promise<void>): void {
    this.#host.spawn(work);
  }

  flushLogs(): void {
    this.#host.flushLogs(this.held.attempt.taskId);
  }

  keepLease(): Promise<void> {
    return this.#host.keepLease(this.held);
  }

  next(kept: readonly Artifact[] | undefined): Answer<NextNode | undefined> {
    return this.#host.next(this, kept);
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
  // The log of a shard's first attempt is empty: what a retried task begins with is copied by that attempt.
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
 * Records the outcome of the node and, in the same write, claims the next one, if it may run in the same slot.
 *
 * @returns a function that begins the next node
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

/** Keeps the log for the children of the node, if there are several. */
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

/** The shards of these nodes. */
export function shardsOf(plan: Plan, nodeIds: readonly string[]): readonly SourceShard[] {
  const shards = (nodeId: string): readonly SourceShard[] => plan.byId.get(nodeId)?.shards ?? [];
  const [only, ...others] = nodeIds;
  return only !== undefined && others.length === 0 ? shards(only) : nodeIds.flatMap(shards);
}
