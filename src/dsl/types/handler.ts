import type { Absent } from "../../builtins/node-records.ts";
import type {
  AttemptContext,
  BatchContext,
  ErrorClass,
  FinalizeContext,
  SourceBatch,
} from "../../definitions/index.ts";
import type { CoreReasonCode } from "../../errors/index.ts";
import type { MessageText } from "../../graph/format/messages.ts";
import type { WithHint } from "../../graph/format/near-name.ts";
import type { WrongOption } from "../model/markers.ts";
import type {
  AnySchema,
  AnyValue,
  Decoded,
  EncodableSchema,
  Encoded,
  NoArgs,
  NoInput,
  NoResult,
  Wire,
} from "../model/schema.ts";
import type { memberSynonyms } from "../rules/definition/check.ts";
import type { JsonSchema, ReadSchema } from "../rules/definition/types.ts";
import type { SuggestedInput } from "../rules/suggestion/types.ts";

type Awaitable<T> = T | Promise<T>;

// The payload of one batch in handler code: what `input` decodes to. Without `input`, the payload of a source is its
// output, and a handler that is not a source gets the node's arguments, as one batch.
type PayloadOf<
  TInput extends AnySchema,
  TOutput extends AnySchema,
  TArgs extends AnySchema,
  TGiven,
> = "input" extends TGiven ? Decoded<TInput> : "iterBatches" extends TGiven ? Decoded<TOutput> : Wire<TArgs>;

// The payload of a batch that `iterBatches` yields. While `TInput` is open it counts as `AnyValue`, which makes the
// compiler keep the literals that are yielded.
type YieldedOf<TInput extends AnySchema, TOutput extends AnySchema> = TInput extends NoInput
  ? Decoded<TOutput>
  : AnySchema extends TInput
    ? AnyValue
    : Decoded<TInput>;

// What `processBatch` returns; `AnyValue` while `TOutput` is open, for the same reason. As a constraint, it would be
// compared with the decoded output of each handler.
type ReturnedOf<TOutput extends AnySchema> = EncodableSchema extends TOutput ? AnyValue : Decoded<TOutput>;

/**
 * The argument of {@link defineHandler}. Members may be in any order; methods may be synchronous or asynchronous. Not
 * an interface, for the reason given at `NodeOptions`.
 */
export type HandlerOptions<
  TName extends string,
  TInput extends AnySchema,
  TOutput extends AnySchema,
  TResult extends AnySchema,
  TArgs extends AnySchema,
  TErrors extends string,
  TLoaded,
  TGiven,
  TSuggested,
  TServices,
> = {
  /** The payload of ONE batch. Without it the handler is a source, which produces its own batches. */
  readonly input?: ReadSchema<TInput, TName, "input">;
  /** The output of ONE batch. It is stored, so its wire type must be JSON (use `z.codec` for a `Date`). */
  readonly output: JsonSchema<TOutput, Encoded<TOutput>, TName, "output">;
  /** Static arguments of the node, written to the graph unchanged. */
  readonly args?: JsonSchema<TArgs, Wire<TArgs>, TName, "args">;
  /** The result of `finalize`. */
  readonly result?: JsonSchema<Exclude<TResult, NoResult>, Encoded<TResult>, TName, "result">;
  /** Reason codes that it declares; `retry.permanentOn` may name them. */
  readonly errors?: readonly TErrors[];
  /**
   * `false`: a retry restarts the node's output instead of continuing after the last stored batch.
   *
   * @defaultValue true
   */
  readonly resumable?: boolean;
  /**
   * How many batches of one attempt are processed concurrently, for handlers that wait for a service or a disk. Their
   * outputs are still stored in the order of the batches.
   *
   * @defaultValue 1
   */
  readonly concurrency?: number;
  /**
   * Its effects outside the engine: `"reads"` reads from other systems, such as a website or a database; `"writes"` also
   * changes them. It is for documentation and for `flowkit lint`, and does not affect how the handler runs.
   */
  readonly external?: "reads" | "writes";
  /**
   * How the outputs of parents become its payloads on a node without `input`: the same as `input` of a node, without
   * `from`.
   */
  readonly inputAdapter?: SuggestedInput<TName, Wire<TInput>, TSuggested>;
  /**
   * Runs once per worker, before the first attempt: opens a connection pool, loads a model. Its return value is
   * `ctx.services` in all methods. If it throws, the attempt fails and is retried. Handlers with the same `setup` and
   * `teardown` functions share what it returns.
   */
  readonly setup?: () => Awaitable<TServices>;
  /** Runs when the worker stops, after its attempts have ended, with what `setup` returned; last set up first. */
  readonly teardown?: (services: NoInfer<TServices>) => unknown;
  /**
   * Runs once per attempt, before the first batch. Its return value is `ctx.loaded` in the methods written AFTER it
   * (the compiler reads them in order; before it, `ctx.loaded` is `unknown`). A `loadInput` without parameters, or with
   * explicit types for them, may be written anywhere.
   */
  readonly loadInput?: (args: Decoded<TArgs>, ctx: AttemptContext<Decoded<TArgs>, unknown, TServices>) => TLoaded;
  /** Produces the batches of a source. */
  readonly iterBatches?: (
    args: Decoded<TArgs>,
    ctx: AttemptContext<Decoded<TArgs>, Awaited<TLoaded>, TServices>,
  ) => AsyncIterable<SourceBatch<YieldedOf<TInput, TOutput>>> | Iterable<SourceBatch<YieldedOf<TInput, TOutput>>>;
  /**
   * Turns one batch into one output. A source may leave it out: the payload is then the output. It runs at least once
   * per batch; its stored output counts exactly once.
   */
  readonly processBatch?: (
    payload: PayloadOf<TInput, TOutput, TArgs, TGiven>,
    ctx: BatchContext<Decoded<TArgs>, Awaited<TLoaded>, TServices>,
  ) => Awaitable<ReturnedOf<TOutput>>;
  /** Runs after the last batch; returns the node's `result`. */
  readonly finalize?: (
    ctx: FinalizeContext<Decoded<TArgs>, Awaited<TLoaded>, Decoded<TOutput>, TServices>,
  ) => Awaitable<Decoded<TResult>>;
  /** Classifies an error that one of its methods threw; `undefined` leaves it to the engine. */
  readonly classifyError?: (error: unknown) => ErrorClass<NoInfer<TErrors> | CoreReasonCode> | undefined;
};

// The keys of {@link HandlerOptions}, to infer which were given; only `iterBatches` affects types.
type HandlerKey = keyof HandlerOptions<
  string,
  NoInput,
  AnySchema,
  NoResult,
  NoArgs,
  string,
  unknown,
  never,
  Absent,
  unknown
>;

/**
 * A method that was given, without `undefined`: only if the expected type is nothing but a function does the compiler look
 * into an arrow function and underline the wrong part of what it returns.
 *
 * The name after `as` keeps the compiler from inferring the types of parameters from here. A name that depends on the key
 * of the mapped type, such as a template, would be instantiated each time the type is read.
 */
export type WrittenMethods<TOptions extends Methods, TProcessBatch extends string, TFinalize extends string> = {
  readonly [_ in TProcessBatch as TProcessBatch]: TOptions["processBatch"] & {};
} & { readonly [_ in TFinalize as TFinalize]: TOptions["finalize"] & {} };

interface Methods {
  readonly processBatch?: unknown;
  readonly finalize?: unknown;
}

/** Infers which members were written, and has a message at each unknown one; see `WrittenOptions`. */
export type WrittenMembers<TGiven extends PropertyKey, TName> = { readonly [TKey in TGiven]?: unknown } & {
  readonly [TKey in Exclude<TGiven, HandlerKey>]?: WrongOption<
    WithHint<
      MessageText<"handlerMember", { handler: TName; member: TKey }>,
      TKey & string,
      HandlerKey,
      typeof memberSynonyms
    >
  >;
};
