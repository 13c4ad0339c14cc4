export { type ExplainFacts, explain, formatReason, type Reason } from "./explain.ts";
export {
  firstNotUpstream,
  isNodeFinished,
  type NodePlan,
  type Plan,
  PlanCache,
  planGraph,
  type Readiness,
  type RetryPlan,
  type Routing,
  readiness,
  retryDelayMs,
  sourcesOf,
  streamReadersOf,
} from "./plan.ts";
