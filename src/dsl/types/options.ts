import type { LateText } from "../../graph/format/messages.ts";
import type { AdapterArgs, ListKeyOption } from "../model/adapter.ts";
import type { AnyHandler } from "../model/handler.ts";
import type { WrongOption } from "../model/markers.ts";
import type { AnyState } from "../model/state.ts";
import type { ArgsAt, UnknownArgs } from "../rules/args/types.ts";
import type { AfterArgument, FromArgument } from "../rules/edge/types.ts";
import type { AdapterArgument, ListKeyArgument, UnknownInput } from "../rules/input/types.ts";
import type { DelayArgument, ParamFor, WithParams } from "../rules/params/types.ts";
import type { PermanentOn } from "../rules/retry/types.ts";
import type { FanInArgument, StartArgument } from "../rules/start/types.ts";
import type { WhenArgument, WhereArgument } from "../rules/where/types.ts";

/** When and how often a failed attempt is repeated. */
export interface RetryOptions<TPermanentOn> {
  /**
   * Retries of each batch after its first try. Attempts that fail outside a batch are counted separately, up to the same
   * number.
   *
   * @defaultValue 2, so three tries in all
   */
  readonly max?: number;
  /**
   * Seconds before the first retry; fractions are allowed.
   *
   * @defaultValue 5
   */
  readonly backoffSec?: number;
  /**
   * Reason codes that are never retried.
   *
   * @defaultValue `["bad_input", "schema_mismatch"]`
   */
  readonly permanentOn?: TPermanentOn;
  /**
   * Each further delay is this many times the one before.
   *
   * @defaultValue 1, a constant delay
   */
  readonly backoffFactor?: number;
  /** @defaultValue 3600 */
  readonly backoffMaxSec?: number;
  /**
   * The delay is drawn evenly from `1 - jitter` to `1 + jitter` times itself; 0 to 1.
   *
   * @defaultValue 0.1
   */
  readonly jitter?: number;
}

/** Without `onBatchFailure`, there is nothing to tolerate. */
type ToleranceArgument<TKeys, TId extends string> = "onBatchFailure" extends TKeys
  ? FailureTolerance
  : {
      readonly [TKey in keyof FailureTolerance]: WrongOption<
        LateText<TId, "optionType", { node: TId; option: "onBatchFailure"; needs: "'setAside' if 'tolerate' is set" }>
      >;
    };

/** How many batches may be set aside before the node fails, with `too_many_failed_batches`. */
export interface FailureTolerance {
  /** How many in each partition: one more fails the node at once. @defaultValue any number */
  readonly batches?: number;
  /** Which share of a partition's batches, from 0 to 1, checked when it has no more of them. @defaultValue 1 */
  readonly share?: number;
}

/** How much of a node runs at once, and how much starts per second. */
export type NodeLimits<TParams = AnyParams, TId extends string = string> =
  | RateLimits<TParams>
  | SlotLimits<TParams, TId>
  | Unlimited<TId>;

interface RateLimits<TParams> {
  /**
   * How many of its partitions run at once; for a node that runs a flow, how many tasks. With `key`, across all tasks of
   * the flow.
   *
   * @defaultValue all of them; 8 tasks
   */
  readonly maxRunning?: number;
  /**
   * How many tries of a batch start per second, across all tasks of the flow and all processes.
   *
   * @defaultValue any number
   */
  readonly perSec: number | undefined;
  /** How many of these may start at once after a pause; in the long run, `perSec` holds. @defaultValue 1 */
  readonly burst?: number;
  /**
   * A parameter that is a string or a number, such as a tenant: the limits apply to each of its values separately, across
   * all tasks of the flow.
   *
   * @example
   * limits: { key: param("tenant"), maxRunning: 2 }
   */
  readonly key?: ParamFor<
    "key",
    string | number,
    keyof { [TName in keyof TParams as [TParams[TName]] extends [string | number] ? TName : never]: TName } & string,
    TParams
  >;
}

/* An option that would be ignored has its message in a separate member of the union. */
interface SlotLimits<TParams, TId extends string> extends Pick<RateLimits<TParams>, "key"> {
  readonly maxRunning: number | undefined;
  readonly perSec?: undefined;
  readonly burst?: WrongOption<LateText<TId, "burstOfNothing", { node: TId }>>;
}

/* Compilers report a value that fits no member against the last of those that fit equally well, by age or by name. */
interface Unlimited<TId extends string> extends Pick<RateLimits<unknown>, "maxRunning"> {
  readonly perSec?: undefined;
  readonly burst?: WrongOption<LateText<TId, "burstOfNothing", { node: TId }>>;
  readonly key?: WrongOption<LateText<TId, "keyOfNothing", { node: TId }>>;
}

interface AnyParams {
  readonly [name: string]: string | number;
}

// Infers which keys were written, whatever their types, so that missing and unknown keys are reported in our words.
type WrittenKeys<TKeys extends PropertyKey> = { readonly [TKey in TKeys]?: unknown };

// Always `unknown`. But as long as `TId` is open, its constraint is `string`, and that makes the compiler infer `"rows"`
// for `metaListKey: "rows"`: a property that depends on the adapter gives it no hint yet.
type AnyLiteral<TId extends string> = TId extends `${infer _}${string}` ? unknown : string;

/**
 * The options of one node. The type parameters are what is inferred from the call, for the checks.
 *
 * No interface: an editor would show an option as `NodeOptions<TId extends string, ...>.after`, with every parameter of
 * it. It is also a little cheaper to instantiate.
 */
export type NodeOptions<
  TId extends string,
  THandler extends AnyHandler,
  TAfter,
  TParents extends readonly string[],
  TFanIn,
  TAdapter,
  TFrom,
  TListKey,
  TIds extends string,
  TNodes extends AnyState,
  TSeen extends AnyState,
  TArgKeys extends PropertyKey,
  TInputKeys extends PropertyKey,
  TCodes extends readonly string[],
  TPartitions extends number,
  TKeys,
  TWhere,
  TWhen,
  TOptional,
> = {
  /** The nodes it depends on, declared before it. */
  readonly after?: AfterArgument<TAfter, TParents, TSeen, TIds, TId, THandler, TAdapter, TFrom>;
  /**
   * How many of them must be satisfied before it starts: `"all"`, `"any"` or `"count:N"`.
   *
   * @defaultValue "all"
   */
  readonly fanIn?: FanInArgument<TFanIn, TParents, TId>;
  /**
   * When a parent satisfies it: once it has finished (`"ready"`), once its first batch is stored (`"first_batch"`), or once
   * it has ended with any outcome (`"ended"`, with the adapter `pull.outcomes`).
   *
   * @defaultValue "ready"
   */
  readonly startWhen?: StartArgument<TParents, TId>;
  /**
   * Which batches of its parents it reads, by their data: a scalar must be equal, a list must contain the value, an object
   * matches by key; {@link not} and {@link exists} are values. Its input is checked against the batches that remain.
   *
   * @example
   * .node("refund", refund, { after: ["classify"], where: { kind: "refund" } })
   *
   * @defaultValue all
   */
  readonly where?: WhereArgument<TWhere, TNodes, TAdapter, TParents, TFrom, TId>;
  /**
   * Whether it runs: only if the parameters of the task, and the status and the results of the nodes in `after`, match this
   * pattern, or one of a list of patterns. Otherwise it is `skipped`, and the nodes after it run without its data.
   *
   * @example
   * .then("fix", fix, { when: { params: { mode: "full" }, results: { check: { ok: false } } } })
   *
   * @defaultValue always
   */
  readonly when?: WhenArgument<TWhen, TNodes, TParents, TId>;
  /**
   * `true`: if it fails, the task continues. The nodes after it read the outputs that it had stored, and it has no result.
   *
   * @defaultValue false
   */
  readonly optional?: TOptional;
  /** Seconds between the end of its parents and its start; may be a parameter. @defaultValue 0 */
  readonly delaySec?: DelayArgument<TNodes["params"]>;
  /** How the outputs of its parents become the payloads of its batches. @defaultValue one batch per upstream batch */
  readonly input?: {
    /** A built-in adapter, or one of those given to `flow()`. Its arguments are keys beside it. */
    readonly adapter: AdapterArgument<
      TAdapter,
      TSeen,
      TParents,
      TId,
      THandler,
      TFrom,
      TListKey,
      TFanIn,
      TNodes["head"]["adapters"],
      TAfter,
      TInputKeys
    >;
    /**
     * The nodes to read from, among those in `after`; for `pull.gather` also `{ alias: id }`.
     *
     * @defaultValue all of `after`
     */
    readonly from?: FromArgument<TFrom, TSeen, TIds, TParents[number], TId, THandler, TAdapter, TFanIn>;
  } & AdapterArgs<TAdapter, TNodes["head"]["adapters"]> &
    ListKeyOption<TAdapter, ListKeyArgument<TListKey, TSeen, TId, THandler, TParents, TAdapter, TFrom>> &
    UnknownInput<TAdapter, AdapterArgs<TAdapter, TNodes["head"]["adapters"]>, TId, TInputKeys> &
    WrittenKeys<TInputKeys> & { readonly [TKey in TInputKeys & "metaListKey"]?: AnyLiteral<TId> };
  /** The handler's arguments; a root whose handler is not a source also gets its input here, as one batch. */
  readonly args?: WithParams<ArgsAt<THandler, TParents>, TNodes["params"]> &
    UnknownArgs<THandler, TId, Exclude<TArgKeys, keyof ArgsAt<THandler, TParents>>> &
    WrittenKeys<TArgKeys>;
  readonly retry?: RetryOptions<PermanentOn<TCodes, TId, THandler>>;
  /**
   * Stores batches in the order of the input, so that a slow one, or one that waits for its next try, delays those after
   * it.
   *
   * @defaultValue false, each is stored when it is done
   */
  readonly ordered?: boolean;
  /**
   * What the permanent failure of a batch does: `"fail"` fails the node, `"setAside"` leaves the batch out and continues.
   * `task.status()` counts the batches set aside, `engine.failedBatches` returns them.
   *
   * @defaultValue "fail"
   */
  readonly onBatchFailure?: "fail" | "setAside";
  /** With `onBatchFailure: "setAside"`: how many batches may be set aside before the node fails. @defaultValue any number */
  readonly tolerate?: ToleranceArgument<TKeys, TId>;
  /** Time limit for one try of a batch, in seconds; then its signal is aborted, and it fails. @defaultValue no limit */
  readonly batchTimeoutSec?: number;
  /** Time limit for one attempt, in seconds. @defaultValue no limit */
  readonly timeoutSec?: number;
  /** How many shards share its input, each with its own attempts. @defaultValue 1 */
  readonly partitions?: TPartitions;
  /**
   * How many batches each of its shards may be ahead of a running node that reads them as they are stored: with that many
   * pending, it waits.
   *
   * @defaultValue no limit
   */
  readonly maxPendingBatches?: number;
  /** How much of it runs at once, and how much starts per second, across all processes. */
  readonly limits?: NodeLimits<TNodes["params"], TId>;
};
