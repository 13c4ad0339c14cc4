export type { Absent } from "../builtins/node-records.ts";
export { asHandler, type FlowHandler, type Settled } from "./as-handler.ts";
export { defineCoordinatorFn } from "./define-coordinator-fn.ts";
export { defineHandler } from "./define-handler.ts";
export { defineInputAdapter } from "./define-input-adapter.ts";
export { flow } from "./flow.ts";
export { fromGraph } from "./from-graph.ts";
// Types that the types of exported flows and handlers contain: the compiler needs their names to emit declarations.
export type { InputAdapter, InputAdapterTypes } from "./model/adapter.ts";
export type { CoordinatorFn, CoordinatorFnTypes } from "./model/coordinator-function.ts";
export type {
  AnyShownHandler as AnyHandler,
  ArgsOf,
  HandlerTypes,
  InputOf,
  OutputOf,
  ResultOf,
  Shown,
  TypedHandler,
} from "./model/handler.ts";
export type { CountTexts, FirstTexts, UnknownTexts } from "./model/node-count.ts";
export type { ParamReference } from "./model/param.ts";
export { type Exists, exists, type Not, not } from "./model/pattern.ts";
export type { Control, FlowHead, FlowState, HandlerStep, IdsOf, ParamsOf, SubflowControl } from "./model/state.ts";
export type { NotPrinted, Printed } from "./model/unprinted.ts";
export { param } from "./param.ts";
export type { UseOptions } from "./rules/subflow/types.ts";
export type { AddFn, AddNext, AddRoot, AddSubflow, AnyFlow, FlowMethods } from "./types/flow.ts";
export type { BuiltFlow, CompileOptions, FlowInfer } from "./types/flow-types.ts";
export type { FnOptions } from "./types/fn-options.ts";
export type { HandlerOptions } from "./types/handler.ts";
export type { FailureTolerance, NodeLimits, NodeOptions, RetryOptions as NodeRetryOptions } from "./types/options.ts";
