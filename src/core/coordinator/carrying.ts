import {
  asideIn,
  type Carried,
  type CarriedOutput,
  keptLength,
  logOf,
  type RetriedBatches,
  type ShardRecord,
  sourceKey,
} from "../model/records.ts";
import type { NodePlan, Plan } from "../plan/index.ts";
import type { Store } from "../ports/index.ts";
import { isKept } from "./adoption.ts";

/** By shard; `undefined` for a shard whose log starts empty. */
export type CarriedShards = readonly (CarriedOutput | undefined)[];

/**
 * What the shards of a node carry in a retry of a task, if the node cannot be adopted: everything that they had stored
 * in the earlier task, in the same generation and under the same seqs.
 *
 * Applies only if nothing upstream starts over: every parent shard that had a record is adopted or carried. So the
 * origins in a carried log name the same artifacts as before; if a parent starts over later, its generation changes.
 * Two coordinators may find logs of different lengths, since an insert may arrive late; the first dispatch decides.
 */
export async function carriedShards(
  store: Store,
  of: {
    readonly taskId: string;
    readonly retryOf: string;
    readonly retriedBatches?: RetriedBatches | undefined;
    readonly node: NodePlan;
  },
): Promise<CarriedShards> {
  const { taskId, retryOf, retriedBatches, node } = of;
  if (node.fn !== undefined || !node.needsAll || node.startsOnEnded) return [];
  const before = Map.groupBy(await store.readShards(retryOf, [node.id, ...node.dependsOn]), isOf(node));
  // A task's records are not removed at once: some may be gone already.
  if ((await store.readTask(retryOf)) === undefined) return [];
  const parents = await store.readShards(taskId, node.dependsOn);
  const again = new Map(parents.map((record) => [sourceKey(record.nodeId, record.shard), record]));
  const continues = ({ nodeId, shard }: ShardRecord): boolean => {
    const parent = again.get(sourceKey(nodeId, shard));
    return parent?.artifactsOf !== undefined || (parent?.carried !== undefined && parent.carried.without === undefined);
  };
  if (before.get("parent")?.every(continues) === false) return [];
  const mayGather = parents.every(({ artifactsOf }) => artifactsOf !== undefined);
  const shards: (CarriedOutput | undefined)[] = [];
  const retried = retriedBatches?.nodeId === node.id ? retriedBatches : undefined;
  for (const record of before.get("node") ?? []) {
    const kept = retried?.shards.find(({ shard }) => shard === record.shard)?.kept;
    const log = kept ?? (await longestLog(store, record));
    const output = await outputOf(store, record, { log, mayGather });
    shards[record.shard] = output && retried ? await withoutRetried(store, output) : output;
  }
  return shards;
}

const isOf =
  ({ id }: NodePlan) =>
  ({ nodeId }: ShardRecord): "node" | "parent" =>
    nodeId === id ? "node" : "parent";

async function outputOf(
  store: Store,
  { sourceGens, checkpoint, checkpointIndex }: ShardRecord,
  { log, mayGather }: { readonly log: Carried; readonly mayGather: boolean },
): Promise<CarriedOutput | undefined> {
  if (!(await isKept(store, log))) return undefined;
  // A batch gathered from all artifacts is valid only if the sources produce no more of them.
  if (!mayGather && (await hasGathered(store, log))) return undefined;
  return {
    log,
    sourceGens,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(checkpointIndex === undefined ? {} : { checkpointIndex }),
  };
}

/**
 * The same for a node whose failed batches are retried. A node that produces its own batches starts over: its
 * checkpoint is past the failed batches, so it would not yield them again.
 */
async function withoutRetried(store: Store, output: CarriedOutput): Promise<CarriedOutput> {
  const { sourceGens, ...checkpoint } = output;
  const log = { ...output.log, without: output.log.without ?? { count: 0 } };
  const { origins } = await store.tail(log, log.generation);
  const isSource = origins.some(({ source }) => source === "");
  return isSource ? { log, sourceGens } : { ...checkpoint, log, sourceGens };
}

/** The shard's own log, or the one that it carries if it ended before all of that was copied. */
export async function longestLog(store: Store, record: ShardRecord): Promise<Carried> {
  const { generation, carried } = record;
  const { taskId, nodeId, shard } = logOf(record);
  const { length, origins } = await store.tail({ taskId, nodeId, shard }, generation);
  if (carried !== undefined && keptLength(carried) > length) return carried;
  const aside = asideIn(origins);
  return { taskId, nodeId, shard, generation, length, ...(aside === 0 ? {} : { aside }) };
}

async function hasGathered(store: Store, log: Carried): Promise<boolean> {
  return (await store.tail(log, log.generation)).origins.some(({ source }) => source === "*");
}

/** The nodes of a graph, each after its parents. */
export function parentsFirst({ nodes, children }: Plan): readonly NodePlan[] {
  const left = new Map(nodes.map((node) => [node.id, node.dependsOn.length]));
  const ordered = nodes.filter((node) => node.dependsOn.length === 0);
  for (const node of ordered) {
    for (const child of children.get(node.id) ?? []) {
      const open = (left.get(child.id) ?? 0) - 1;
      left.set(child.id, open);
      if (open === 0) ordered.push(child); // the loop continues with this node
    }
  }
  return ordered;
}
