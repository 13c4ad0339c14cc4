import type { RunningLimits } from "../engine/worker/running-limits.ts";
import type { WorkerLimits } from "../engine/worker/worker-options.ts";
import { defaultWorkerLimits } from "../engine/worker/worker-options.ts";
import { type AttemptOptions, type CapacityOptions, definedOf, type RunningLimitOptions } from "./options.ts";

/** The producer that a starving consumer makes room for starts soon: no need to wait long. */
const maxStarveMs = 500;

export function runningLimits({
  maxRunning,
  maxRunningPerType,
  maxRunningPerTask,
}: RunningLimitOptions): RunningLimits {
  return definedOf({ maxRunning, maxRunningPerType, maxRunningPerTask });
}

export function workerLimits(
  options: AttemptOptions & CapacityOptions & { readonly pollMaxMs?: number },
): WorkerLimits {
  const { capacity, capacityPerType, pageSize, pollMaxMs, leaseMs = defaultWorkerLimits.leaseMs } = options;
  return {
    ...defaultWorkerLimits,
    ...definedOf({ capacity, capacityPerType, pageSize, pollMaxMs }),
    leaseMs,
    starveMs: Math.min(leaseMs / 10, maxStarveMs),
    running: runningLimits(options),
  };
}
