import type { GraphNodeView, Setting } from "./api-graphs.ts";
import type { Failure, Json, JsonObject, NodeLive, NodeState, TaskState } from "./api-tasks.ts";

/* The part of the JSON API about the events of a task, and about one of its nodes; see `api.ts`. */

/** One state of one shard of a node, with its start and end. */
export interface Span {
  readonly nodeId: string;
  readonly shard: number;
  readonly epoch: number;
  readonly state: NodeState;
  readonly from: number;
  /** Absent while it lasts. */
  readonly to?: number;
  /** What started it: `dispatch`, `claim`, `fail`, `expire`, ... */
  readonly cause: string;
  /** What ended it. */
  readonly endCause?: string;
  readonly workerId?: string;
  readonly reasonCode?: string;
}

export interface Timeline {
  /** The time range to draw. */
  readonly from: number;
  readonly to: number;
  /** By node in the order of the graph, then by shard, then by time. */
  readonly spans: readonly Span[];
  /** How many transitions are no longer stored: the store keeps the newest 50 of each shard. */
  readonly forgotten: number;
}

export interface TaskEventRow {
  readonly at: number;
  /** Absent if it is about the task. */
  readonly nodeId?: string;
  readonly shard?: number;
  readonly epoch?: number;
  readonly from?: NodeState | "absent";
  readonly to: TaskState | NodeState;
  readonly cause?: string;
  readonly workerId?: string;
  readonly reasonCode?: string;
  /** In words. */
  readonly text: string;
}

export interface EventPage {
  readonly items: readonly TaskEventRow[];
  /** Always present, to read what happens next; `hasMore`: there is something to read now. */
  readonly cursor: string;
  readonly hasMore: boolean;
}

export interface NodeDetail {
  readonly nodeId: string;
  readonly type: string;
  readonly kind: GraphNodeView["kind"];
  readonly settings: readonly Setting[];
  readonly args: JsonObject;
  readonly dependsOn: readonly string[];
  readonly readBy: readonly string[];
  readonly schemas: NodeSchemas;
  readonly live: NodeLive;
  readonly shards: readonly ShardView[];
  /** The oldest first. */
  readonly attempts: readonly AttemptView[];
  /** The input of the batch that failed the node. */
  readonly failedInput?: InputView;
  /** The JSON Schema of the signal that it waits for. */
  readonly signalSchema?: JsonObject;
  /** The actions that are possible on the node now. */
  readonly actions: readonly NodeAction[];
}

export type NodeAction = "signal" | "retryBatches";

/** The JSON Schemas that the graph has. */
export interface NodeSchemas {
  readonly args?: JsonObject;
  readonly input?: JsonObject;
  readonly output?: JsonObject;
  readonly result?: JsonObject;
}

export interface ShardView {
  readonly shard: number;
  readonly state: NodeState;
  readonly epoch: number;
  readonly explain?: string;
  readonly workerId?: string;
  readonly leaseUntil?: number;
  readonly dueAt?: number;
  readonly stored: number;
  readonly failures: number;
  readonly failure?: Failure;
}

export interface AttemptView {
  readonly shard: number;
  readonly epoch: number;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly workerId?: string;
  /** How it ended: `complete`, `fail`, `release`, `expire`, ... Absent while it runs. */
  readonly outcome?: string;
  readonly reasonCode?: string;
  /** The message of its error, at most 500 characters. */
  readonly message?: string;
  /** Of the last failed attempt only. */
  readonly failure?: Failure;
}

/** One of `value`, `start`, `missing`. */
export interface InputView {
  readonly value?: Json;
  /** The first characters of a value whose JSON is too long, and its length. */
  readonly start?: string;
  readonly length?: number;
  /** The reason, as text, why it is not known. */
  readonly missing?: string;
}

export interface ArtifactView {
  readonly shard: number;
  readonly seq: number;
  readonly uid: string;
  readonly epoch: number;
  /** The batch of another node that it was made from. */
  readonly origin?: BatchRef;
  readonly metrics: Readonly<Record<string, number>>;
  /** Present if the batch was set aside; then there is no output. */
  readonly failure?: { readonly reasonCode: string; readonly message: string; readonly tries: number };
  readonly output: InputView;
}

export interface ArtifactPage {
  readonly items: readonly ArtifactView[];
  /** Present if more follow. A running node may store more after the last page. */
  readonly cursor?: string;
  /** How many are stored now, including those of batches that were set aside. */
  readonly stored: number;
}

export interface FailedBatchView {
  readonly uid: string;
  readonly shard: number;
  readonly reasonCode: string;
  readonly message: string;
  readonly tries: number;
  readonly stack?: string;
  readonly input: InputView;
}

export interface FailedBatchPage {
  readonly items: readonly FailedBatchView[];
  readonly cursor?: string;
}

/** A line that a handler logged. */
export interface LogLineView {
  readonly seq: number;
  /** By the clock of its worker. */
  readonly at: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly shard: number;
  /** The attempt that logged it. */
  readonly epoch: number;
  /** 1, 2, ... within its attempt; a gap means that lines were dropped. */
  readonly n: number;
  readonly message?: string;
  readonly fields?: JsonObject;
}

/** Lines of one node, in the order in which they were stored. */
export interface LogPage {
  readonly items: readonly LogLineView[];
  /** Always present, to read what is logged next; `hasMore`: there is something to read now. */
  readonly cursor: string;
  readonly hasMore: boolean;
  /** How many lines of the whole task were dropped, the oldest first, because there were too many. */
  readonly dropped: number;
}

export interface BatchRef {
  readonly nodeId: string;
  readonly shard: number;
  readonly seq: number;
  /** Known once its log was read. */
  readonly uid?: string;
}

/** The ancestors and descendants of a batch. */
export interface Lineage {
  readonly batch: BatchRef;
  /** The nearest first. */
  readonly up: readonly LineageStep[];
  /** By the order of the graph. */
  readonly down: readonly LineageStep[];
  /** Some logs were too long to search, or have been dropped: there may be more. */
  readonly incomplete: boolean;
}

export interface LineageStep extends BatchRef {
  /** The adjacent batch: in `up`, the one made from it; in `down`, the one that it was made from. */
  readonly via: Omit<BatchRef, "uid">;
  readonly failed: boolean;
}
