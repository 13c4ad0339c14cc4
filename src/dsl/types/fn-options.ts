import type { FnAfter } from "../rules/edge/types.ts";
import type { FnArgs } from "../rules/fn/types.ts";
import type { FnPermanentOn } from "../rules/retry/types.ts";
import type { FanInArgument, FirstBatchArgument } from "../rules/start/types.ts";
import type { RetryOptions } from "./options.ts";

/** The options of a coordinator function's node; no interface, for the reason of `NodeOptions`. */
export type FnOptions<
  TId extends string,
  TFn,
  TAfter extends readonly string[],
  TFanIn,
  TArgs,
  TParams,
  TIds extends string,
  TCodes extends readonly string[],
> = {
  /** The nodes it depends on, declared before it. */
  readonly after?: FnAfter<TAfter, TIds, TId>;
  /** How many of them must be satisfied before it runs. @defaultValue "all" */
  readonly fanIn?: FanInArgument<TFanIn, TAfter, TId>;
  /** What satisfies it: a parent has finished, or its first batch is there. @defaultValue "ready" */
  readonly startWhen?: "ready" | FirstBatchArgument<TAfter, TId>;
  /** The function's arguments. */
  readonly args?: FnArgs<TFn, TArgs, TParams, TId, TAfter[number], TIds>;
  readonly retry?: RetryOptions<FnPermanentOn<TCodes, TId, TFn>>;
  /** Longest time of one attempt, in seconds. @defaultValue no limit */
  readonly timeoutSec?: number;
};
