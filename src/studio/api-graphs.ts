import type { JsonObject, StoredTaskState, Waiting } from "./api-tasks.ts";

/* The part of the JSON API about graphs and flows; see `api.ts`. */

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

export interface FlowRow {
  readonly name: string;
  /** The hash of the version in a file that the studio was given; otherwise of the newest task. */
  readonly hash: string;
  /** `file`: one of the files that the studio was given exports it. `store`: known only from its tasks. */
  readonly origin: "file" | "store";
  readonly file?: string;
  readonly nodes: number;
  readonly paused: boolean;
  readonly lastRun?: FlowRun;
  /** For a flow from a file: whether it differs from the version that ran last. */
  readonly changed?: boolean;
}

export interface FlowRun {
  readonly taskId: string;
  readonly createdAt: number;
  readonly state: StoredTaskState | "paused";
  readonly waiting?: Waiting;
  readonly hash: string;
}

/** Flows of files first, then those of the newest tasks, by name. */
export interface FlowList {
  readonly items: readonly FlowRow[];
}

export interface FlowDetail extends FlowRow {
  readonly graph: GraphView;
  /** The JSON Schema of its parameters, for a form. Absent if it has none. */
  readonly paramsSchema?: JsonObject;
  /** `POST /api/tasks` may start it. */
  readonly canStart: boolean;
  /** From the version that ran last to the version in the file. Absent if they are the same, or if it has not run. */
  readonly diff?: FlowDiff;
}

export interface FlowDiff {
  /** Whether data of running tasks would fit. */
  readonly compatible: boolean;
  readonly changes: readonly FlowChange[];
}

export interface FlowChange {
  readonly kind: "added" | "removed" | "changed" | "incompatible";
  /** "node clean", "edge read -> clean", or the message of an incompatibility. */
  readonly what: string;
  /** For `changed`: the JSON pointer, and both values as JSON, shortened. */
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
