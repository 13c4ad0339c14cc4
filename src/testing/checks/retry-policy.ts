import type { GraphNode } from "../../graph/index.ts";
import type { Workload } from "../world/workload.ts";

/** Permanent whatever a node's `permanent_on` says: the handler's own verdict, and a value that fits no schema. */
const alwaysPermanent: readonly string[] = ["broken", "schema_mismatch"];

export interface JudgedPolicy {
  readonly max: number;
  isPermanent(code: string): boolean;
  /** What a retry waits at least after so many failures, in ms. */
  leastWaitMs(failures: number): number;
}

/** What a node's retry policy means, as the specification has it. */
export function retryPolicyOf(workload: Workload, node: GraphNode | undefined): JudgedPolicy {
  const { max = 2, permanent_on = ["bad_input", "schema_mismatch"], ...waits } = node?.retry_policy ?? {};
  const { backoff_sec = 0, backoff_factor = 1, backoff_max_sec = 0, jitter = 1 } = waits;
  const always = workload.isKnown ? alwaysPermanent : [];
  return {
    max,
    isPermanent: (code) => permanent_on.includes(code) || always.includes(code),
    leastWaitMs: (failures) =>
      1_000 * Math.min(backoff_max_sec, backoff_sec * backoff_factor ** (failures - 1)) * (1 - jitter),
  };
}
