import type { $ZodType } from "zod/v4/core";
import type { JsonObject } from "../errors/index.ts";
import type { Metrics, StoredArtifact } from "./handler.ts";
import type { Logger } from "./logger.ts";

/** The task's variables as a coordinator function sees them. */
export interface VarsAccess {
  /** The variables as they are now. */
  get(): Promise<JsonObject>;
  /**
   * Replaces the variables by `change(current)`, atomically and once a node: `change` may be called again when
   * another node wrote in between, and is not called at all when this node's change was stored by an earlier attempt.
   * Each call gets a copy, which it may change and return; one that returns no JSON object fails with `schema_mismatch`.
   *
   * @throws TypeError at a second call: make one change of both
   */
  update(change: (current: JsonObject) => JsonObject): Promise<void>;
}

/** What a coordinator function may know and do. */
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
  /** Its arguments, as they stand in `io.fn_args`. */
  readonly args: $ZodType;
  /** Which of its arguments hold a node id, or a list of them: a flow that uses another one gives its nodes other ids. */
  readonly nodeArgs?: readonly string[];
  readonly output: $ZodType;
  /** Its own reason codes. */
  readonly errors?: readonly string[];
  /** Does the work and returns the node's output, or a promise of it. It may run again after a crash. */
  run(ctx: CoordinatorFunctionContext): unknown;
}
