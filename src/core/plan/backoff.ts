import type { Random } from "../ports/index.ts";

export interface RetryPlan {
  /** The number of failed attempts that fails the node: retries + 1. */
  readonly maxFailures: number;
  readonly backoffMs: number;
  readonly factor: number;
  readonly backoffMaxMs: number;
  /** 0 to 1: the delay is multiplied by a random factor, uniform in [1 - jitter, 1 + jitter]. */
  readonly jitter: number;
  readonly permanentOn: readonly string[];
}

/** The delay before retry number `retry` (1, 2, ...), in ms. */
export function retryDelayMs(plan: RetryPlan, retry: number, random: Random): number {
  if (plan.backoffMs === 0) return 0; // the power of the factor may be infinite
  const delay = Math.min(plan.backoffMaxMs, plan.backoffMs * plan.factor ** (retry - 1));
  return delay * (1 - plan.jitter + 2 * plan.jitter * random());
}
