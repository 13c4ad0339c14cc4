import type { AnySchema, Wire } from "../model/schema.ts";
import type { AnyState } from "../model/state.ts";
import type { JsonSchema } from "../rules/definition/types.ts";
import type { FnAfter } from "../rules/edge/types.ts";
import type { FnArgs } from "../rules/fn/types.ts";
import type { FnDelayArgument } from "../rules/params/types.ts";
import type { FnPermanentOn } from "../rules/retry/types.ts";
import type { FanInArgument, FnStartArgument } from "../rules/start/types.ts";
import type { WhenArgument } from "../rules/where/types.ts";
import type { RetryOptions } from "./options.ts";

/** The options of a node that waits for a signal. */
export type WaitOptions<
  TId extends string,
  TPayload extends AnySchema,
  TAfter extends readonly string[],
  TIds extends string,
  TNodes extends AnyState,
  TWhen,
  TOptional,
> = {
  /** The schema of what the signal carries, which is the output of the node. */
  readonly payload: JsonSchema<TPayload, Wire<TPayload>, TId, "payload", "node">;
  /** The nodes that it also waits for. A signal that arrives before they have ended is kept. */
  readonly after?: FnAfter<TAfter, TIds, TId>;
  /** How long it waits, in seconds from the end of the nodes in `after`; then it fails with `timeout`. @defaultValue no limit */
  readonly timeoutSec?: number;
  /** With `timeoutSec`: the payload that it stores on timeout, instead of failing. */
  readonly onTimeout?: Wire<NoInfer<TPayload>>;
  /** Whether it waits: only if the parameters, and the status and results of the nodes in `after`, match. @defaultValue always */
  readonly when?: WhenArgument<TWhen, TNodes, TAfter, TId>;
  /** `true`: if it fails, the task continues. @defaultValue false */
  readonly optional?: TOptional;
};

/** The options of a coordinator function's node. Not an interface, for the reason given at `NodeOptions`. */
export type FnOptions<
  TId extends string,
  TFn,
  TAfter extends readonly string[],
  TFanIn,
  TArgs,
  TParams,
  TIds extends string,
  TNodes extends AnyState,
  TCodes extends readonly string[],
  TWhen,
  TOptional,
> = {
  /** The nodes it depends on, declared before it. */
  readonly after?: FnAfter<TAfter, TIds, TId>;
  /** How many of them must be satisfied before it starts: `"all"`, `"any"` or `"count:N"`. @defaultValue "all" */
  readonly fanIn?: FanInArgument<TFanIn, TAfter, TId>;
  /**
   * When a parent is satisfied: it has finished (`"ready"`), or stored its first batch (`"first_batch"`). @defaultValue
   * "ready"
   */
  readonly startWhen?: FnStartArgument<TAfter, TId>;
  /** The function's arguments. */
  readonly args?: FnArgs<TFn, TArgs, TParams, TId, TAfter[number], TIds>;
  readonly retry?: RetryOptions<FnPermanentOn<TCodes, TId, TFn>>;
  /** The longest time that one attempt may take, in seconds. @defaultValue no limit */
  readonly timeoutSec?: number;
  /** Whether it runs: only if the parameters, and the status and results of the nodes in `after`, match. @defaultValue always */
  readonly when?: WhenArgument<TWhen, TNodes, TAfter, TId>;
  /** `true`: if it fails, the task continues. @defaultValue false */
  readonly optional?: TOptional;
  /** Seconds between the end of its parents and its start; may be a parameter. @defaultValue 0 */
  readonly delaySec?: FnDelayArgument<TFn, TParams, TId>;
};
