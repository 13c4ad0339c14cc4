import { type ShardRecord, shardKey } from "../model/records.ts";
import { type ExplainFacts, explain, formatReason, type NodePlan, type Plan } from "../plan/index.ts";
import { limitsOf } from "../worker/claim/concurrency-limits.ts";
import type { TaskExplanation } from "./api.ts";
import { readTask, type TaskReaderParts } from "./task-reader.ts";

/** Beyond this many, a place in the queue is reported as "behind many others". */
const queueLimit = 1_000;

/** Why each node is not running now. Reads several records without a snapshot: for people, not for decisions. */
export async function explainTask(parts: TaskReaderParts, taskId: string): Promise<TaskExplanation> {
  const { store, retry, clock, external } = parts;
  const { status, graph, paused } = await readTask(parts, taskId);
  const plan = parts.plans.get(graph);
  const shards = await retry.run(() => store.readShards(taskId));
  const queued = shards.filter((record) => record.status === "queued");
  const [workers, withArtifacts, fullLimit, ahead, isPaused] = await Promise.all([
    retry.run(() => store.liveWorkers()),
    firstBatches(parts, plan, shards),
    fullLimits(parts, taskId, queued),
    queuePlaces(parts, queued),
    shards.length === 0 && graph.name !== undefined && flowPaused(parts, graph.name),
  ]);
  await retry.run(() => store.settle());
  const now = clock.now();
  return {
    id: taskId,
    status,
    ...(paused && status === "running" ? { paused } : {}),
    nodes: explain({ now, status, plan, shards, workers, external, withArtifacts, fullLimit, ahead, isPaused }).map(
      (each) => ({
        ...each,
        text: formatReason(each, now, plan.byId.get(each.nodeId)?.partitions),
      }),
    ),
  };
}

const flowPaused = ({ store, retry }: TaskReaderParts, id: string): Promise<boolean> =>
  retry.run(() => store.updateEntry({ kind: "paused_flow", id }, (entry) => ({ answer: entry !== undefined })));

/** The parents of nodes waiting for a first batch that have stored one. */
async function firstBatches(
  { store, retry }: TaskReaderParts,
  plan: Plan,
  shards: readonly ShardRecord[],
): Promise<ReadonlySet<string>> {
  const dispatched = new Set(shards.map((record) => record.nodeId));
  const waiting = plan.nodes.filter((node) => node.startsOnFirstBatch && !dispatched.has(node.id));
  const parents = new Set(waiting.flatMap((node) => node.dependsOn).filter((id) => dispatched.has(id)));
  const found = new Set<string>();
  const taskId = shards[0]?.taskId ?? "";
  for (const id of parents) if (await retry.run(() => store.hasArtifacts(taskId, id))) found.add(id);
  return found;
}

async function fullLimits(
  { store, retry, running }: TaskReaderParts,
  taskId: string,
  queued: readonly ShardRecord[],
): Promise<ExplainFacts["fullLimit"]> {
  const holders = new Map<string, number>();
  if (queued.length > 0) {
    for (const { key } of await retry.run(() => store.heldSlots())) holders.set(key, (holders.get(key) ?? 0) + 1);
  }
  return (node: NodePlan) => {
    const full = limitsOf(running, taskId, node).find(({ key, max }) => (holders.get(key) ?? 0) >= max);
    return full && { limit: full.full.kind, max: full.max };
  };
}

async function queuePlaces(
  { store, retry }: TaskReaderParts,
  queued: readonly ShardRecord[],
): Promise<ExplainFacts["ahead"]> {
  const places = new Map<string, number>();
  for (const type of new Set(queued.map((record) => record.type))) {
    const queue = await retry.run(() => store.peekQueue([type], queueLimit));
    for (const [place, ref] of queue.entries()) places.set(shardKey(ref), place);
  }
  return (record) => places.get(shardKey(record));
}
