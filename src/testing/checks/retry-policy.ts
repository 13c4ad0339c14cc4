import type { GraphNode } from "../../graph/index.ts";
import type { Workload } from "../world/workload.ts";

/** Permanent whatever a node's `permanent_on` says: the handler's own verdict, and a value that fits no schema. */
const alwaysPermanent: readonly string[] = ["broken", "schema_mismatch"];

export interface JudgedPolicy {
  readonly max: number;
  isPermanent(code: string): boolean;
}

/** What a node's retry policy means, as the specification has it. */
export function retryPolicyOf(workload: Workload, node: GraphNode | undefined): JudgedPolicy {
  const { max = 2, permanent_on = ["bad_input", "schema_mismatch"] } = node?.retry_policy ?? {};
  const always = workload.isKnown ? alwaysPermanent : [];
  return { max, isPermanent: (code) => permanent_on.includes(code) || always.includes(code) };
}
