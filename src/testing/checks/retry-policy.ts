import type { GraphNode } from "../../graph/index.ts";

/** Permanent whatever a node's `permanent_on` says: the handler's own verdict, and a value that fits no schema. */
const alwaysPermanent: readonly string[] = ["broken", "schema_mismatch"];

export interface JudgedPolicy {
  readonly max: number;
  isPermanent(code: string): boolean;
}

/** What a node's retry policy means, as the specification has it. */
export function retryPolicyOf(node: GraphNode | undefined): JudgedPolicy {
  const { max = 2, permanent_on = ["bad_input", "schema_mismatch"] } = node?.retry_policy ?? {};
  return { max, isPermanent: (code) => permanent_on.includes(code) || alwaysPermanent.includes(code) };
}
