/*
 * The JSON API of the studio, shared by its server and its page. It imports nothing, so that the page can be compiled
 * without the engine.
 *
 * Ids and cursors are strings; cursors are opaque. Times are milliseconds since 1970, by the store's clock. States are
 * those of the store. A field that does not apply is absent, never null.
 *
 * | request | answer |
 * |---|---|
 * | `GET /api/info` | {@link StudioInfo} |
 * | `POST /api/session` {@link SessionRequest} | 204, and a cookie; needed only if `GET /api/info` answers 401 |
 * | `GET /api/tasks?flow&status&text&since&until&children&cursor&limit` | {@link TaskPage} |
 * | `GET /api/stream?flow&status&text&since&until&children` | server-sent events: {@link ListEvents} |
 * | `POST /api/tasks` {@link StartRequest} | 201 {@link Started} |
 * | `GET /api/tasks/:task` | {@link TaskDetail} |
 * | `GET /api/tasks/:task/stream` | server-sent events: {@link TaskEvents} |
 * | `GET /api/tasks/:task/timeline` | {@link Timeline} |
 * | `GET /api/tasks/:task/events?cursor&limit` | {@link EventPage}, the oldest first |
 * | `POST /api/tasks/:task/cancel` {@link CancelRequest} | {@link Outcome} |
 * | `POST /api/tasks/:task/pause`, `.../resume` `{}` | {@link Outcome} |
 * | `POST /api/tasks/:task/retry` `{}` | 201 {@link Started} |
 * | `GET /api/tasks/:task/nodes/:node` | {@link NodeDetail} |
 * | `GET /api/tasks/:task/nodes/:node/artifacts?cursor&limit` | {@link ArtifactPage} |
 * | `GET /api/tasks/:task/nodes/:node/failed-batches?cursor&limit` | {@link FailedBatchPage} |
 * | `GET /api/tasks/:task/nodes/:node/lineage?shard&seq` | {@link Lineage} |
 * | `POST /api/tasks/:task/nodes/:node/retry-batches` {@link RetryBatchesRequest} | 201 {@link Started} |
 * | `POST /api/tasks/:task/nodes/:node/signal` {@link SignalRequest} | {@link Outcome} |
 * | `GET /api/flows` | {@link FlowList} |
 * | `GET /api/flows/:flow` | {@link FlowDetail} |
 * | `POST /api/flows/:flow/pause`, `.../resume` `{}` | {@link Outcome} |
 * | `GET /api/workers` | {@link WorkerList} |
 *
 * `limit` is 1 to 200, 50 by default. `status` may be repeated. Each POST has `content-type: application/json` and a
 * body of at most 1 MiB. Every error is {@link ApiError}, with a status of 400 or more.
 */

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** `code` is stable; `message` is for people. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
}

export interface StudioInfo {
  /** Of FlowKit. */
  readonly version: string;
  /** Actions answer 403 `STUDIO_READ_ONLY`. */
  readonly readOnly: boolean;
  /** The display name of the store; contains no password. */
  readonly store: string;
  /** This process also runs a coordinator, or a coordinator and a worker; otherwise tasks need other processes to run. */
  readonly runs: "nothing" | "coordinator" | "engine";
  /** The time of the server, to correct the clock of the browser. */
  readonly now: number;
}

export interface SessionRequest {
  readonly token: string;
}

// ---- tasks

/** The states that a store keeps. */
export type StoredTaskState = "running" | "cancelling" | "finished" | "failed" | "cancelled";
/** `queued`: nothing has started; `deferred`: everything open waits for a delay or a signal. */
export type TaskState = StoredTaskState | "queued" | "deferred" | "paused";
/** `queued` includes nodes that are not dispatched yet. */
export type NodeState =
  | "queued"
  | "running"
  | "deferred"
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
 * The newest first. A filter by flow, text or time reads a bounded number of tasks for each page: a page may have fewer
 * items than `limit`, or none, and still a cursor.
 */
export interface TaskPage {
  readonly items: readonly TaskRow[];
  /** Present if more may follow. */
  readonly cursor?: string;
}

/** What each event of `GET /api/stream` has as JSON in its `data`. */
export interface ListEvents {
  /** First, and whenever missed changes are not known any more: fetch the list again. */
  readonly reset: { readonly at: number };
  /** Tasks that are new or have changed, and match the filter; ids of those that are gone or do not match any more. */
  readonly tasks: { readonly at: number; readonly changed: readonly TaskRow[]; readonly removed: readonly string[] };
}

export interface TaskDetail {
  readonly id: string;
  readonly flow?: string;
  readonly graph: GraphView;
  readonly graphHash: string;
  readonly params: JsonObject;
  /** Absent if its graph has none. */
  readonly paramsSchema?: JsonObject;
  readonly priority: number;
  readonly idempotencyKey?: string;
  readonly traceparent?: string;
  readonly retryOf?: string;
  readonly parent?: ParentRef;
  readonly createdAt: number;
  readonly startsAt?: number;
  readonly deadlineAt?: number;
  readonly live: TaskLive;
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
  readonly vars: JsonObject;
  /** In the order of the graph. */
  readonly nodes: readonly NodeLive[];
  readonly edges: readonly EdgeLive[];
  /** The running node whose input waits the longest line; absent if no input waits. */
  readonly bottleneck?: string;
  /** What may be done with the task now. */
  readonly actions: readonly TaskAction[];
}

export type TaskAction = "cancel" | "pause" | "resume" | "retry";

export interface NodeLive {
  readonly nodeId: string;
  readonly state: NodeState;
  /** Where it runs, or why it does not, in words; one for each shard, fewer if they are the same. */
  readonly explain: readonly string[];
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** The number of its attempts, over all shards. */
  readonly attempts: number;
  /** Attempts that failed as a whole. */
  readonly failures: number;
  readonly batches: BatchCounts;
  /** Batches per second since it started. Absent before. */
  readonly rate?: number;
  readonly progress?: { readonly done: number; readonly total?: number };
  readonly failure?: Failure;
  readonly lostWorkers?: readonly string[];
  /** It waits for a signal: since when, and until when if its time is limited. */
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
  /** Artifacts that `from` has stored. */
  readonly stored: number;
  /** How many of them `to` has processed. Absent if it does not read them one by one. */
  readonly read?: number;
  /** `stored - read`. */
  readonly backlog?: number;
}

/** What each event of `GET /api/tasks/:task/stream` has as JSON in its `data`. */
export interface TaskEvents {
  /** First, and whenever missed changes are not known any more. */
  readonly snapshot: TaskLive;
  /**
   * What has changed: `nodes` and `edges` list only those that have, and replace the earlier ones with the same ids. All
   * other fields are complete, so an absent one is absent now.
   */
  readonly change: TaskLive;
  /** The task has ended, and nothing more follows; close the stream, or the browser opens it again. */
  readonly end: { readonly at: number };
}

// ---- graphs

export interface GraphView {
  readonly name?: string;
  readonly nodes: readonly GraphNodeView[];
  readonly edges: readonly GraphEdgeView[];
  /** The graph as JSON, of at most 1 MiB. */
  readonly source?: JsonObject;
}

export interface GraphNodeView {
  readonly id: string;
  /** The name of its handler, coordinator function, or flow. */
  readonly type: string;
  readonly kind: "source" | "handler" | "function" | "flow" | "wait";
  readonly partitions: number;
  /** Its failure does not fail the task. */
  readonly optional: boolean;
  /** In words: "retries 3 times, after 1 s, 2 s, 4 s". */
  readonly settings: readonly Setting[];
}

export interface Setting {
  /** A few words: "retries", "time limit of an attempt". */
  readonly name: string;
  readonly text: string;
}

export interface GraphEdgeView {
  readonly from: string;
  readonly to: string;
  /** `stream`: `to` starts with the first batch; `data`: it reads `from` once that has finished; `order`: it only waits. */
  readonly kind: "stream" | "data" | "order";
  /** The condition of the edge in words, such as "kind is 'refund'". */
  readonly label?: string;
}

// ---- a task's history

/** One state of one shard of a node, from when to when. */
export interface Span {
  readonly nodeId: string;
  readonly shard: number;
  readonly epoch: number;
  readonly state: NodeState;
  readonly from: number;
  /** Absent while it lasts. */
  readonly to?: number;
  /** What began it: `dispatch`, `claim`, `fail`, `expire`, ... */
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
  /** Transitions that the store does not keep any more, since it keeps the newest 50 of each shard. */
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
  /** Present always: to read what happens next. `hasMore` says whether there is something now. */
  readonly cursor: string;
  readonly hasMore: boolean;
}

// ---- a node

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
  /** Of the batch that failed the node. */
  readonly failedInput?: InputView;
  /** The JSON Schema of the signal that it waits for. */
  readonly signalSchema?: JsonObject;
  /** What may be done with the node now. */
  readonly actions: readonly NodeAction[];
}

export type NodeAction = "signal" | "retryBatches";

/** JSON Schemas, as far as the graph has them. */
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
  /** Of the last failed attempt only. */
  readonly failure?: Failure;
}

/** One of `value`, `start`, `missing`. */
export interface InputView {
  readonly value?: Json;
  /** The first characters of a value whose JSON is too long, and its length. */
  readonly start?: string;
  readonly length?: number;
  /** Why it is not known, in words. */
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
  /** Present if more follow. A node that runs may store more after the last page. */
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

export interface BatchRef {
  readonly nodeId: string;
  readonly shard: number;
  readonly seq: number;
  /** Known once its log was read. */
  readonly uid?: string;
}

/** What a batch was made of, and what was made of it. */
export interface Lineage {
  readonly batch: BatchRef;
  /** The nearest first. */
  readonly up: readonly LineageStep[];
  /** By the order of the graph. */
  readonly down: readonly LineageStep[];
  /** Logs were longer than what is searched, or have been dropped: there may be more. */
  readonly incomplete: boolean;
}

export interface LineageStep extends BatchRef {
  /** The batch that it hangs on: of `up` the one made from it, of `down` the one that it was made from. */
  readonly via: Omit<BatchRef, "uid">;
  readonly failed: boolean;
}

// ---- flows and workers

export interface FlowRow {
  readonly name: string;
  /** Of the version in a file that the studio was given; otherwise of the newest task. */
  readonly hash: string;
  /** `file`: one of the files that the studio was given exports it. `store`: only tasks of it are known. */
  readonly origin: "file" | "store";
  readonly file?: string;
  readonly nodes: number;
  readonly paused: boolean;
  readonly lastRun?: FlowRun;
  /** Of a flow from a file: whether it is the version that ran last. */
  readonly changed?: boolean;
}

export interface FlowRun {
  readonly taskId: string;
  readonly createdAt: number;
  readonly state: StoredTaskState | "paused";
  readonly hash: string;
}

/** Flows of files first, then those of the newest tasks, by name. */
export interface FlowList {
  readonly items: readonly FlowRow[];
}

export interface FlowDetail extends FlowRow {
  readonly graph: GraphView;
  /** The JSON Schema of its parameters, to make a form of. Absent if it takes none. */
  readonly paramsSchema?: JsonObject;
  /** `POST /api/tasks` may start it. */
  readonly canStart: boolean;
  /** From the last version that ran to that of the file. Absent if it is the same, or has not run. */
  readonly diff?: FlowDiff;
}

export interface FlowDiff {
  /** Data of running tasks would not fit. */
  readonly compatible: boolean;
  readonly changes: readonly FlowChange[];
}

export interface FlowChange {
  readonly kind: "added" | "removed" | "changed" | "incompatible";
  /** "node clean", "edge read -> clean", or the message of an incompatibility. */
  readonly what: string;
  /** Of `changed`: the JSON pointer, and both values as JSON, shortened. */
  readonly path?: string;
  readonly before?: string;
  readonly after?: string;
}

export interface WorkerList {
  readonly items: readonly {
    readonly id: string;
    readonly types: readonly string[];
    readonly capacity: number;
    readonly running: number;
  }[];
}

// ---- actions

export interface StartRequest {
  /** The name of a flow whose `canStart` is true. */
  readonly flow: string;
  readonly params?: JsonObject;
  readonly idempotencyKey?: string;
  /** -100 to 100. */
  readonly priority?: number;
  readonly notBefore?: number;
}

export interface Started {
  readonly taskId: string;
}

export interface CancelRequest {
  readonly reason?: string;
}

export interface RetryBatchesRequest {
  /** Of its failed batches; 1 to 1000. Absent: all of them. */
  readonly uids?: readonly string[];
}

export interface SignalRequest {
  readonly payload: Json;
}

/** `already`: it was done before, or another signal was first; `terminal`: the task has ended or is ending. */
export interface Outcome {
  readonly outcome: "recorded" | "accepted" | "already" | "terminal";
}

// ---- reports

/**
 * What a file made by `flowkit report` or `flowkit graph` has as `<script type="application/json" id="flowkit-report">`.
 * A page that has it sends no request, and offers no action.
 */
export type StudioReport = RunReport | GraphReport;

export interface RunReport {
  readonly kind: "run";
  readonly info: StudioInfo;
  readonly task: TaskDetail;
  readonly timeline: Timeline;
  /** All that are known, or the newest if there are too many. */
  readonly events: readonly TaskEventRow[];
  /** By node id. */
  readonly nodes: Readonly<Record<string, ReportNode>>;
  /** What was left out so that the file stays small, in words. */
  readonly omitted: readonly string[];
}

export interface ReportNode {
  readonly detail: NodeDetail;
  /** The first ones. */
  readonly artifacts: ArtifactPage;
  readonly failedBatches: FailedBatchPage;
}

export interface GraphReport {
  readonly kind: "graph";
  readonly graph: GraphView;
  readonly hash: string;
}
