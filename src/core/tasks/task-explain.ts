import { isShardTerminal, type ShardRecord, shardKey } from "../model/records.ts";
import { type ExplainFacts, explain, formatReason, type NodePlan, type Plan, type RateFacts } from "../plan/index.ts";
import { keepSeenMs } from "../store/driver.ts";
import { limitsOf, ratesOf, tokenIn } from "../worker/claim/limits.ts";
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
  const [workers, heardAt, withArtifacts, rateOf, fullLimit, ahead, isPaused] = await Promise.all([
    retry.run(() => store.liveWorkers()),
    lastHeard(parts, shards),
    firstBatches(parts, plan, shards),
    emptyRates(parts, plan, shards),
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
    nodes: explain({
      now,
      status,
      plan,
      shards,
      workers,
      heardAt,
      external,
      withArtifacts,
      rateOf,
      fullLimit,
      ahead,
      isPaused,
    }).map((each) => ({
      ...each,
      text: formatReason(each, now, plan.byId.get(each.nodeId)?.partitions),
    })),
  };
}

/**
 * When workers with expired leases were last heard. Taken from the last kept announcement or the last renewal,
 * whichever is later: announcements are not kept every time, and a lease lasts as long as an announcement is valid.
 */
async function lastHeard(
  { store, retry, clock }: TaskReaderParts,
  shards: readonly ShardRecord[],
): Promise<NonNullable<ExplainFacts["heardAt"]>> {
  const leasesEnded = new Map<string, number>();
  for (const { lease, history } of shards) {
    const last = history.at(-1);
    const expired = last?.cause === "expire" ? { workerId: last.workerId, deadline: last.at } : undefined;
    const { workerId, deadline } = lease ?? expired ?? { deadline: Number.POSITIVE_INFINITY };
    if (workerId === undefined || deadline >= clock.now()) continue;
    leasesEnded.set(workerId, Math.max(deadline, leasesEnded.get(workerId) ?? 0));
  }
  const found = new Map<string, number>();
  for (const [id, leaseEnded] of leasesEnded) {
    const seen = await retry.run(() => store.updateEntry({ kind: "worker_seen", id }, (entry) => ({ answer: entry })));
    if (seen?.until === undefined) continue;
    const { ttlMs } = seen.value as { readonly ttlMs: number };
    found.set(id, Math.max(seen.until - keepSeenMs, leaseEnded - ttlMs));
  }
  return (workerId) => found.get(workerId);
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
    if (full === undefined) return undefined;
    return { limit: full.full.kind, max: full.max, ...(full.full.kind === "key" ? { of: node.key ?? "" } : {}) };
  };
}

/** The rates without a token, of nodes with open shards; if a node has several, the one whose next token comes last. */
async function emptyRates(
  { store, retry, running, clock }: TaskReaderParts,
  plan: Plan,
  shards: readonly ShardRecord[],
): Promise<NonNullable<ExplainFacts["rateOf"]>> {
  const empty = new Map<string, RateFacts>();
  const open = new Set(shards.filter((record) => !isShardTerminal(record.status)).map(({ nodeId }) => nodeId));
  for (const node of plan.nodes.filter(({ id }) => open.has(id))) {
    for (const rate of ratesOf(running, node)) {
      const key = { kind: "rate", id: rate.key } as const;
      const inMs = await retry.run(() =>
        store.updateEntry(key, (entry, now) => ({ answer: tokenIn(rate, entry, now) })),
      );
      const until = clock.now() + inMs;
      if (inMs > 0 && until > (empty.get(node.id)?.until ?? 0)) empty.set(node.id, { perSec: rate.perSec, until });
    }
  }
  return ({ id }) => empty.get(id);
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
