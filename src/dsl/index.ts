export type { Absent } from "../builtins/node-records.ts";
export { defineCoordinatorFn } from "./define-coordinator-fn.ts";
export { defineHandler } from "./define-handler.ts";
export { defineInputAdapter } from "./define-input-adapter.ts";
export { flow } from "./flow.ts";
export { fromGraph } from "./from-graph.ts";
export { param } from "./param.ts";
// Types that stand in the types of exported flows and handlers: without a name for them, declarations can't be written.
export type { InputAdapter, InputAdapterTypes } from "./types/adapter.ts";
export type { CoordinatorFn, CoordinatorFnTypes } from "./types/coordinator-function.ts";
export type { AddFn, AddNext, AddPart, AddRoot, Flow } from "./types/flow.ts";
export type { CompileOptions, FlowInfer } from "./types/flow-types.ts";
export type { FnOptions } from "./types/fn-options.ts";
export type { Handler, HandlerOptions, HandlerTypes } from "./types/handler.ts";

export type { NodeLimits, NodeOptions, RetryOptions as NodeRetryOptions } from "./types/options.ts";
export type { ParamReference } from "./types/params.ts";
export type { FlowHead, FlowState, HandlerStep } from "./types/state.ts";
export type { UseOptions } from "./types/use.ts";
