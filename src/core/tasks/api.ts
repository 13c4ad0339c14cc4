import type { FlowTypes } from "../../definitions/flow.ts";
import type { Metrics } from "../../definitions/handler.ts";
import type { CoreReasonCode, Json, JsonObject } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import type {
  Failure,
  HistoryEntry,
  ParentRef,
  Progress,
  ShardStatus,
  TaskFailure,
  TaskStatus,
} from "../model/records.ts";
import type { LogLine } from "../model/task-log.ts";
import type { Reason } from "../plan/index.ts";

/**
 * What happens to a task, for progress displays. Read from the store, so it does not depend on messages. A shard's
 * record keeps its newest 50 transitions: if more happened between two reads, the older ones are missing, and `skipped`
 * counts them.
 */
export type TaskEvent<TNodeId extends string = string> =
  | {
      readonly kind: "task";
      readonly status: TaskStatus;
      readonly failure?: TaskFailure;
      /** With the end of the task: see {@link TaskView.laterFailures}. @defaultValue none */
      readonly laterFailures?: readonly Failure[];
      /** It was paused, or resumed. Absent in all other events. */
      readonly paused?: boolean;
      readonly at: number;
    }
  | ({
      /** One transition of one shard of a node. */
      readonly kind: "node";
      readonly nodeId: TNodeId;
      readonly shard: number;
      /** With `to: "finished"`: how many batches the shard stored. */
      readonly batches?: number;
      /** With `to: "finished"`: how many batches the shard set aside. @defaultValue none */
      readonly failedBatches?: number;
      /** In a retry, with `cause: "dispatch"`: how many batches of the earlier task the shard carries. */
      readonly carriedBatches?: number;
      /** How many earlier transitions of the shard are no longer known. @defaultValue none */
      readonly skipped?: number;
    } & HistoryEntry)
  | {
      /** Counts that changed since the last sample; at most one event per node every `sampleMs`. */
      readonly kind: "progress";
      readonly nodeId: TNodeId;
      readonly status: NodeStatus;
      /** Batches stored so far, over all shards. */
      readonly batches: number;
      /** Batches set aside so far. @defaultValue none */
      readonly failedBatches?: number;
      /** Failed batches that wait for their next try. @defaultValue none */
      readonly waitingBatches?: number;
      /** Reported by the handler: see {@link NodeView.progress}. */
      readonly progress?: Progress;
      readonly at: number;
    };

/** `queued` includes nodes that are not dispatched yet; `paused`: it would run, but its task is paused. */
export type NodeStatus = ShardStatus | "paused";

/** A node of a task as shown by `status()`. */
export interface NodeView<TNodeId extends string = string> {
  readonly nodeId: TNodeId;
  readonly type: string;
  readonly status: NodeStatus;
  /** The highest epoch of its shards; 0 before its dispatch. */
  readonly epoch: number;
  /** When its first attempt began. Absent also if there were so many attempts that its record no longer shows it. */
  readonly startedAt?: number;
  /** When the last of its shards ended. */
  readonly endedAt?: number;
  /** Stored, with an output. */
  readonly batches: number;
  /** Set aside, since they failed for good: `engine.failedBatches` returns them. */
  readonly failedBatches: number;
  /** Failed, and waiting for their next try. */
  readonly waitingBatches: number;
  /** In a retry: how many batches of the earlier task it carries. Absent if there are none. */
  readonly carriedBatches?: number;
  /** Attempts that failed as a whole, not counting failed tries of batches. */
  readonly failures: number;
  readonly failure?: Failure;
  /** Workers whose leases on it have expired: it counts as running until a coordinator notices. */
  readonly lostWorkers?: readonly string[];
  /** While it waits for a signal: since when, and until when if it has a timeout. */
  readonly awaitsSignal?: { readonly since: number; readonly until?: number };
  /**
   * What its handler last reported by `ctx.progress`, summed over its shards; `total` only if all of them reported one.
   */
  readonly progress?: Progress;
  /** The metrics that `finalize` recorded, summed over its shards. */
  readonly metrics: Metrics;
  readonly result?: Json;
}

/** The state of a task and its nodes, as returned by `status()` and `wait()`. Times in milliseconds since 1970. */
export interface TaskView<TNodeId extends string = string> {
  readonly id: string;
  readonly name?: string;
  readonly status: TaskStatus | "queued" | "deferred" | "paused";
  readonly failure?: TaskFailure;
  /** Failures of handlers of outcomes, and of their descendants, after the task had failed or was cancelled. */
  readonly laterFailures?: readonly Failure[];
  readonly cancelReason?: string;
  readonly params: JsonObject;
  readonly vars: JsonObject;
  /** The task that this one retries. */
  readonly retryOf?: string;
  /** The node that runs this task for one of its batches. */
  readonly parent?: ParentRef;
  readonly nodes: readonly NodeView<TNodeId>[];
  readonly createdAt: number;
  /** When its first nodes start, if it was to start later. */
  readonly startsAt?: number;
  /** When it fails, unless it has ended before. */
  readonly deadlineAt?: number;
  readonly endedAt?: number;
}

/** Why a shard of a node is not running now, or where it runs. */
export interface NodeExplanation<TNodeId extends string = string> {
  readonly nodeId: TNodeId;
  /** 0 for a node without `partitions`. */
  readonly shard: number;
  readonly why: Reason;
  /** In a retry: the batches that it carries, and the task that had stored them. Absent if there are none. */
  readonly carried?: { readonly batches: number; readonly taskId: string };
  /** The reason as text. */
  readonly text: string;
}

/** Why a task does not progress, node by node, as returned by `explain()`. */
export interface TaskExplanation<TNodeId extends string = string> {
  readonly id: string;
  readonly status: TaskStatus;
  /** Absent unless it is paused. */
  readonly paused?: true;
  /** One entry per shard, in the order of the graph's nodes. */
  readonly nodes: readonly NodeExplanation<TNodeId>[];
}

/** Which log lines to read. */
export interface LogOptions<TNodeId extends string = string> {
  /** Lines of this node only. */
  readonly nodeId?: TNodeId;
  /** Lines that were stored after this one: `next` of an earlier page. @defaultValue from the first line */
  readonly after?: number;
  /** 1 to 1000. @defaultValue 1000 */
  readonly limit?: number;
}

/** Log lines of a task's handlers, in the order in which they were stored. */
export interface LogPage {
  readonly lines: readonly LogLine[];
  /** For `after`, to read what follows these lines, now or later. */
  readonly next: number;
  /** Whether more of them are stored. */
  readonly hasMore: boolean;
  /** How many lines of the task were dropped, the oldest first, because there were too many. */
  readonly dropped: number;
}

/** A handle to one run of a flow. */
export interface TaskHandle<TTypes extends FlowTypes = UntypedFlow> {
  readonly id: string;
  /**
   * All events of the task from the beginning until its end, for each caller.
   *
   * @param options.sampleMs - how often progress is sampled; default 200
   */
  events(options?: {
    readonly sampleMs?: number;
  }): AsyncIterableIterator<TaskEvent<Extract<keyof TTypes["outputs"], string>>>;
  /**
   * The node's artifacts in order, as they are stored, until the node has finished. Rejects with `TASK_FAILED` or
   * `TASK_CANCELLED` if no more will follow, and with `ARTIFACTS_RESTARTED` if a retry restarts the node's output after
   * some of it was returned.
   */
  artifacts<TNodeId extends Extract<keyof TTypes["outputs"], string>>(
    nodeId: TNodeId,
  ): AsyncIterableIterator<TTypes["outputs"][TNodeId]>;
  /**
   * Resolves when the task has finished. By leaf id: what `finalize` returned, or the list of the node's outputs if its
   * handler declares no `result`.
   *
   * @throws FlowError `TASK_FAILED` with `details` `{ taskId, nodeId, reasonCode, batchUid? }`, or `TASK_CANCELLED`
   */
  result(): Promise<TTypes["results"]>;
  /**
   * Resolves with the task's state when it has ended, with any outcome.
   *
   * @example
   * const { status, failure } = await task.wait() // status: "finished", "failed" or "cancelled"
   *
   * @throws FlowError `TASK_UNKNOWN`, `ENGINE_STOPPED`
   */
  wait(): Promise<TaskView<Extract<keyof TTypes["outputs"], string>>>;
  /** The current state of the task. */
  status(): Promise<TaskView<Extract<keyof TTypes["outputs"], string>>>;
  /**
   * Why each node is not running now, or where it runs: to find out why a task does not progress.
   *
   * @example
   * const { nodes } = await task.explain()
   * nodes.map(({ text }) => text) // ["extract has been running on worker-7 for 12.1 s", "load waits for extract"]
   *
   * @throws FlowError `TASK_UNKNOWN`
   */
  explain(): Promise<TaskExplanation<Extract<keyof TTypes["outputs"], string>>>;
  /**
   * What the task's handlers have logged with `ctx.logger`, as far as it is kept: see `keepLogs`. Lines are stored about
   * twice a second, and when their attempt ends.
   *
   * @example
   * const { lines } = await task.logs({ nodeId: "load" })
   * lines.map(({ level, message }) => `${level} ${message}`) // ["info loaded 1200 rows"]
   *
   * @throws FlowError `TASK_UNKNOWN`, `NODE_UNKNOWN`, `ENGINE_OPTIONS`
   */
  logs(options?: LogOptions<Extract<keyof TTypes["outputs"], string>>): Promise<LogPage>;
  /**
   * Resolves when the cancel is recorded. Nodes that start when their parents have ended still run, unless the task is
   * cancelled again. `terminal`: the task had already ended, and nothing changed.
   */
  cancel(options?: { readonly reason?: string }): Promise<"recorded" | "already" | "terminal">;
  /**
   * Sends a signal to a node that waits for it, now or later. It is checked against the node's schema, and kept until
   * the node is reached. Only the first one counts.
   *
   * @returns `already` if another signal was first, `terminal` if the task is ending or the node's time has passed
   *
   * @example
   * await task.signal("approve", { ok: true, by: "ada" }) // "accepted"
   *
   * @throws FlowError `SIGNAL_INVALID`, `SIGNAL_TOO_LARGE`, `NODE_UNKNOWN`, `TASK_UNKNOWN`
   */
  signal<TNodeId extends Extract<keyof TTypes["signals"], string>>(
    nodeId: TNodeId,
    payload: TTypes["signals"][TNodeId],
  ): Promise<"accepted" | "already" | "terminal">;
  /**
   * Pauses the task: batches in progress end, and nothing new begins until it is resumed. Resolves when that is
   * recorded. Its deadline and the timeouts of signals keep running.
   *
   * @throws FlowError `PAUSE_UNSUPPORTED` if external workers run one of its nodes, `TASK_UNKNOWN`
   */
  pause(): Promise<"recorded" | "already" | "terminal">;
  /** Resumes the task: its nodes continue after the batches that they had stored. */
  resume(): Promise<"recorded" | "already" | "terminal">;
}

/** Options of one run of a flow. */
export interface RunOptions<TParams = unknown> {
  readonly params?: TParams;
  /**
   * A second run with the same key and the same input (the graph, and the parameters with their defaults) returns the
   * existing task, whatever its priority, deadline and trace context. A different input is rejected with `TASK_EXISTS`.
   */
  readonly idempotencyKey?: string;
  /** -100 to 100, higher goes first. @defaultValue 0 */
  readonly priority?: number;
  /**
   * The task's time limit, in seconds. A task that has not ended by then fails with `deadline_exceeded`.
   *
   * @defaultValue no deadline
   */
  readonly deadlineSec?: number;
  /**
   * The task starts no earlier than this, in milliseconds since 1970: its first nodes are `deferred` until then. Its
   * deadline counts from now.
   *
   * @example
   * await engine.run(etl, { notBefore: Date.parse("2026-12-01T03:00:00Z") })
   *
   * @defaultValue at once
   */
  readonly notBefore?: number;
  /**
   * The W3C trace context of the run. It is stored with the task, sent with its messages, and available to handlers as
   * `ctx.traceparent`.
   *
   * @example
   * await engine.run(etl, { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" })
   */
  readonly traceparent?: string;
}

/** Options of a retry of a task that failed or was cancelled. */
export interface RetryOptions extends Pick<RunOptions, "idempotencyKey" | "priority" | "deadlineSec" | "traceparent"> {
  /** Nodes that had finished are adopted, the others continue after the batches that they had stored. */
  readonly from: "failed";
}

/** Options of a retry of failed batches. */
export interface RetryBatchesOptions
  extends Pick<RunOptions, "idempotencyKey" | "priority" | "deadlineSec" | "traceparent"> {
  /** Which of the node's failed batches; 1 to 1000. @defaultValue all of them */
  readonly uids?: readonly string[];
}

/** A batch that failed for good and was set aside. */
export interface FailedBatch<TInput = Json, TCode extends string = string> {
  readonly uid: string;
  /** 0 for a node without `partitions`. */
  readonly shard: number;
  /** One that the handler declares, or one of the engine. */
  readonly reasonCode: TCode;
  readonly message: string;
  /** How often it was tried. */
  readonly tries: number;
  /** Stack and cause chain of the last error. */
  readonly stack?: string;
  /**
   * What the handler received, before its schema decoded it; null if a source yielded a payload that is not JSON.
   * Absent if its input adapter is not known here, or if the store has dropped it.
   */
  readonly input?: TInput;
}

/**
 * The failed batches of a node, typed by its handler; any JSON and any code if that is not known, or declares none. The
 * input of a handler without a schema is typed as a symbol.
 */
export type FailedBatchOf<TTypes extends FlowTypes, TNodeId> = TTypes["handlers"] extends {
  readonly [TId in TNodeId & string]: {
    readonly $infer: {
      readonly input: infer TInput;
      readonly source: infer TIsSource;
      readonly errors: infer TCode extends string;
    };
  };
}
  ? FailedBatch<
      TIsSource extends false
        ? [keyof TInput] extends [symbol]
          ? TInput extends Json
            ? TInput
            : Json
          : TInput
        : Json,
      [TCode] extends [never] ? string : TCode | CoreReasonCode
    >
  : FailedBatch;

/** Which tasks to list. */
export interface ListOptions {
  /** One status, or several. @defaultValue all */
  readonly status?: TaskStatus | readonly TaskStatus[];
  /** The cursor of the previous page. */
  readonly cursor?: string;
  /** 1 to 1000. @defaultValue 50 */
  readonly limit?: number;
  /** Includes child tasks, or with `{ of }` lists only those of one task. @defaultValue false */
  readonly children?: boolean | { readonly of: string };
}

/** Which tasks `cleanup` deletes. */
export interface CleanupOptions {
  /** Tasks that ended at least this many seconds ago. */
  readonly endedForSec: number;
}

/** The outcome of `cleanup`, in numbers of tasks. */
export interface CleanupOutcome {
  readonly deleted: number;
  /** Tasks that were kept because a remaining retry uses their artifacts. */
  readonly borrowed: number;
}

/** A graph JSON as read from a file: validated when it is run. */
export interface GraphInput extends Readonly<Partial<Record<Exclude<keyof Graph, "nodes">, unknown>>> {
  readonly nodes: readonly object[];
}

/** The types of a run of a graph JSON: all that is known is that values are JSON. */
export interface UntypedFlow {
  readonly inputs: {};
  readonly name: undefined;
  readonly params: JsonObject;
  readonly outputs: { readonly [nodeId: string]: Json };
  readonly results: { readonly [leafId: string]: Json };
  readonly signals: { readonly [nodeId: string]: Json };
  readonly handlers: object;
  readonly handlerNames: string;
}
