import { FlowError } from "../../errors/index.ts";
import { externalSources } from "../interop/index.ts";
import { type Carried, logOf, type ShardRecord, type TaskRecord } from "../model/records.ts";
import type { NodePlan, Plan } from "../plan/index.ts";
import type { Store } from "../ports/index.ts";

/**
 * Adopts the finished and the skipped nodes of the task that a retry continues. A node is adopted only if everything
 * upstream of it is adopted too, so that nothing that is kept depends on a node that runs again.
 *
 * Every coordinator adopts before it dispatches any node of the task, so a node that is dispatched was not adopted.
 * Idempotent: a call continues where an interrupted one stopped, and concurrent calls have the same outcome.
 */
export async function adoptFinished(options: {
  readonly store: Store;
  readonly plan: Plan;
  readonly task: TaskRecord;
  /** Types whose workers look for artifacts only under the ID of their own task. */
  readonly external?: ReadonlySet<string> | undefined;
}): Promise<void> {
  const { store, plan, task, external } = options;
  if (task.retryOf === undefined) return;
  const lent = Map.groupBy(await store.readShards(task.retryOf), (record) => record.nodeId);
  const own = Map.groupBy(await store.readShards(task.id), (record) => record.nodeId);
  const retried = task.retriedBatches?.nodeId;
  const again = external === undefined ? none : runsAgain(plan, { lent, external, retried });
  const parentsLeft = new Map(plan.nodes.map((node) => [node.id, node.dependsOn.length]));
  const reached = plan.nodes.filter((node) => node.dependsOn.length === 0);
  for (const node of reached) {
    if (again.has(node.id) || node.id === retried) continue;
    const ended = lent.get(node.id) ?? [];
    const isAdopted = isAdoptedNode(node, own.get(node.id) ?? []) || (await adoptNode(store, { task, node, ended }));
    if (!isAdopted) continue;
    for (const child of plan.children.get(node.id) ?? []) {
      const left = (parentsLeft.get(child.id) ?? 0) - 1;
      parentsLeft.set(child.id, left);
      if (left === 0) reached.push(child); // the loop continues with this node
    }
  }
}

const none: ReadonlySet<string> = new Set();

/**
 * The nodes that cannot be adopted, everything downstream of them, and what the external workers among these read,
 * transitively.
 */
function runsAgain(
  plan: Plan,
  known: {
    readonly lent: ReadonlyMap<string, readonly ShardRecord[]>;
    readonly external: ReadonlySet<string>;
    /** The node whose failed batches are retried. */
    readonly retried: string | undefined;
  },
): ReadonlySet<string> {
  const { lent, external, retried } = known;
  const isLeft = (node: NodePlan) => node.id === retried || !isAdoptable(node, lent.get(node.id) ?? []);
  const left = plan.nodes.filter(isLeft).map(({ id }) => id);
  const again = new Set(left);
  for (const id of again) {
    const node = plan.byId.get(id);
    // The loop continues with the nodes added here.
    for (const child of plan.children.get(id) ?? []) again.add(child.id);
    if (node !== undefined && external.has(node.type)) for (const source of externalSources(node)) again.add(source);
  }
  return again;
}

async function adoptNode(
  store: Store,
  from: { readonly task: TaskRecord; readonly node: NodePlan; readonly ended: readonly ShardRecord[] },
): Promise<boolean> {
  const { task, node, ended } = from;
  if (!isAdoptable(node, ended)) return false;
  for (const record of ended) {
    const { generation, count: length = 0 } = record;
    if (!(await isKept(store, { ...logOf(record), generation, length }))) return false;
  }
  let all = true;
  for (const record of ended) {
    const ref = { taskId: task.id, nodeId: node.id, shard: record.shard };
    const answer = await store.adopt(ref, { type: node.type, priority: task.priority, ended: record });
    all &&= answer === "adopted";
  }
  // Existing records come from a concurrent adoption, a tombstone, or a dispatch.
  return all || isAdoptedNode(node, await store.readShards(task.id, [node.id]));
}

/** Handlers of outcomes run again in each task. */
const isAdoptable = (node: NodePlan, shards: readonly ShardRecord[]): boolean =>
  !node.startsOnEnded &&
  shards.length === node.partitions &&
  shards.every(({ status }) => status === "finished" || status === "skipped");

const isAdoptedNode = (node: NodePlan, shards: readonly ShardRecord[]): boolean =>
  shards.length === node.partitions && shards.every((record) => record.artifactsOf !== undefined);

/** A store may have dropped artifacts that all readers had read, always starting with the first. */
export async function isKept(store: Store, log: Carried): Promise<boolean> {
  if (log.length === 0) return true;
  try {
    return (await store.readArtifacts(log, log.generation, 0, 1)).length > 0;
  } catch (error) {
    if (FlowError.is(error, "ARTIFACTS_DROPPED")) return false;
    throw error;
  }
}
