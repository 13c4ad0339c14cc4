export { type RetryPlan, retryDelayMs } from "./backoff.ts";
export { firstNotUpstream, type NodePlan, type Plan, PlanCache, planGraph, type Routing } from "./plan.ts";
export { isNodeFinished, type Readiness, readiness } from "./readiness.ts";
