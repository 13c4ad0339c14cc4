import type { Absent } from "../../builtins/node-records.ts";
import type {
  AttemptContext,
  BatchContext,
  ErrorClass,
  FinalizeContext,
  SourceBatch,
} from "../../definitions/index.ts";
import type { CoreReasonCode } from "../../errors/index.ts";
import type { Say, zodSchema } from "../../graph/format/messages.ts";
import type { AnySchema, Decoded, DecodedOr, ReturnSchema, WireOr } from "../model/schema.ts";
import type { JsonSchema, ReadSchema } from "../rules/definition/types.ts";
import type { SuggestedInput } from "../rules/suggestion/types.ts";

type Awaitable<T> = T | Promise<T>;

/**
 * Payload of one batch in handler code: what `input` decodes to. Without `input`, a source's payload is its output, and
 * a handler that isn't a source gets the node's arguments, as one batch.
 */
type PayloadOf<TInput, TOutput extends AnySchema, TArgs, TGiven> = TInput extends AnySchema
  ? Decoded<TInput>
  : "iterBatches" extends TGiven
    ? Decoded<TOutput>
    : WireOr<TArgs, {}>;

/**
 * What {@link defineHandler} takes. Members may stand in any order; methods may be synchronous or not.
 * No interface, for the reason of `NodeOptions`.
 */
export type HandlerOptions<
  TName extends string,
  TInput,
  TOutput extends AnySchema,
  TResult,
  TArgs,
  TErrors extends string,
  TLoaded,
  TGiven,
  TSuggested,
> = {
  /** Payload of ONE batch. Left out: the handler is a source, which makes its own batches. */
  readonly input?: TInput extends AnySchema
    ? ReadSchema<TInput, Say<"handlerMemberType", { handler: TName; member: "input"; needs: typeof zodSchema }>>
    : TInput;
  /** What ONE batch produces; it is stored, so its wire type must be JSON (use `z.codec` for a `Date`). */
  readonly output: JsonSchema<TOutput, TName, "output">;
  /** Static arguments of the node; they stand in the graph as they are. */
  readonly args?: TArgs extends AnySchema ? JsonSchema<TArgs, TName, "args"> : TArgs;
  /** What `finalize` returns. */
  readonly result?: TResult extends AnySchema ? JsonSchema<TResult, TName, "result"> : TResult;
  /** Reason codes of its own; `retry.permanentOn` may name them. */
  readonly errors?: readonly TErrors[];
  /**
   * `false`: a retry starts the node's output over instead of going on after the last stored batch.
   *
   * @defaultValue true
   */
  readonly resumable?: boolean;
  /**
   * How many batches of one attempt are processed at once, for handlers that wait: for a service, a disk. What they
   * produce is stored in the order of the batches all the same.
   *
   * @defaultValue 1
   */
  readonly concurrency?: number;
  /**
   * What it does outside of the engine: `"reads"` asks others, such as a site or a database, `"writes"` changes something
   * there too. Nothing runs differently for it: it is for readers, and for `flowkit lint`.
   */
  readonly external?: "reads" | "writes";
  /**
   * How the outputs of its parents become its payloads where a node names no adapter: what a node says in `input`,
   * without `from`.
   */
  readonly inputAdapter?: SuggestedInput<TName, TInput, TSuggested>;
  /** Runs once a worker, before the first attempt. */
  init?(): Awaitable<void>;
  /**
   * Runs once an attempt, before the first batch. What it returns is `ctx.loaded` in the methods that stand AFTER it
   * (the compiler reads them in order; before it, `ctx.loaded` is `unknown`). One that takes no parameters, or writes
   * their types out, may stand anywhere.
   */
  loadInput?(args: DecodedOr<TArgs, {}>, ctx: AttemptContext<DecodedOr<TArgs, {}>>): TLoaded;
  /** Makes the batches of a source. */
  iterBatches?(
    args: DecodedOr<TArgs, {}>,
    ctx: AttemptContext<DecodedOr<TArgs, {}>, Awaited<TLoaded>>,
  ):
    | AsyncIterable<SourceBatch<PayloadOf<TInput, TOutput, TArgs, TGiven>>>
    | Iterable<SourceBatch<PayloadOf<TInput, TOutput, TArgs, TGiven>>>;
  /**
   * Turns one batch into one output. A source may leave it out: then the payload is the output.
   * It runs at least once a batch; its stored output counts exactly once.
   */
  processBatch?(
    payload: PayloadOf<TInput, TOutput, TArgs, TGiven>,
    ctx: BatchContext<DecodedOr<TArgs, {}>, Awaited<TLoaded>>,
  ): Awaitable<Decoded<TOutput>>;
  /** Runs after the last batch; returns the node's `result`. */
  finalize?(
    ctx: FinalizeContext<DecodedOr<TArgs, {}>, Awaited<TLoaded>, Decoded<TOutput>>,
  ): TResult extends ReturnSchema ? Awaitable<Decoded<TResult>> : Awaitable<void>;
  /** Its verdict about an error that one of its methods threw; `undefined` leaves it to the engine. */
  classifyError?(error: unknown): ErrorClass<NoInfer<TErrors> | CoreReasonCode> | undefined;
};

/** The members of {@link HandlerOptions} that were written; only `iterBatches` decides about types. */
export type HandlerKey = keyof HandlerOptions<
  string,
  Absent,
  AnySchema,
  Absent,
  Absent,
  string,
  unknown,
  never,
  Absent
>;

/**
 * A method without "or left out" where it was written: only into an arrow function of a type that is nothing but a
 * function does the compiler look, and underline what is wrong in what it returns.
 *
 * The template in the names keeps the compiler from looking here for the types of parameters. All keys at once were not
 * written: they are what it falls back to when a key that is spread in is none of ours.
 */
export type WrittenMethods<TOptions, TGiven> = {
  readonly [TKey in TGiven & ("processBatch" | "finalize") as [HandlerKey] extends [TGiven]
    ? never
    : `${TKey}`]: TOptions[TKey & keyof TOptions] & {};
};
