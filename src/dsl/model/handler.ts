import type { Absent } from "../../builtins/node-records.ts";
import type { HandlerDefinition } from "../../definitions/index.ts";
import type { Suggested } from "./adapter.ts";

/**
 * What the compiler knows of a handler: resolved types, not schemas. They are short to print, and reading one is one
 * property access instead of a comparison of zod's own types.
 */
export interface HandlerTypes<
  TInput,
  TOutput,
  TResult,
  TArgs,
  TErrors extends string,
  TSource extends boolean,
  TSuggested,
> {
  /** Payload of one batch as it travels; absent for a source. */
  readonly input: TInput;
  /** What one batch stores. */
  readonly output: TOutput;
  /** What `finalize` returns, as it is stored; absent when none is declared. */
  readonly result: TResult;
  /** Static arguments as they stand in the graph. */
  readonly args: TArgs;
  /** Its own reason codes. */
  readonly errors: TErrors;
  /** Whether it makes its own batches. */
  readonly source: TSource;
  /** The input adapter that it suggests, as it was written; absent when it suggests none. */
  readonly suggested: TSuggested;
}

/** A handler with its types. The engine takes it as the {@link HandlerDefinition} that it is at run time. */
export interface Handler<
  TName extends string,
  TInput,
  TOutput,
  TResult,
  TArgs,
  TErrors extends string,
  TSource extends boolean,
  TSuggested,
> extends HandlerDefinition {
  readonly name: TName;
  /** Types only: `typeof clean.$infer.output`. There is no value behind it. */
  readonly $infer: HandlerTypes<TInput, TOutput, TResult, TArgs, TErrors, TSource, TSuggested>;
}

/** Any handler, for constraints: only what the checks read, so that comparing with it is cheap. */
export interface AnyHandler {
  readonly name: string;
  readonly $infer: HandlerTypes<unknown, unknown, unknown, unknown, string, boolean, Suggested | Absent>;
}

export type InputOf<THandler extends AnyHandler> = THandler["$infer"]["input"];

export type ArgsOf<THandler extends AnyHandler> = THandler["$infer"]["args"];
