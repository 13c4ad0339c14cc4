export { type ExplainFacts, explain, type LostWorker, type RateFacts, type Reason, signalAwaited } from "./explain.ts";
export { formatReason, waitsForSignal } from "./explain-text.ts";
export {
  type BackpressurePlan,
  type FlowPlan,
  firstNotUpstream,
  logsReadBy,
  type NodePlan,
  nextOf,
  type Plan,
  PlanCache,
  planGraph,
  type RatePlan,
  type RetryPlan,
  type Routing,
  retryDelayMs,
  type SourceShard,
  sourceShard,
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
