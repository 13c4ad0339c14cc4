import type { Logger } from "../../definitions/index.ts";
import type { Attempt, Failure, NewTask, ShardStatus, TaskRecord } from "../model/records.ts";
import type { Answer } from "./store.ts";

/** How an attempt ended. */
export type AttemptOutcome = "finished" | "failed" | "retried" | "released" | "cancelled" | "fenced";

/** An attempt, for its span. */
export interface TracedAttempt {
  readonly attempt: Attempt;
  readonly type: string;
  /** The name of its flow. */
  readonly flow: string | undefined;
  readonly workerId: string;
  /** The trace context of its task. */
  readonly traceparent: string | undefined;
  /** When its claim was requested, by `performance.now()`: another reading would cost as much as all else here. */
  readonly began: number;
}

/** One try of a batch, for its span. */
export interface TracedTry {
  readonly batch: {
    readonly uid: string;
    /** The trace context of the batch that this one was made from. */
    readonly producer?: string;
    /** The attempt has no other batch. */
    readonly isOnly?: true;
  };
  /** How often it was tried before. */
  readonly failed: number;
}

/** The span of an attempt. */
export interface AttemptTrace {
  /**
   * Runs one try, within a span unless there are too many. `traceparent` is the context of that span, which is stored with
   * the batch. Answers in the same step if `run` does.
   */
  try<T extends object>(tried: TracedTry, run: () => Answer<T>): Answer<T & { readonly traceparent?: string }>;
  /** A batch was set aside. */
  setAside(reasonCode: string): void;
  /** How the attempt ends, if it does not finish. */
  ends(outcome: AttemptOutcome, failure?: Failure): void;
}

/** Observes what runs. `flowkit/adapters/opentelemetry` implements it. */
export interface Telemetry {
  /** Creates a task within a span. `create` is called with a task that has the context of that span as `traceparent`. */
  createTask<T>(task: NewTask, create: (task: NewTask) => Promise<T>): Promise<T>;
  /** Called by the process whose write ended the task. */
  taskEnded(task: TaskRecord): void;
  /** A lease has expired. `to`: the new status of its shard. */
  leaseExpired(type: string, to: ShardStatus): void;
  /**
   * Runs the attempts of a task that follow each other in one slot, in the context of the task's creation. Activating
   * it for each of them would cost more than all other telemetry. Answers in the same step if `run` does.
   */
  row<T>(task: { readonly taskId: string; readonly traceparent: string | undefined }, run: () => T): T;
  /**
   * Runs an attempt within a span, unless there are too many. The span is active in everything that the attempt calls; without
   * one, the context of its row is. `trace` is `undefined` if nothing is recorded. Answers in the same step if `run` does.
   */
  attempt<TAttempt extends TracedAttempt, T>(
    attempt: TAttempt,
    run: (attempt: TAttempt, trace: AttemptTrace | undefined) => Answer<T>,
  ): Answer<T>;
  /** A logger that adds the ids of the active span to each line. */
  logger(logger: Logger): Logger;
}
