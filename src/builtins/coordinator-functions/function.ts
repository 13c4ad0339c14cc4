import type { $ZodType, output } from "zod/v4/core";
import { type CoreReasonCode, type Json, type JsonObject, PermanentError } from "../../errors/index.ts";

/** The part of a coordinator function's context that the built-in functions use. */
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

/**
 * Checks one string of a value that `block_sensitive` protects.
 *
 * @example
 * const detect: SensitiveDetector = (text) => (/^cust_/.test(text) ? "a customer key" : undefined)
 * detect("cust_123") // "a customer key"
 *
 * @returns what the text looks like, for use in a sentence, without the value, since it is stored and shown;
 * `undefined` if it is harmless
 */
export type SensitiveDetector = (text: string) => string | undefined;

export interface FunctionOptions {
  readonly detectSensitive: SensitiveDetector;
}

/** A built-in coordinator function: everything that graph checks, builder, codegen and engine know about it. */
export interface BuiltInFunction<TArgs extends $ZodType = $ZodType> {
  /**
   * The schema of `fn_args`. Shapes only: the limits on variables apply to values that may come from parameters, so
   * they are checked when the function runs.
   */
  readonly args: TArgs;
  readonly output: $ZodType;
  /** Its arguments have no fixed names: any are accepted, as written. */
  readonly takesAny?: true;
  /** The argument that names the nodes it reads: a list of ids, or one id. */
  readonly reads?: { readonly arg: string; readonly isList: boolean };
  /** The argument whose keys include the id of the function's own node. */
  readonly ownId?: { readonly arg: string; readonly key: string };
  /** The JSON Schema of its output, if its arguments contain it. */
  readonly outputOf?: (args: JsonObject) => JsonObject;
  /** It has the status `deferred` until its task receives a signal, which the coordinator stores as its output. */
  readonly awaitsSignal?: true;
  /** The argument that may be or contain parameters. */
  readonly open?: { readonly arg: string; readonly whole: boolean };
  /** Returns the node's output, or a promise of it. It may run again after a crash. */
  run(ctx: FunctionContext<output<TArgs>>, options: FunctionOptions): unknown;
}

/** Infers the argument types from the schema. */
export function builtIn<TArgs extends $ZodType>(fn: BuiltInFunction<TArgs>): BuiltInFunction<TArgs> {
  return fn;
}

/** Arguments that fail in every retry. The message contains paths and limits but no values: it is stored and shown. */
export function badFnArgs(message: string, options?: ErrorOptions): PermanentError {
  return new PermanentError("bad_fn_args" satisfies CoreReasonCode, message, options);
}
