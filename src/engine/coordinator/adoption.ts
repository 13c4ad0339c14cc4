import { FlowError } from "../../errors/index.ts";
import { foreignSources } from "../foreign/index.ts";
import { logOf, type ShardRecord, type TaskRecord } from "../model.ts";
import { isNodeFinished, type NodePlan, type Plan } from "../planner/index.ts";
import type { Store } from "../ports/index.ts";

/**
 * Gives a retry what the task before it has finished: a node is adopted when it had finished there and all that is
 * upstream of it is adopted too, so that nothing is kept that was built from what now runs again.
 *
 * Comes before any dispatch of this task, at every coordinator: whoever dispatches a node knows then that it isn't
 * adopted. Ends where it was left off when it is called again, and several at once make the same of it.
 */
export async function adoptFinished(options: {
  readonly store: Store;
  readonly plan: Plan;
  readonly task: TaskRecord;
  /** Types whose workers look for artifacts under their own task only. */
  readonly foreign?: ReadonlySet<string> | undefined;
}): Promise<void> {
  const { store, plan, task, foreign } = options;
  if (task.retryOf === undefined) return;
  const lent = Map.groupBy(await store.readShards(task.retryOf), (record) => record.nodeId);
  const own = Map.groupBy(await store.readShards(task.id), (record) => record.nodeId);
  const readAgain = new Set(
    plan.nodes
      .filter((node) => foreign?.has(node.type) && !isNodeFinished(node, lent.get(node.id) ?? []))
      .flatMap(foreignSources),
  );
  const parentsLeft = new Map(plan.nodes.map((node) => [node.id, node.dependsOn.length]));
  const reached = plan.nodes.filter((node) => node.dependsOn.length === 0);
  for (const node of reached) {
    if (readAgain.has(node.id)) continue;
    const finished = lent.get(node.id) ?? [];
    const isAdopted = isAdoptedNode(node, own.get(node.id) ?? []) || (await adoptNode(store, { task, node, finished }));
    if (!isAdopted) continue;
    for (const child of plan.children.get(node.id) ?? []) {
      const left = (parentsLeft.get(child.id) ?? 0) - 1;
      parentsLeft.set(child.id, left);
      if (left === 0) reached.push(child); // the loop goes on over these
    }
  }
}

async function adoptNode(
  store: Store,
  from: { readonly task: TaskRecord; readonly node: NodePlan; readonly finished: readonly ShardRecord[] },
): Promise<boolean> {
  const { task, node, finished } = from;
  if (!isNodeFinished(node, finished)) return false;
  for (const record of finished) if (!(await isKept(store, record))) return false;
  let all = true;
  for (const record of finished) {
    const ref = { taskId: task.id, nodeId: node.id, shard: record.shard };
    const answer = await store.adopt(ref, { type: node.type, priority: task.priority, finished: record });
    all &&= answer === "adopted";
  }
  // What was there is another's adoption, a tombstone, or a dispatch.
  return all || isAdoptedNode(node, await store.readShards(task.id, [node.id]));
}

const isAdoptedNode = (node: NodePlan, shards: readonly ShardRecord[]): boolean =>
  shards.length === node.partitions && shards.every((record) => record.artifactsOf !== undefined);

/** A store may have dropped artifacts that all readers of the graph had read: from the first one on, if any. */
async function isKept(store: Store, record: ShardRecord): Promise<boolean> {
  const { count = 0, generation } = record;
  if (count === 0) return true;
  try {
    return (await store.readArtifacts(logOf(record), generation, 0, 1)).length > 0;
  } catch (error) {
    if (FlowError.is(error, "ARTIFACTS_DROPPED")) return false;
    throw error;
  }
}
