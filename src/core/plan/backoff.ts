import type { Random } from "../ports/index.ts";

export interface RetryPlan {
  /** Failed attempts after which the node has failed: retries + 1. */
  readonly maxFailures: number;
  readonly backoffMs: number;
  readonly factor: number;
  readonly backoffMaxMs: number;
  /** 0 to 1: the delay is multiplied by a factor drawn evenly from [1 - jitter, 1 + jitter]. */
  readonly jitter: number;
  readonly permanentOn: readonly string[];
}

/** Delay before retry number `retry` (1, 2, ...), in ms. */
export function retryDelayMs(plan: RetryPlan, retry: number, random: Random): number {
  if (plan.backoffMs === 0) return 0; // the factor's power may be infinite by now
  const delay = Math.min(plan.backoffMaxMs, plan.backoffMs * plan.factor ** (retry - 1));
  return delay * (1 - plan.jitter + 2 * plan.jitter * random());
}
