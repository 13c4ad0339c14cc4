export { type RetryPlan, retryDelayMs } from "./backoff.ts";
export { type ExplainFacts, explain, formatReason, type Reason } from "./explain.ts";
export {
  type BackpressurePlan,
  firstNotUpstream,
  isNodeFinished,
  type NodePlan,
  type Plan,
  PlanCache,
  planGraph,
  type Readiness,
  type Routing,
  readiness,
  sourcesOf,
  streamReadersOf,
} from "./plan.ts";
