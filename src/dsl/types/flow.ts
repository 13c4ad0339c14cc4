import type { $ZodType } from "zod/v4/core";
import type {
  CoordinatorFunctionDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
} from "../../definitions/index.ts";
import type { Graph } from "../../graph/index.ts";
import type { Say } from "../../graph/messages.ts";
import type { AdapterName, AnyInputAdapter } from "./adapter.ts";
import type { HandlerArgument, IdArgument } from "./checks.ts";
import type {
  AnyCoordinatorFn,
  BuiltInFunctionName,
  FnArgsOf,
  FnArgument,
  FnOptionKey,
  FnOptions,
  FnOutputOf,
} from "./coordinator-function.ts";
import type { AnyHandler } from "./handler.ts";
import type { Absent, AnyString, FlowStateError } from "./markers.ts";
import type { NodeOptionKey, NodeOptions } from "./options.ts";
import type { ParentsOf } from "./payload.ts";
import type {
  AnyState,
  FlowState,
  FreshAfter,
  IdsAfter,
  NodeResult,
  OldAfter,
  ResultsAfter,
  Tick,
  TickAfter,
  YoungAfter,
} from "./state.ts";

/** Parameters as the caller of a run gives them, and as a node sees them. */
export interface ParamTypes<TInput, TStored> {
  readonly input: TInput;
  readonly stored: TStored;
}

export interface AnyFlow {
  readonly "~": AnyState & { readonly params: ParamTypes<unknown, unknown> };
}

/** What a run of the flow takes and gives. */
export interface FlowInfer<TParams, TOutputs, TResults, TUsed> {
  readonly params: TParams;
  readonly outputs: { readonly [TId in keyof TOutputs]: TOutputs[TId] };
  readonly results: {
    readonly [TId in Exclude<keyof TOutputs, TUsed>]: ResultOf<TResults, TId, TOutputs[TId]>;
  };
}
type ResultOf<TResults, TId, TOutput> = [Extract<TResults, NodeResult<TId, unknown>>] extends [never]
  ? TOutput[]
  : Extract<TResults, NodeResult<TId, unknown>> extends NodeResult<TId, infer TResult>
    ? TResult
    : never;

export interface CompileOptions {
  /** Adds `status`, `attempt_epoch`, `stats` and `lease` at their first values to each node. @defaultValue false */
  readonly primed?: boolean;
  /** Adds the JSON Schemas of each handler's args, input and output. @defaultValue false */
  readonly schemas?: boolean;
}

type After = readonly string[] | [] | Absent;
type From = readonly string[] | [] | { readonly [alias: string]: string } | Absent;

export interface Flow<
  TOld,
  TYoung,
  TFresh,
  TTick extends Tick,
  TResults,
  TIds extends string,
  TUsed extends string,
  TLast extends readonly string[],
  TParams extends ParamTypes<unknown, unknown>,
  TAdapters extends AnyInputAdapter,
> {
  readonly "~": FlowState<TOld, TYoung, TFresh, TTick, TResults, TIds, TUsed, TLast, TParams, TAdapters>;
  readonly $infer: FlowInfer<TParams["input"], TOld & TYoung, TResults, TUsed>;
  readonly handlers: Readonly<Record<string, HandlerDefinition>>;
  readonly inputAdapters: readonly InputAdapterDefinition[];
  readonly coordinatorFns: readonly CoordinatorFunctionDefinition[];
  readonly paramsSchema: $ZodType | undefined;

  node<
    TFlow extends AnyFlow,
    const TId extends string,
    THandler extends AnyHandler,
    const TAfter extends After = Absent,
    TFanIn extends string = "all",
    TAdapter extends AdapterName<TFlow["~"]["adapters"]> | AnyString | Absent = Absent,
    const TFrom extends From = Absent,
    TListKey extends string | Absent = Absent,
    TGiven extends NodeOptionKey = never,
  >(
    this: TFlow,
    id: IdArgument<TId, TFlow["~"]["ids"]>,
    handler: HandlerArgument<
      THandler,
      TId,
      TFlow["~"],
      TAfter,
      ParentsOf<TAfter, []>,
      TAdapter,
      TFrom,
      TListKey,
      TFanIn,
      TGiven,
      TFlow["~"]["adapters"]
    >,
    options?: NodeOptions<
      TFlow["~"],
      TFlow["~"]["ids"],
      TFlow["~"]["adapters"],
      TId,
      THandler,
      TAfter,
      ParentsOf<TAfter, []>,
      TFanIn,
      TAdapter,
      TFrom,
      TListKey,
      TFlow["~"]["params"]["stored"]
    > & { readonly [TKey in TGiven]?: unknown },
  ): Flow<
    OldAfter<TFlow["~"]>,
    YoungAfter<TFlow["~"], TId, THandler["$infer"]["output"]>,
    FreshAfter<TFlow["~"], TId>,
    TickAfter<TFlow["~"]>,
    ResultsAfter<TFlow["~"], TId, THandler["$infer"]["result"]>,
    IdsAfter<TFlow["~"], TId>,
    TFlow["~"]["used"] | ParentsOf<TAfter, []>[number],
    [TId],
    TFlow["~"]["params"],
    TFlow["~"]["adapters"]
  >;

  then<
    TFlow extends AnyFlow,
    const TId extends string,
    THandler extends AnyHandler,
    const TAfter extends After = Absent,
    TFanIn extends string = "all",
    TAdapter extends AdapterName<TFlow["~"]["adapters"]> | AnyString | Absent = Absent,
    const TFrom extends From = Absent,
    TListKey extends string | Absent = Absent,
    TGiven extends NodeOptionKey = never,
  >(
    this: TFlow,
    id: IdArgument<TId, TFlow["~"]["ids"]>,
    handler: HandlerArgument<
      THandler,
      TId,
      TFlow["~"],
      TAfter,
      ParentsOf<TAfter, TFlow["~"]["last"]>,
      TAdapter,
      TFrom,
      TListKey,
      TFanIn,
      TGiven,
      TFlow["~"]["adapters"]
    >,
    options?: NodeOptions<
      TFlow["~"],
      TFlow["~"]["ids"],
      TFlow["~"]["adapters"],
      TId,
      THandler,
      TAfter,
      ParentsOf<TAfter, TFlow["~"]["last"]>,
      TFanIn,
      TAdapter,
      TFrom,
      TListKey,
      TFlow["~"]["params"]["stored"]
    > & { readonly [TKey in TGiven]?: unknown },
  ): Flow<
    OldAfter<TFlow["~"]>,
    YoungAfter<TFlow["~"], TId, THandler["$infer"]["output"]>,
    FreshAfter<TFlow["~"], TId>,
    TickAfter<TFlow["~"]>,
    ResultsAfter<TFlow["~"], TId, THandler["$infer"]["result"]>,
    IdsAfter<TFlow["~"], TId>,
    TFlow["~"]["used"] | ParentsOf<TAfter, TFlow["~"]["last"]>[number],
    [TId],
    TFlow["~"]["params"],
    TFlow["~"]["adapters"]
  >;

  fn<
    TFlow extends AnyFlow,
    const TId extends string,
    TFn extends BuiltInFunctionName | AnyCoordinatorFn | AnyString,
    const TAfter extends readonly string[] | [] = [],
    const TArgs extends FnArgsOf<TFn, TFlow["~"]["ids"], TFlow["~"]["params"]["stored"]> = FnArgsOf<
      TFn,
      TFlow["~"]["ids"],
      TFlow["~"]["params"]["stored"]
    >,
    TFanIn extends string = "all",
    TGiven extends FnOptionKey = never,
  >(
    this: TFlow,
    id: IdArgument<TId, TFlow["~"]["ids"]>,
    fn: FnArgument<TFn, TId, FnArgsOf<TFn, TFlow["~"]["ids"], TFlow["~"]["params"]["stored"]>, TGiven>,
    options?: FnOptions<
      TAfter,
      TFlow["~"]["ids"],
      TId,
      TFn,
      TArgs,
      FnArgsOf<TFn, TFlow["~"]["ids"], TFlow["~"]["params"]["stored"]>,
      TFanIn
    > & { readonly [TKey in TGiven]?: unknown },
  ): Flow<
    OldAfter<TFlow["~"]>,
    YoungAfter<TFlow["~"], TId, FnOutputOf<TFlow["~"], TFn, TArgs>>,
    FreshAfter<TFlow["~"], TId>,
    TickAfter<TFlow["~"]>,
    TFlow["~"]["results"] | NodeResult<TId, FnOutputOf<TFlow["~"], TFn, TArgs>>,
    IdsAfter<TFlow["~"], TId>,
    TFlow["~"]["used"] | TAfter[number],
    [TId],
    TFlow["~"]["params"],
    TFlow["~"]["adapters"]
  >;

  compile(
    this: [TIds] extends [never] ? FlowStateError<Say<"emptyFlow", {}>> : unknown,
    options?: CompileOptions,
  ): Graph;
}
