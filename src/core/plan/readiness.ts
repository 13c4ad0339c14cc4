import type { ShardRecord } from "../model/records.ts";
import type { NodePlan } from "./plan.ts";

export interface ParentState {
  readonly finished: boolean;
  /** Has stored a batch, in any generation. */
  readonly hasArtifact: boolean;
}

export type Readiness =
  | {
      readonly ready: true /** Under `any` and `count:N`: the parents that satisfied it. */;
      readonly chosen?: readonly string[];
    }
  | {
      readonly ready: false;
      readonly reason: "waiting_for_parents" | "waiting_for_first_batch";
      readonly waitingOn: readonly string[];
    };

/**
 * Whether this node may start, given the state of its parents. A parent satisfies it when it is finished or, under
 * `first_batch`, has stored a batch; a failed or cancelled one never does.
 */
export function readiness(node: NodePlan, parent: (id: string) => ParentState): Readiness {
  const satisfied: string[] = [];
  const waitingOn: string[] = [];
  for (const id of node.dependsOn) {
    const state = parent(id);
    const satisfies = state.finished || (node.startsOnFirstBatch && state.hasArtifact);
    (satisfies ? satisfied : waitingOn).push(id);
  }
  if (satisfied.length < node.needed) {
    return {
      ready: false,
      reason: node.startsOnFirstBatch ? "waiting_for_first_batch" : "waiting_for_parents",
      waitingOn,
    };
  }
  return node.needsAll ? { ready: true } : { ready: true, chosen: satisfied };
}

/** A node is finished when all of its shards are. */
export function isNodeFinished(node: NodePlan, shards: readonly ShardRecord[]): boolean {
  return shards.length === node.partitions && shards.every((shard) => shard.status === "finished");
}
