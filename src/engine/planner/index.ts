export { type RetryPlan, retryDelayMs } from "./backoff.ts";
export { type ExplainFacts, explain, type Why } from "./explain.ts";
export { tellWhy } from "./explain-text.ts";
export {
  firstNotUpstream,
  type NodePlan,
  type Plan,
  PlanCache,
  planGraph,
  type Routing,
  streamReadersOf,
} from "./plan.ts";
export { isNodeFinished, type Readiness, readiness } from "./readiness.ts";
