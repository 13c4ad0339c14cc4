export { type RetryPlan, retryDelayMs } from "./backoff.ts";
export { type ExplainFacts, explain, formatReason, type Reason, signalAwaited, waitsForSignal } from "./explain.ts";
export {
  type BackpressurePlan,
  firstNotUpstream,
  logsReadBy,
  type NodePlan,
  type Plan,
  PlanCache,
  planGraph,
  type Routing,
  streamReadersOf,
  type WaitPlan,
} from "./plan.ts";
export { isNodeFinished, type Readiness, readiness } from "./readiness.ts";
