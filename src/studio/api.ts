import type { GraphView } from "./api-graphs.ts";
import type { ArtifactPage, FailedBatchPage, LogPage, NodeDetail, TaskEventRow, Timeline } from "./api-nodes.ts";
import type { Json, JsonObject, ParentRef, TaskLive } from "./api-tasks.ts";

export type * from "./api-graphs.ts";
export type * from "./api-nodes.ts";
export type * from "./api-tasks.ts";

/*
 * The JSON API of the studio, shared by its server and its page. These files import nothing else, so that the page can be
 * compiled without the engine.
 *
 * Ids and cursors are strings; cursors are opaque. Times are milliseconds since 1970, by the store's clock. States are
 * those of the store. A field that does not apply is absent, never null.
 *
 * | request | answer |
 * |---|---|
 * | `GET /api/info` | {@link StudioInfo} |
 * | `POST /api/session` {@link SessionRequest} | 204, and a cookie; needed only if `GET /api/info` answers 401 |
 * | `GET /api/tasks?flow&state&text&since&until&children&cursor&limit` | {@link TaskPage} |
 * | `GET /api/stream?flow&state&text&since&until&children` | server-sent events: {@link ListEvents} |
 * | `GET /api/waiting?task` | {@link WaitingList} |
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
 * | `GET /api/tasks/:task/nodes/:node/logs?cursor&limit` | {@link LogPage}, the oldest first |
 * | `GET /api/tasks/:task/nodes/:node/lineage?shard&seq` | {@link Lineage} |
 * | `POST /api/tasks/:task/nodes/:node/retry-batches` {@link RetryBatchesRequest} | 201 {@link Started} |
 * | `POST /api/tasks/:task/nodes/:node/signal` {@link SignalRequest} | {@link Outcome} |
 * | `GET /api/flows` | {@link FlowList} |
 * | `GET /api/flows/:flow` | {@link FlowDetail} |
 * | `POST /api/flows/:flow/pause`, `.../resume` `{}` | {@link Outcome} |
 * | `GET /api/workers` | {@link WorkerList} |
 *
 * `limit` is 1 to 200, 50 by default. `state` may be repeated, and so may `task`, up to 100 times. `children` is `all`,
 * or the id of the task whose nodes run them; without it, child tasks are left out. Each POST has `content-type:
 * application/json` and a body of at most 1 MiB. Every error is {@link ApiError}, with a status of 400 or more.
 */

/** `code` is stable; `message` is for people. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
}

export interface StudioInfo {
  /** The version of FlowKit. */
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
  /** Which of its failed batches; 1 to 1000. Absent: all of them. */
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
 * The content of `<script type="application/json" id="flowkit-report">` in a file made by `flowkit report` or `flowkit
 * graph`. A page with it sends no requests and offers no actions.
 */
export type StudioReport = RunReport | GraphReport;

export interface RunReport {
  readonly kind: "run";
  readonly info: StudioInfo;
  readonly task: TaskDetail;
  readonly timeline: Timeline;
  /** All known events, or the newest if there are too many. */
  readonly events: readonly TaskEventRow[];
  /** By node id. */
  readonly nodes: Readonly<Record<string, ReportNode>>;
  /** What was left out to keep the file small, as text. */
  readonly omitted: readonly string[];
}

export interface ReportNode {
  /** The other fields are in the task. */
  readonly detail: Omit<NodeDetail, "live" | "settings">;
  /** The first artifacts. */
  readonly artifacts: ArtifactPage;
  readonly failedBatches: FailedBatchPage;
  /** The newest lines. */
  readonly logs: LogPage;
}

export interface GraphReport {
  readonly kind: "graph";
  readonly graph: GraphView;
  readonly hash: string;
}
