import type { BuiltInFunctionName } from "../../builtins/coordinator-functions/index.ts";
import type { CoreReasonCode } from "../../errors/index.ts";
import type { Join, Say } from "../../graph/format/messages.ts";
import type { AnyCoordinatorFn, FnNameOf, KnownArgsOf } from "./coordinator-function.ts";
import type { FnArgs } from "./fn-args.ts";
import type { FlowTypeError } from "./markers.ts";
import type { MissingKeys } from "./missing-keys.ts";
import type { RetryOptions } from "./options.ts";
import type { KnownId } from "./source-checks.ts";
import type { FanInArgument, FirstBatchArgument } from "./start-checks.ts";

/** Judged on the function: its name, and args that are missing. `TArgKeys` are those that were written. */
export type FnArgument<TFn, TId extends string, TArgKeys> = TFn extends BuiltInFunctionName | AnyCoordinatorFn
  ? [MissingKeys<KnownArgsOf<TFn>, TArgKeys>] extends [never]
    ? TFn
    : FlowTypeError<
        Say<
          "fnArgsMissing",
          { node: TId; fn: FnNameOf<TFn>; keys: Join<MissingKeys<KnownArgsOf<TFn>, TArgKeys>, ", "> }
        >
      >
  : BuiltInFunctionName | FlowTypeError<Say<"unknownFunction", { node: TId; fn: TFn & string }>>;

type FnAfter<TAfter extends readonly string[], TIds extends string, TId extends string> = TAfter[number] extends TIds
  ? TAfter
  : { [TIndex in keyof TAfter]: KnownId<TAfter[TIndex], TIds, TId> };

type ErrorsOf<TFn> = TFn extends AnyCoordinatorFn ? TFn["$infer"]["errors"] : never;

type FnPermanentOn<TCodes extends readonly string[], TId extends string, TFn> = TCodes[number] extends
  | ErrorsOf<TFn>
  | CoreReasonCode
  ? TCodes
  : {
      [TIndex in keyof TCodes]: [TCodes[TIndex]] extends [ErrorsOf<TFn> | CoreReasonCode]
        ? TCodes[TIndex]
        :
            | ErrorsOf<TFn>
            | CoreReasonCode
            | FlowTypeError<Say<"fnPermanentOnUnknown", { node: TId; fn: FnNameOf<TFn>; code: TCodes[TIndex] }>>;
    };

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
