import type { Json, JsonObject } from "../../errors/index.ts";
import { type Failure, isClosed, isShardTerminal, type ShardRecord, type ShardStatus } from "../model/records.ts";
import { logsReadBy, type NodePlan, type Plan } from "./plan.ts";

export interface ParentState {
  /** It has ended, whatever the outcome. */
  readonly ended: boolean;
  /** It ended with a closed log: it finished, was skipped, or failed and is optional. */
  readonly closed: boolean;
  /** It is closed, but did not finish. */
  readonly omitted: boolean;
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
      /** How many of these parents it needs. */
      readonly needed: number;
    };

/**
 * Whether this node may start, given the state of its parents. A parent satisfies it when it is closed or, under
 * `first_batch`, has stored a batch; any other failed or cancelled parent never does. A node that needs only some of
 * its parents does not count omitted ones, and needs fewer if too few are left. Under `ended`, every parent that has
 * ended counts.
 */
export function readiness(node: NodePlan, parent: (id: string) => ParentState): Readiness {
  const satisfied: string[] = [];
  const waitingOn: string[] = [];
  for (const id of node.dependsOn) {
    const { ended, closed, omitted, hasArtifact } = parent(id);
    const satisfies = (node.startsOnEnded && ended) || (node.startsOnFirstBatch && hasArtifact);
    if (satisfies || (closed && (node.needsAll || !omitted))) satisfied.push(id);
    else if (!omitted) waitingOn.push(id);
  }
  const needed = Math.min(node.needed, satisfied.length + waitingOn.length) - satisfied.length;
  if (needed > 0) {
    const reason = node.startsOnFirstBatch ? "waiting_for_first_batch" : "waiting_for_parents";
    return { ready: false, reason, waitingOn, needed };
  }
  return node.needsAll ? { ready: true } : { ready: true, chosen: satisfied };
}

/** A node is finished when all of its shards are. */
export function isNodeFinished(node: NodePlan, shards: readonly ShardRecord[]): boolean {
  return shards.length === node.partitions && shards.every((shard) => shard.status === "finished");
}

/** A node is closed when all of its shards ended with a closed log: its consumers may read all of it. */
export function isNodeClosed(node: NodePlan, shards: readonly ShardRecord[]): boolean {
  return shards.length === node.partitions && shards.every(isClosed);
}

/** How a node ended. */
export type NodeEnd =
  | { readonly status: "finished" | "skipped" | "cancelled" }
  /** The failure is that of its first failed shard. */
  | { readonly status: "failed"; readonly failure: Failure | undefined };

/** `undefined`: it has not ended. */
export function endOf(node: NodePlan, shards: readonly ShardRecord[]): NodeEnd | undefined {
  if (shards.length < node.partitions || !shards.every(({ status }) => isShardTerminal(status))) return undefined;
  const failed = shards.find(({ status }) => status === "failed");
  if (failed !== undefined) return { status: "failed", failure: failed.failure };
  const has = (some: ShardStatus): boolean => shards.some(({ status }) => status === some);
  return { status: has("cancelled") ? "cancelled" : has("skipped") ? "skipped" : "finished" };
}

/** What `finalize` or a function returned for a node; a list if it has several shards. */
export function resultOf(node: NodePlan, shards: readonly ShardRecord[]): Json | undefined {
  const results = shards.flatMap(({ result }) => (result === undefined ? [] : [result]));
  return node.partitions === 1 ? results[0] : results.length === 0 ? undefined : results;
}

/** The data that a node's condition is evaluated on. Contains only parents that have ended. */
export function conditionFacts(
  node: NodePlan,
  of: {
    readonly params: JsonObject;
    readonly byId: ReadonlyMap<string, NodePlan>;
    readonly shards: readonly ShardRecord[];
  },
): JsonObject {
  const byNode = Map.groupBy(of.shards, ({ nodeId }) => nodeId);
  const status: [string, Json][] = [];
  const results: [string, Json][] = [];
  for (const id of node.dependsOn) {
    const parent = of.byId.get(id);
    const shards = byNode.get(id) ?? [];
    const end = parent && endOf(parent, shards);
    if (parent === undefined || end === undefined) continue;
    status.push([id, end.status]);
    const result = end.status === "finished" ? resultOf(parent, shards) : undefined;
    if (result !== undefined) results.push([id, result]);
  }
  return { params: of.params, status: Object.fromEntries(status), results: Object.fromEntries(results) };
}

/**
 * The nodes that a failed or cancelled task still runs: handlers of outcomes, and descendants of theirs whose other
 * parents and sources are closed. All others are cancelled.
 *
 * @param nodes - each after its parents
 */
export function sparedNodes(
  plan: Plan,
  nodes: readonly NodePlan[],
  shardsOf: (nodeId: string) => readonly ShardRecord[],
): ReadonlySet<string> {
  const spared = new Set<string>();
  /** Nodes that are closed, or may still become so. */
  const live = new Set<string>();
  for (const node of nodes) {
    const shards = shardsOf(node.id);
    if (isNodeClosed(node, shards)) live.add(node.id);
    else if (plan.handling.has(node.id) && endOf(node, shards) === undefined) {
      const needs = node.startsOnEnded ? [] : [...node.dependsOn, ...logsReadBy(plan, node)];
      if (!needs.every((id) => live.has(id))) continue;
      spared.add(node.id);
      live.add(node.id);
    }
  }
  return spared;
}
