export { type ExplainFacts, explain, formatReason, type Reason, signalAwaited, waitsForSignal } from "./explain.ts";
export {
  type BackpressurePlan,
  type FlowPlan,
  firstNotUpstream,
  logsReadBy,
  type NodePlan,
  type Plan,
  PlanCache,
  planGraph,
  type RetryPlan,
  type Routing,
  retryDelayMs,
  streamReadersOf,
  type WaitPlan,
} from "./plan.ts";
export {
  conditionFacts,
  endOf,
  isNodeClosed,
  isNodeFinished,
  type NodeEnd,
  type Readiness,
  readiness,
  resultOf,
  sparedNodes,
} from "./readiness.ts";
