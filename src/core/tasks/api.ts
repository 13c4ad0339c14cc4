import type { FlowTypes, Metrics } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import type { Failure, HistoryEntry, Progress, ShardStatus, TaskFailure, TaskStatus } from "../model/records.ts";
import type { Reason } from "../plan/index.ts";

/**
 * What happens to a task, for progress displays. Read from the store, so no lost message takes anything away. A shard's
 * record keeps its newest 50 transitions: of one that moved more often between two looks the older ones are missing, and
 * `skipped` counts them.
 */
export type TaskEvent<TNodeId extends string = string> =
  | { readonly kind: "task"; readonly status: TaskStatus; readonly failure?: TaskFailure; readonly at: number }
  | ({
      /** One transition of one shard of a node. */
      readonly kind: "node";
      readonly nodeId: TNodeId;
      readonly shard: number;
      /** With `to: "finished"`: how many batches the shard stored. */
      readonly batches?: number;
      /** So many transitions of the shard before this one are known no more. Absent: none. */
      readonly skipped?: number;
    } & HistoryEntry)
  | {
      /** Counts that moved since the last sample; at most one a node every `sampleMs`. */
      readonly kind: "progress";
      readonly nodeId: TNodeId;
      readonly status: NodeStatus;
      /** Batches stored so far, over all shards. */
      readonly batches: number;
      /** What the handler says: see {@link NodeView.progress}. */
      readonly progress?: Progress;
      readonly at: number;
    };

/** `queued` also stands for "not dispatched yet". */
export type NodeStatus = ShardStatus;

/** A node of a task as `status()` shows it. */
export interface NodeView<TNodeId extends string = string> {
  readonly nodeId: TNodeId;
  readonly type: string;
  readonly status: NodeStatus;
  /** The highest epoch of its shards; 0 before its dispatch. */
  readonly epoch: number;
  readonly batches: number;
  readonly failures: number;
  readonly failure?: Failure;
  /** Workers that let their leases on it end: they are counted as running it until a coordinator has looked. */
  readonly lostWorkers?: readonly string[];
  /** What its handler last said by `ctx.progress`, summed over its shards; `total` when all of them said one. */
  readonly progress?: Progress;
  /** What `finalize` measured, summed over its shards. */
  readonly metrics: Metrics;
  readonly result?: Json;
}

/** How a task stands, with each of its nodes: what `status()` and `wait()` give. Times in milliseconds since 1970. */
export interface TaskView<TNodeId extends string = string> {
  readonly id: string;
  readonly name?: string;
  readonly status: TaskStatus | "queued" | "deferred";
  readonly failure?: TaskFailure;
  readonly cancelReason?: string;
  readonly params: JsonObject;
  readonly vars: JsonObject;
  /** The task that this one goes on from. */
  readonly retryOf?: string;
  readonly nodes: readonly NodeView<TNodeId>[];
  readonly createdAt: number;
  /** When it fails, unless it has ended by then. */
  readonly deadlineAt?: number;
  readonly endedAt?: number;
}

/** Why a shard of a node is not running now, or where it runs. */
export interface NodeExplanation<TNodeId extends string = string> {
  readonly nodeId: TNodeId;
  /** 0 for a node without `partitions`. */
  readonly shard: number;
  readonly why: Reason;
  /** The same in words. */
  readonly text: string;
}

/** Why a task doesn't go on, node by node: what `explain()` gives. */
export interface TaskExplanation<TNodeId extends string = string> {
  readonly id: string;
  readonly status: TaskStatus;
  /** One entry a shard, in the order of the graph's nodes. */
  readonly nodes: readonly NodeExplanation<TNodeId>[];
}

/** A handle on one run of a flow. */
export interface TaskHandle<TTypes extends FlowTypes = UntypedFlow> {
  readonly id: string;
  /**
   * Everything that happened and happens until the task ends; starts from the beginning for each caller.
   *
   * @param options.sampleMs - how often `progress` is looked at; default 200
   */
  events(options?: {
    readonly sampleMs?: number;
  }): AsyncIterableIterator<TaskEvent<Extract<keyof TTypes["outputs"], string>>>;
  /**
   * The node's artifacts in order, as they are stored, until the node has finished. Rejects with `TASK_FAILED` or
   * `TASK_CANCELLED` when no more will come, and with `ARTIFACTS_RESTARTED` when a retry starts the node's output over
   * after some of it was handed out.
   */
  artifacts<TNodeId extends Extract<keyof TTypes["outputs"], string>>(
    nodeId: TNodeId,
  ): AsyncIterableIterator<TTypes["outputs"][TNodeId]>;
  /**
   * Resolves when the task finished: by leaf id, what `finalize` returned, or the list of the node's outputs when its
   * handler declares no `result`.
   *
   * @throws FlowError `TASK_FAILED` with `details` `{ taskId, nodeId, reasonCode, batchUid? }`, or `TASK_CANCELLED`
   */
  result(): Promise<TTypes["results"]>;
  /**
   * Resolves with how things stand when the task has ended, however that was.
   *
   * @example
   * const { status, failure } = await task.wait() // status: "finished", "failed" or "cancelled"
   *
   * @throws FlowError `TASK_UNKNOWN`, `ENGINE_STOPPED`
   */
  wait(): Promise<TaskView<Extract<keyof TTypes["outputs"], string>>>;
  /** How things stand now. */
  status(): Promise<TaskView<Extract<keyof TTypes["outputs"], string>>>;
  /**
   * Why each node isn't running now, or where it runs: for people who wonder why a task doesn't go on.
   *
   * @example
   * const { nodes } = await task.explain()
   * nodes.map(({ text }) => text) // ["extract has been running on worker-7 for 12.1 s", "load waits for extract"]
   *
   * @throws FlowError `TASK_UNKNOWN`
   */
  explain(): Promise<TaskExplanation<Extract<keyof TTypes["outputs"], string>>>;
  /** Returns once it is recorded. `terminal`: the task had ended before, nothing changed. */
  cancel(options?: { readonly reason?: string }): Promise<"recorded" | "already" | "terminal">;
}

/** How one run of a flow is started. */
export interface RunOptions<TParams = unknown> {
  readonly params?: TParams;
  /**
   * A second run with the same key and the same input (the graph, and the parameters with their defaults) returns the
   * first one's task, whatever its priority, deadline and trace context. With another input it is `TASK_EXISTS`.
   */
  readonly idempotencyKey?: string;
  /** -100 to 100, higher goes first. @defaultValue 0 */
  readonly priority?: number;
  /**
   * How long it may take, in seconds, from now on. A task that hasn't ended by then fails with `deadline_exceeded`.
   *
   * @defaultValue no deadline
   */
  readonly deadlineSec?: number;
  /**
   * The W3C trace context that the run belongs to. It is kept with the task, travels with its messages, and handlers find
   * it as `ctx.traceparent`.
   *
   * @example
   * await engine.run(etl, { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" })
   */
  readonly traceparent?: string;
}

/** How a task that failed or was cancelled is tried again. */
export interface RetryOptions extends Pick<RunOptions, "idempotencyKey" | "priority" | "deadlineSec" | "traceparent"> {
  /** What had finished is adopted, the rest runs again. */
  readonly from: "failed";
}

/** Which tasks a list has. */
export interface ListOptions {
  /** One status, or several. @defaultValue all */
  readonly status?: TaskStatus | readonly TaskStatus[];
  /** Where the page before ended. */
  readonly cursor?: string;
  /** 1 to 1000. @defaultValue 50 */
  readonly limit?: number;
}

/** Which tasks `cleanup` deletes. */
export interface CleanupOptions {
  /** Tasks that ended at least so many seconds ago. */
  readonly endedForSec: number;
}

/** What `cleanup` did, in numbers of tasks. */
export interface CleanupOutcome {
  readonly deleted: number;
  /** How many stayed because a retry that is kept uses their artifacts. */
  readonly borrowed: number;
}

/** A graph JSON as it comes from a file: checked when it is run. */
export interface GraphInput extends Readonly<Partial<Record<Exclude<keyof Graph, "nodes">, unknown>>> {
  readonly nodes: readonly object[];
}

/** What is known of the types of a run of a graph JSON: nothing but that they are JSON. */
export interface UntypedFlow {
  readonly inputs: {};
  readonly name: undefined;
  readonly params: JsonObject;
  readonly outputs: { readonly [nodeId: string]: Json };
  readonly results: { readonly [leafId: string]: Json };
  readonly handlers: object;
  readonly handlerNames: string;
}
