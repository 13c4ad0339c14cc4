import type { Json, JsonObject } from "../../errors/index.ts";

/** How many parents must be satisfied before a node starts. */
export type FanIn = "all" | "any" | `count:${number}`;
/** What satisfies a node: its parents finished, or their first batch is there. */
export type StartWhen = "ready" | "first_batch";

/** `io.input_inline`: `input_adapter` and `input_args` are the routing, every other key is the handler's own argument. */
export interface InputInline {
  readonly input_adapter?: string;
  readonly input_args?: JsonObject;
  readonly [handlerArgument: string]: Json | undefined;
}

/** What a node reads, when it starts, and, of a coordinator function, what it runs: the `io` of the graph JSON. */
export interface NodeIo {
  readonly start_when?: StartWhen;
  readonly input_inline?: InputInline;
  /** Coordinator function and its arguments; only with `type: "coordinator_fn"`. */
  readonly fn?: string;
  readonly fn_args?: JsonObject;
  readonly max_pending_batches?: number;
}

/** When and how often a failed attempt is repeated; what is absent has the value of `retryDefaults`. Times in seconds. */
export interface RetryPolicy {
  readonly max?: number;
  readonly backoff_sec?: number;
  readonly permanent_on?: readonly string[];
  readonly backoff_factor?: number;
  readonly backoff_max_sec?: number;
  readonly jitter?: number;
}

/** A node of the graph JSON. */
export interface GraphNode {
  readonly node_id: string;
  /** The handler type (worker role), or `coordinator_fn`. */
  readonly type: string;
  readonly depends_on: readonly string[];
  readonly fan_in?: FanIn;
  readonly io?: NodeIo;
  readonly retry_policy?: RetryPolicy;
  readonly partitions?: number;
  readonly timeout_sec?: number;
  readonly limits?: JsonObject;
}

/** Wire schemas of a handler type, as JSON Schema. */
export interface TypeSchemas {
  readonly args?: JsonObject;
  readonly input?: JsonObject;
  readonly output?: JsonObject;
}

/** The graph JSON after validation: aliases written out, `depends_on` and `edges` both there and in agreement. */
export interface Graph {
  readonly schema_version: "1.0";
  readonly name?: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly (readonly [from: string, to: string])[];
  readonly params_schema?: JsonObject;
  readonly schemas?: { readonly [type: string]: TypeSchemas };
}

/** Node type of a coordinator function. */
export const coordinatorFnType = "coordinator_fn";
