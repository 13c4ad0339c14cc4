import type { $ZodType, output } from "zod/v4/core";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { SensitiveDetector } from "./sensitive-values.ts";

/** Of a coordinator function's context, what the built-in ones use. */
export interface FunctionContext<TArgs = unknown> {
  readonly nodeId: string;
  readonly args: TArgs;
  readonly vars: { update(change: (current: JsonObject) => JsonObject): Promise<void> };
  artifacts(nodeId: string): AsyncIterable<{ readonly meta: Json; readonly metrics: Metrics }>;
  finalizeMetrics(nodeId: string): Promise<Metrics>;
  readonly signal: AbortSignal;
  readonly logger: { info(fields: object, message?: string): void };
}

interface Metrics {
  readonly [name: string]: number;
}

export interface FunctionOptions {
  readonly detectSensitive: SensitiveDetector;
}

/** A coordinator function that comes with the engine: all that graph checks, builder, codegen and engine know of it. */
export interface BuiltInFunction<TArgs extends $ZodType = $ZodType> {
  /**
   * Of `fn_args`. Shapes only: the limits on variables concern values that may come from parameters, so they are judged
   * when the function runs.
   */
  readonly args: TArgs;
  readonly output: $ZodType;
  /** Its arguments have no names of their own: any are taken, as they are written. */
  readonly takesAny?: true;
  /** The argument with the nodes that it reads: a list of ids, or one id. */
  readonly reads?: { readonly arg: string; readonly isList: boolean };
  /** The argument with keys of ours inside, of which one is the id of the function's own node. */
  readonly ownId?: { readonly arg: string; readonly key: string };
  /** The argument that may be a parameter, or only hold some. */
  readonly open?: { readonly arg: string; readonly whole: boolean };
  /** Does the work and returns the node's output, or a promise of it. It may run again after a crash. */
  run(ctx: FunctionContext<output<TArgs>>, options: FunctionOptions): unknown;
}

/** Its argument types follow from the schema. */
export function builtIn<TArgs extends $ZodType>(fn: BuiltInFunction<TArgs>): BuiltInFunction<TArgs> {
  return fn;
}
