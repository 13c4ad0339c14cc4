import type { Absent } from "../../builtins/node-records.ts";
import type { HandlerDefinition } from "../../definitions/index.ts";
import type { Suggested } from "./adapter.ts";
import type { NotPrinted, Printable, Printed } from "./unprinted.ts";

/**
 * What the compiler knows about a handler: resolved types instead of schemas. They print briefly, and reading one is a
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
  TServices = unknown,
> {
  /** Payload of one batch in its JSON form; absent for a source. */
  readonly input: TInput;
  /** The stored output of one batch. */
  readonly output: TOutput;
  /** The stored result of `finalize`; absent if none is declared. */
  readonly result: TResult;
  /** Static arguments as they are written in the graph. */
  readonly args: TArgs;
  /** The reason codes that it declares. */
  readonly errors: TErrors;
  /** Whether it has `iterBatches`. */
  readonly source: TSource;
  /** The input adapter that it suggests, as it was written; absent if it suggests none. */
  readonly suggested: TSuggested;
  /** What its `setup` returns; `undefined` without one. */
  readonly services: TServices;
}

/** A handler with its types. At run time it is a {@link HandlerDefinition}. */
export interface TypedHandler<
  TName extends string,
  TInput,
  TOutput,
  TResult,
  TArgs,
  TErrors extends string,
  TSource extends boolean,
  TSuggested,
  TServices = undefined,
> extends HandlerDefinition,
    Printable {
  readonly name: TName;
  /** Types only, such as `typeof clean.$infer.output`; the property does not exist at run time. */
  readonly $infer: HandlerTypes<TInput, TOutput, TResult, TArgs, TErrors, TSource, TSuggested, TServices>;
}

/* Not exported: see `NotPrinted`. */
type Handler<_TName, TUnprinted> = TUnprinted & Printed;

/** A handler, as a property, for the reason given at `FlowOf`: it prints as `Handler<"clean", never>`. */
export interface Shown<TName, THandler> {
  readonly handler: Handler<TName, THandler & NotPrinted>;
}

/**
 * Any handler, as a constraint for helpers that are generic over a handler. It has only what the checks read, so that
 * comparisons are cheap.
 */
export interface AnyHandler extends Printable {
  readonly name: string;
  readonly $infer: HandlerTypes<unknown, unknown, unknown, unknown, string, boolean, Suggested | Absent>;
}

/** The same for users, with everything that an argument of `.node()` needs. */
export type AnyShownHandler = Shown<string, AnyHandler>["handler"];

/** The payload of one batch of a handler, as JSON; `Absent` if it declares no input. */
export type InputOf<THandler extends AnyHandler> = THandler["$infer"]["input"];

/** The stored output of one batch of a handler. */
export type OutputOf<THandler extends AnyHandler> = THandler["$infer"]["output"];

/** The stored result of a handler's `finalize`; `Absent` if it declares none. */
export type ResultOf<THandler extends AnyHandler> = THandler["$infer"]["result"];

/** The arguments of a handler as they are written in a flow. */
export type ArgsOf<THandler extends AnyHandler> = THandler["$infer"]["args"];
