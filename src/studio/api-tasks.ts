/* The part of the JSON API about tasks, in lists and streams; see `api.ts`. */

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** The states that a store keeps. */
export type StoredTaskState = "running" | "cancelling" | "finished" | "failed" | "cancelled";
/** `queued`: nothing has started; `deferred`: everything open waits for a delay or a signal. */
export type TaskState = StoredTaskState | "queued" | "deferred" | "paused";
/** `queued` includes nodes that are not dispatched yet; `paused`: it would run, but its task is paused. */
export type NodeState =
  | "queued"
  | "running"
  | "deferred"
  | "paused"
  | "cancelling"
  | "finished"
  | "skipped"
  | "failed"
  | "cancelled";

export interface Failure {
  /** Absent if the task failed as a whole, such as with `deadline_exceeded`. */
  readonly nodeId?: string;
  readonly shard?: number;
  readonly epoch?: number;
  readonly reasonCode: string;
  readonly message: string;
  readonly batchUid?: string;
  readonly tries?: number;
  /** The handler's method that threw, if it processes no batch: `setup`, `loadInput`, `iterBatches`, `finalize`. */
  readonly method?: string;
  /** Stack and cause chain. */
  readonly stack?: string;
}

export interface ParentRef {
  readonly taskId: string;
  readonly nodeId: string;
  readonly uid: string;
}

/** A task in a list. */
export interface TaskRow {
  readonly id: string;
  /** The name of its graph. */
  readonly flow?: string;
  readonly state: StoredTaskState | "paused";
  readonly createdAt: number;
  readonly startsAt?: number;
  readonly deadlineAt?: number;
  readonly endedAt?: number;
  readonly priority: number;
  readonly idempotencyKey?: string;
  readonly failure?: Omit<Failure, "stack">;
  readonly cancelReason?: string;
  readonly retryOf?: string;
  readonly parent?: ParentRef;
}

/**
 * The newest first. With a filter, each page reads a bounded number of tasks: it may have more or fewer items than
 * `limit`, or none, and still have a cursor.
 */
export interface TaskPage {
  readonly items: readonly TaskRow[];
  /** Present if more may follow. */
  readonly cursor?: string;
}

/** The JSON in the `data` of each event of `GET /api/stream`. */
export interface ListEvents {
  /** The first event, also sent when missed changes are no longer known: fetch the list again. */
  readonly reset: { readonly at: number };
  /** New or changed tasks that match the filter; ids of tasks that were deleted or no longer match. */
  readonly tasks: { readonly at: number; readonly changed: readonly TaskRow[]; readonly removed: readonly string[] };
}

/** What a running task waits for, if none of its nodes runs or could run now. */
export interface Waiting {
  /** The node that continues first; otherwise the first that waits for a signal. */
  readonly nodeId: string;
  /** `time`: it starts after a delay; `retry`: it, or a batch of it, has failed and is tried again. */
  readonly for: "signal" | "time" | "retry";
  /** When it continues. Absent if it waits for a signal without a timeout. */
  readonly until?: number;
  /** How many other nodes wait likewise. */
  readonly others: number;
}

/** The requested tasks that wait. */
export interface WaitingList {
  readonly items: readonly (Waiting & { readonly taskId: string })[];
}

/** Everything of a task that changes. */
export interface TaskLive {
  /** When this was read. */
  readonly at: number;
  readonly state: TaskState;
  readonly endedAt?: number;
  readonly failure?: Failure;
  /** Failures after the task had failed or was cancelled. */
  readonly laterFailures?: readonly Failure[];
  readonly cancelReason?: string;
  readonly waiting?: Waiting;
  readonly vars: JsonObject;
  /** In the order of the graph. */
  readonly nodes: readonly NodeLive[];
  readonly edges: readonly EdgeLive[];
  /** The running node with the largest backlog of input; absent if there is no backlog. */
  readonly bottleneck?: string;
  /** The actions that are possible on the task now. */
  readonly actions: readonly TaskAction[];
}

export type TaskAction = "cancel" | "pause" | "resume" | "retry";

export interface NodeLive {
  readonly nodeId: string;
  readonly state: NodeState;
  /** Where it runs, or why not, as text; one per shard, without duplicates. */
  readonly explain: readonly string[];
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** The number of its attempts, over all shards. */
  readonly attempts: number;
  /** Attempts that failed as a whole. */
  readonly failures: number;
  readonly batches: BatchCounts;
  /** Batches per second since it started. Absent before, and for a few batches within its first second. */
  readonly rate?: number;
  readonly progress?: { readonly done: number; readonly total?: number };
  readonly failure?: Failure;
  readonly lostWorkers?: readonly string[];
  /** While it waits for a signal: since when, and until when if it has a timeout. */
  readonly awaitsSignal?: { readonly since: number; readonly until?: number };
  readonly metrics: Readonly<Record<string, number>>;
  /** What `finalize` returned, if it has at most 16 KiB. */
  readonly result?: Json;
}

export interface BatchCounts {
  /** Stored, with an output. */
  readonly done: number;
  /** Stored by its sources and not yet processed. Absent if that is not known. */
  readonly pending?: number;
  /** Set aside, since they failed for good. */
  readonly failed: number;
  /** Failed, and waiting for their next try. */
  readonly retrying: number;
  /** In a retry: stored by the earlier task, and counted in `done`. */
  readonly carried: number;
}

export interface EdgeLive {
  readonly from: string;
  readonly to: string;
  /** Artifacts that `from` has stored, including those of batches that were set aside. */
  readonly stored: number;
  /** About how many of them `to` has processed. Absent if it does not read them one by one. */
  readonly read?: number;
  /** `stored - read`. */
  readonly backlog?: number;
}

/** The JSON in the `data` of each event of `GET /api/tasks/:task/stream`. */
export interface TaskEvents {
  /** The first event, also sent when missed changes are no longer known. */
  readonly snapshot: TaskLive;
  /**
   * `nodes` and `edges` list only those that have changed, and replace the earlier ones with the same ids. All other
   * fields are complete: an absent field no longer applies.
   */
  readonly change: TaskLive;
  /** The task has ended, and nothing follows: close the stream, or the browser reopens it. */
  readonly end: { readonly at: number };
}
