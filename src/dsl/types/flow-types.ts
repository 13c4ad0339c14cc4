import type { Absent } from "../../builtins/node-records.ts";
import type { AnyHandler } from "../model/handler.ts";
import type { AnyStep } from "../model/state.ts";

/** What a run of the flow takes and gives. */
export interface FlowInfer<TName, TParams, TInputs, TOutputs, TSteps extends AnyStep, TUsed> {
  readonly name: TName;
  readonly params: TParams;
  /** What must be fed before it can run: such a flow is used in another one. */
  readonly inputs: TInputs;
  readonly outputs: { readonly [TId in keyof TOutputs]: TOutputs[TId] };
  readonly results: {
    readonly [TId in Exclude<keyof TOutputs, TUsed>]: ResultOf<HandlersById<TSteps>, TId, TOutputs[TId]>;
  };
  /** By node id. A node that a coordinator function runs has none. */
  readonly handlers: HandlersById<TSteps>;
  readonly handlerNames: TSteps["handler"]["name"];
}

type HandlersById<TSteps extends AnyStep> = { readonly [TStep in TSteps as TStep["id"]]: TStep["handler"] };

export type HandlersByName<TSteps extends AnyStep> = {
  readonly [TStep in TSteps as TStep["handler"]["name"]]: TStep["handler"];
};

/** What `finalize` returns, else the list of outputs. A coordinator function has one output. */
type ResultOf<THandlers, TId, TOutput> = TId extends keyof THandlers
  ? THandlers[TId] extends AnyHandler
    ? THandlers[TId]["$infer"]["result"] extends Absent
      ? TOutput[]
      : THandlers[TId]["$infer"]["result"]
    : never
  : TOutput;

/** What `compile` adds to the graph. */
export interface CompileOptions {
  /** Adds `status`, `attempt_epoch`, `stats` and `lease` at their first values to each node. @defaultValue false */
  readonly primed?: boolean;
  /** Adds the JSON Schemas of each handler's args, input and output. @defaultValue false */
  readonly schemas?: boolean;
}
