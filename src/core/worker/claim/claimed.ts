import type { Logger } from "../../../definitions/index.ts";
import type { JsonObject } from "../../../errors/index.ts";
import type { Artifact, Attempt, ShardRecord } from "../../model/records.ts";
import type { NodePlan, Plan } from "../../plan/index.ts";
import type { Answer, AttemptTrace } from "../../ports/index.ts";
import { StoreRetry } from "../../resilience/store-retry.ts";
import type { AttemptHandle } from "../attempt/attempt-handle.ts";
import type { KeptLogs } from "../attempt/attempt-log.ts";
import { type AttemptRun, AttemptTimer, type Continued, type NextNode } from "../attempt/attempt-run.ts";
import type { FailurePlace } from "../attempt/failure.ts";
import type { EventLoopYielder, HandlerCode } from "../attempt/handler-code.ts";
import type { WorkerParts } from "../attempt/worker-options.ts";

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

/** The nodes that one slot was used for without a look at the queue. */
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
  /** It takes over the output of an earlier task, or does not start before some time: only coordinators start its nodes. */
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

/** One object with methods, since there is one for each node that runs. */
export class HeldRun implements AttemptRun {
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
