import type { Logger } from "../../definitions/index.ts";
import type { Attempt, Failure, NewTask, ShardStatus, TaskRecord } from "../model/records.ts";
import type { Answer } from "./store.ts";

/** How an attempt ended. */
export type AttemptOutcome = "finished" | "failed" | "retried" | "released" | "cancelled" | "fenced";

/** How an attempt ended that did not finish. */
export interface AttemptEnding {
  readonly outcome: Exclude<AttemptOutcome, "finished">;
  readonly failure?: Failure;
}

/** An attempt, for its span and its counts. */
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
  /** What {@link Telemetry.attempt} or {@link Telemetry.trace} returned. */
  readonly trace: AttemptTrace | undefined;
  /** Tries that succeeded. */
  readonly processed: number;
  /** Tries that failed. */
  readonly failedTries: number;
  /** `undefined`: it runs, or it has finished. */
  readonly ending: AttemptEnding | undefined;
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

/** Runs the tries of an attempt. A method: a closure for each try is part of what telemetry costs. */
export interface TryRunner<TTry extends TracedTry, T> {
  /** A try that ends now was ended by something else, such as a cancel: it has not failed. */
  readonly isOver: boolean;
  /** Runs one try, and returns its outcome. */
  tryOnce(tried: TTry): Answer<T>;
}

/** The spans of an attempt and of its tries. */
export interface AttemptTrace {
  /** Runs the attempt with its span active, if it has one. */
  run<TAttempt extends TracedAttempt, T>(attempt: TAttempt, run: (attempt: TAttempt) => T): T;
  /**
   * Runs one try, within a span unless there are too many. `traceparent` is the context of that span, which is stored with
   * the batch. Answers in the same step if `by` does.
   */
  try<TTry extends TracedTry, T extends object>(
    tried: TTry,
    by: TryRunner<TTry, T>,
  ): Answer<T & { readonly traceparent?: string }>;
  /** A try has failed that was run without this. */
  tryFailed(tried: TracedTry, error: unknown): void;
  /** A batch was set aside. */
  setAside(reasonCode: string): void;
}

/** Observes what runs. `flowkit/adapters/opentelemetry` implements it. */
export interface Telemetry {
  /** Creates a task within a span. `create` is called with a task that has the context of that span as `traceparent`. */
  createTask<T>(task: NewTask, create: (task: NewTask) => Promise<T>): Promise<T>;
  /**
   * Called by the process whose write finished a task. Most have no span: to read their records would cost more than all else.
   *
   * @returns whether it has one: {@link taskEnded} follows
   */
  taskFinished(): boolean;
  /** Called by the process whose write ended the task, if it has a span or has not finished. */
  taskEnded(task: TaskRecord): void;
  /** A lease has expired. `to`: the new status of its shard. */
  leaseExpired(type: string, to: ShardStatus): void;
  /**
   * Runs the attempts of a task that follow each other in one slot, in the context of the task's creation. Activating
   * it for each of them would cost more than all other telemetry. Answers in the same step if `run` does.
   */
  row<T>(task: { readonly taskId: string; readonly traceparent: string | undefined }, run: () => T): T;
  /**
   * An attempt begins. `undefined`: it has no span, since there are too many or nothing is recorded. Nothing is made for it
   * until one of its tries needs a span: only its beginning and its end are counted.
   */
  attempt(attempt: TracedAttempt): AttemptTrace | undefined;
  /** For the tries of an attempt that has no span. `undefined` if nothing is recorded. */
  trace(attempt: TracedAttempt): AttemptTrace | undefined;
  /** Called once. An attempt that failed has a span in any case. */
  attemptEnded(attempt: TracedAttempt): void;
  /** A logger that adds the ids of the active span to each line. */
  logger(logger: Logger): Logger;
}
