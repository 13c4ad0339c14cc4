import type { $ZodType } from "zod/v4/core";
import type { JsonObject } from "../errors/index.ts";
import type { Metrics, StoredArtifact } from "./handler.ts";
import type { Logger } from "./logger.ts";

/** Access to the task's variables for a coordinator function. */
export interface VarsAccess {
  /** The current variables. */
  get(): Promise<JsonObject>;
  /**
   * Replaces the variables by `change(current)`, atomically and once per node: `change` is called again if another node
   * wrote in between, and not at all if this node's update was already stored by an earlier attempt. Each call receives
   * a copy, which it may change and return; a result that is not a JSON object fails with `schema_mismatch`.
   *
   * @throws TypeError at a second call: combine the updates
   */
  update(change: (current: JsonObject) => JsonObject): Promise<void>;
}

/** The context of a coordinator function. */
export interface CoordinatorFunctionContext<TArgs = unknown> {
  readonly taskId: string;
  readonly nodeId: string;
  readonly args: TArgs;
  readonly vars: VarsAccess;
  /** The artifacts of a finished upstream node, in (shard, seq) order. */
  artifacts(nodeId: string): AsyncIterable<StoredArtifact>;
  /** The metrics that a finished node's `finalize` recorded, summed over its shards. */
  finalizeMetrics(nodeId: string): Promise<Metrics>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** A function that runs inside a coordinator (`type: "coordinator_fn"`): for bookkeeping, not for heavy work. */
export interface CoordinatorFunctionDefinition {
  readonly kind: "coordinatorFn";
  readonly name: string;
  /** Its arguments, as in `io.fn_args`. */
  readonly args: $ZodType;
  /** The arguments that contain a node id, or a list of them: in a subflow, they get its prefix. */
  readonly nodeArgs?: readonly string[];
  readonly output: $ZodType;
  /** Its own reason codes. */
  readonly errors?: readonly string[];
  /** Returns the node's output, or a promise of it. It may run again after a crash. */
  run(ctx: CoordinatorFunctionContext): unknown;
}
