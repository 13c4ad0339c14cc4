import type { $ZodType } from "zod/v4/core";
import type { Absent, OutputOf, StepsOf } from "../../builtins/node-records.ts";
import type { CoordinatorFunctionDefinition, InputAdapterDefinition } from "../../definitions/index.ts";
import type { Graph } from "../../graph/index.ts";
import type { Shown } from "../model/handler.ts";
import type { AnyState, AnyStep, ids, params, state, UsedOf } from "../model/state.ts";
import type { NotPrinted, Printable, Printed, printed } from "../model/unprinted.ts";
import type { CompileReceiver } from "../rules/subflow/types.ts";
import type { CaseKeyArgument, NoHandler, NoResult, SignalsOf } from "../rules/where/types.ts";

/* Not exported: see `NotPrinted`. */
type TypesOf<_TName, TUnprinted> = TUnprinted & Printed;

/** The types of a run of the flow: its parameters, its outputs and its results. */
export interface FlowInfer<TParams, TState extends AnyState> extends Printable {
  readonly name: TState["head"]["name"];
  readonly params: TParams;
  /** Inputs that nodes of another flow must feed: a flow with inputs runs only as a subflow. */
  readonly inputs: TState["head"]["inputs"];
  readonly outputs: Outputs<TState, TState["places"] & TState["recentPlaces"]>;
  readonly results: {
    readonly [TId in Exclude<keyof TState["places"] | keyof TState["recentPlaces"], UsedOf<TState>>]: ResultOf<
      StepsById<StepsOf<TState>>,
      TId,
      OutputOf<TState, TId>
    >;
  };
  /** By the id of a node that waits for a signal: its payload. */
  readonly signals: SignalsOf<StepsOf<TState>>;
  /** By node id. A node of a coordinator function has no handler. */
  readonly handlers: HandlersById<StepsOf<TState>>;
  readonly handlerNames: StepsOf<TState>["handler"]["name"];
}

// By the keys of places: if some ids are known only at run time, a union of ids would be `string`.
type Outputs<TState extends AnyState, TPlaces> = { readonly [TId in keyof TPlaces]: OutputOf<TState, TId> };

type HandlersById<TSteps extends AnyStep> = {
  readonly [TStep in TSteps as TStep["handler"] extends NoHandler<unknown> ? never : TStep["id"]]: Named<
    RunBy<TStep["handler"]>
  >;
};

export type HandlersByName<TSteps extends AnyStep> = {
  readonly [THandler in RunBy<TSteps["handler"]> as THandler["name"]]: Named<THandler>;
};

type Named<THandler> = THandler extends { readonly name: infer TName } ? Shown<TName, THandler>["handler"] : never;

/** Of a flow that runs for each batch, the handlers of its nodes. */
type RunBy<THandler> = THandler extends { readonly $inner: infer TInner extends { readonly name: string } }
  ? TInner
  : Extract<THandler, { readonly name: string }>;

type StepsById<TSteps extends AnyStep> = { readonly [TStep in TSteps as TStep["id"]]: TStep };

// The result of `finalize`, otherwise the list of outputs. A coordinator function has one output. A node that was skipped,
// or failed without failing the task, has no result, but a list of the outputs that it had stored.
type ResultOf<TSteps, TId, TOutput> = TId extends keyof TSteps
  ? TSteps[TId] extends AnyStep
    ? TSteps[TId]["handler"]["$infer"]["result"] extends Absent
      ? TOutput[]
      :
          | ByPartition<TSteps[TId]["handler"]["$infer"]["result"], TSteps[TId]["partitions"]>
          | (1 extends TSteps[TId]["partitions"] ? NoResult<TSteps[TId]["control"]> : never)
    : never
  : TOutput;

// Each partition has its own `finalize`, and so a result of its own.
type ByPartition<TResult, TPartitions extends number> = number extends TPartitions
  ? TResult | TResult[]
  : TPartitions extends 1
    ? TResult
    : TResult[];

/**
 * What a flow is, apart from the methods that add nodes. Not an interface: the compiler would create each one twice, the
 * second time with the enclosing intersection as its `this`.
 */
export type BuiltFlow<TIds extends string, TParams, TState extends AnyState> = {
  readonly [ids]: TIds;
  readonly [params]: TParams;
  readonly [state]: TState;
  /** Types only, such as `typeof etl.$infer.outputs`; the property does not exist at run time. */
  readonly $infer: TypesOf<TState["head"]["name"], FlowInfer<TParams, TState> & NotPrinted>;
  /**
   * The handlers of its nodes by name, for an engine or a worker.
   *
   * @example
   * createEngine({ handlers: { ...etl.handlers, ...reports.handlers } })
   */
  readonly handlers: HandlersByName<StepsOf<TState>>;
  /** The custom input adapters that were given to `flow()`. */
  readonly inputAdapters: readonly InputAdapterDefinition[];
  /** The custom coordinator functions that its nodes call. */
  readonly coordinatorFns: readonly CoordinatorFunctionDefinition[];
  /** The schema of its parameters; `undefined` if it has none. */
  readonly paramsSchema: $ZodType | undefined;

  /** Checks that each value of a key in a node's output goes to some node. */
  readonly exhaustive: CheckCases;

  /**
   * The graph as plain JSON, checked and deeply frozen; the same object at each call. Adapters, their sources and all
   * edges are written out; defaults are left out.
   *
   * @example
   * flow("etl").node("extract", extract, { args: { count: 10 } }).compile()
   * // {
   * //   schema_version: "1.0",
   * //   name: "etl",
   * //   nodes: [{ node_id: "extract", type: "extractor", depends_on: [], io: { input_inline: { count: 10 } } }],
   * //   edges: [],
   * // }
   *
   * @throws FlowError `FLOW_EMPTY` without nodes; `FLOW_INVALID` with inputs, or with every mistake in `details.findings`
   */
  compile(this: CompileReceiver<TIds, TState["head"]["inputs"]>, options?: CompileOptions): Graph;
  readonly [printed]: true;
};

/** The method {@link BuiltFlow.exhaustive}. */
export interface CheckCases {
  /**
   * Checks that each value of a key in a node's output goes to some node declared before. A node counts only if its `where`
   * has no other key and it has no `when`.
   *
   * @example
   * .exhaustive("classify", "kind") // or a nested key, such as "bank.country"
   */
  <
    TFlow extends { readonly [ids]: string; readonly [state]: AnyState },
    const TSource extends string,
    const TKey extends string,
  >(
    this: TFlow,
    source: TSource & TFlow[typeof ids],
    key: CaseKeyArgument<TFlow[typeof state], TSource, TKey>,
  ): TFlow;
}

/** What `compile` adds to the graph on request. */
export interface CompileOptions {
  /** Adds `status`, `attempt_epoch`, `stats` and `lease` with their initial values to each node. @defaultValue false */
  readonly primed?: boolean;
  /** Adds the JSON Schemas of each handler's args, input and output. @defaultValue false */
  readonly schemas?: boolean;
}
