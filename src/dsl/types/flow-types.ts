import type { NodeResult } from "./state.ts";

/** Parameters as the caller of a run gives them, and as a node sees them. */
export interface ParamTypes<TInput, TStored> {
  readonly input: TInput;
  readonly stored: TStored;
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
