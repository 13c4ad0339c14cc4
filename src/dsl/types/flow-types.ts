import type { Absent, OutputOf } from "../../builtins/node-records.ts";
import type { AnyState, AnyStep } from "../model/state.ts";

/** The types of a run of the flow: its parameters, its outputs and its results. */
export interface FlowInfer<TParams, TState extends AnyState> {
  readonly name: TState["head"]["name"];
  readonly params: TParams;
  /** Inputs that nodes of another flow must feed: a flow with inputs runs only as a subflow. */
  readonly inputs: TState["head"]["inputs"];
  readonly outputs: Outputs<TState, TState["places"] & TState["recentPlaces"]>;
  readonly results: {
    readonly [TId in Exclude<keyof TState["places"] | keyof TState["recentPlaces"], TState["used"]>]: ResultOf<
      StepsById<TState["steps"]>,
      TId,
      OutputOf<TState, TId>
    >;
  };
  /** By node id. A node of a coordinator function has no handler. */
  readonly handlers: HandlersById<TState["steps"]>;
  readonly handlerNames: TState["steps"]["handler"]["name"];
}

// By the keys of places: if some ids are known only at run time, a union of ids would be `string`.
type Outputs<TState extends AnyState, TPlaces> = { readonly [TId in keyof TPlaces]: OutputOf<TState, TId> };

type HandlersById<TSteps extends AnyStep> = { readonly [TStep in TSteps as TStep["id"]]: RunBy<TStep["handler"]> };

export type HandlersByName<TSteps extends AnyStep> = {
  readonly [THandler in RunBy<TSteps["handler"]> as THandler["name"]]: THandler;
};

/** Of a flow that runs for each batch, the handlers of its nodes. */
type RunBy<THandler> = THandler extends { readonly $inner: infer TInner extends { readonly name: string } }
  ? TInner
  : Extract<THandler, { readonly name: string }>;

type StepsById<TSteps extends AnyStep> = { readonly [TStep in TSteps as TStep["id"]]: TStep };

// The result of `finalize`, else the list of outputs. A coordinator function has one output.
type ResultOf<TSteps, TId, TOutput> = TId extends keyof TSteps
  ? TSteps[TId] extends AnyStep
    ? TSteps[TId]["handler"]["$infer"]["result"] extends Absent
      ? TOutput[]
      : ByPartition<TSteps[TId]["handler"]["$infer"]["result"], TSteps[TId]["partitions"]>
    : never
  : TOutput;

// Each partition has its own `finalize`, and so a result of its own.
type ByPartition<TResult, TPartitions extends number> = number extends TPartitions
  ? TResult | TResult[]
  : TPartitions extends 1
    ? TResult
    : TResult[];

/** What `compile` adds to the graph on request. */
export interface CompileOptions {
  /** Adds `status`, `attempt_epoch`, `stats` and `lease` with their initial values to each node. @defaultValue false */
  readonly primed?: boolean;
  /** Adds the JSON Schemas of each handler's args, input and output. @defaultValue false */
  readonly schemas?: boolean;
}
