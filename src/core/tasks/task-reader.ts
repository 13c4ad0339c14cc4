import type { Logger } from "../../definitions/index.ts";
import { FlowError, type JsonObject } from "../../errors/index.ts";
import { addMetrics, type MetricSums } from "../codec/index.ts";
import { traceIdOf } from "../messages/messages.ts";
import {
  asideIn,
  type Failure,
  isClosed,
  isTaskTerminal,
  keptLength,
  logOf,
  type Progress,
  type ShardRecord,
  type ShardRef,
  type TaskFailure,
  type TaskRecord,
} from "../model/records.ts";
import { emptyLog, logLimits, type TaskLog } from "../model/task-log.ts";
import { endOf, type NodePlan, type Plan, type PlanCache, resultOf, signalAwaited } from "../plan/index.ts";
import type { Clock, Store } from "../ports/index.ts";
import type { StoreRetry } from "../resilience/store-retry.ts";
import type { RunningLimits } from "../worker/attempt/worker-options.ts";
import type { LogOptions, LogPage, NodeStatus, NodeView, TaskView } from "./api.ts";
import type { TaskChanges } from "./task-changes.ts";

/** The dependencies of task readers. */
export interface TaskReaderParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly retry: StoreRetry;
  readonly plans: PlanCache;
  readonly changes: TaskChanges;
  /** The running limits, as given to the workers. */
  readonly running: RunningLimits;
  /** Types that external workers serve. */
  readonly external?: ReadonlySet<string> | undefined;
}

/** Waiters poll with growing intervals, for tasks that other processes end. */
const lookMinMs = 20;
const lookMaxMs = 1_000;

export async function readTask(parts: TaskReaderParts, taskId: string): Promise<TaskRecord> {
  parts.changes.check(); // a stopped engine's store is closed: retries would end in STORE_UNAVAILABLE
  const task = await parts.retry.run(() => parts.store.readTask(taskId));
  if (task !== undefined) return task;
  throw noSuchTask(taskId);
}

/**
 * The records read of an ended task are complete, unless it was deleted in the meantime.
 *
 * @throws FlowError `TASK_UNKNOWN`
 */
export async function checkStillThere(parts: TaskReaderParts, task: TaskRecord): Promise<void> {
  if (isTaskTerminal(task.status)) await readTask(parts, task.id);
}

export const noSuchTask = (taskId: string): FlowError =>
  new FlowError("TASK_UNKNOWN", `there is no task '${taskId}' in the store`, { details: { taskId } });

/** @throws FlowError `NODE_UNKNOWN` */
export function nodeOf(plan: Plan, { taskId, nodeId }: Pick<ShardRef, "taskId" | "nodeId">): NodePlan {
  const node = plan.byId.get(nodeId);
  if (node !== undefined) return node;
  throw new FlowError("NODE_UNKNOWN", `task ${taskId} has no node '${nodeId}'`, { details: { taskId, nodeId } });
}

/** Resolves when the task has ended. */
export async function waitForEnd(parts: TaskReaderParts, taskId: string): Promise<TaskRecord> {
  using changes = parts.changes.listen(taskId, { onlyEnd: true });
  for (let waitMs = lookMinMs; ; waitMs = Math.min(lookMaxMs, waitMs * 2)) {
    const task = await readTask(parts, taskId);
    if (isTaskTerminal(task.status)) return task;
    // Aligned with other waiters, so that a store may read all of their tasks at once.
    await changes.next(parts.clock, 1.5 * waitMs - ((parts.clock.monotonic() + waitMs / 2) % waitMs));
  }
}

/** The error for a task that ended without finishing. */
export async function endedBadly(parts: TaskReaderParts, task: TaskRecord): Promise<FlowError> {
  const { failure } = task;
  const plan = parts.plans.get(task.graph);
  const ids = [...plan.handling];
  const shards = ids.length === 0 ? [] : await parts.retry.run(() => parts.store.readShards(task.id, ids));
  const later = laterFailures(task, plan, shards);
  const then = later.map((one) => `; then at ${textOf(one)}`).join("");
  const taskId = task.id;
  const appended = later.length === 0 ? {} : { laterFailures: later.map(placeOf) };
  if (failure === undefined) {
    const reason = task.cancelReason === undefined ? "" : `: ${task.cancelReason}`;
    const details = { taskId, ...appended };
    return new FlowError("TASK_CANCELLED", `task ${taskId} was cancelled${reason}${then}`, { details });
  }
  const details = { taskId, ...placeOf(failure), ...appended };
  const text = `task ${taskId} failed${failure.nodeId === undefined ? ": " : " at "}${textOf(failure)}${then}`;
  const cause = Object.assign(new Error(failure.message), {
    name: failure.reasonCode,
    ...(failure.stack === undefined ? {} : { stack: failure.stack }),
  });
  return new FlowError("TASK_FAILED", text, { details, cause });
}

/** Logs that a task failed or was cancelled, and what failed after that: a failed clean-up must be noticed, too. */
export function logBadEnd(
  logger: Logger,
  { id, graph, failure, cancelReason, traceparent }: TaskRecord,
  later: readonly Failure[],
): void {
  const of = { taskId: id, flow: graph.name, ...traceIdOf({ traceparent }) };
  const log = ({ stack: _, message: error, ...place }: TaskFailure, text: string) =>
    logger.error({ ...of, ...place, error }, text);
  if (failure === undefined) logger.info({ ...of, reason: cancelReason }, "a task was cancelled");
  else log(failure, "a task failed");
  const text =
    failure === undefined ? "a node failed after its task was cancelled" : "a node failed after its task had failed";
  for (const each of later) log(each, text);
}

/** Failures of nodes that still run while their task ends. */
export function laterFailures(
  { status, failure }: TaskRecord,
  { handling, nodes }: Plan,
  shards: readonly ShardRecord[],
): readonly Failure[] {
  if (status === "running" || status === "finished" || handling.size === 0) return [];
  const failed = new Map<string, Failure>();
  for (const shard of shards) {
    const known = failed.get(shard.nodeId);
    const isLater = handling.has(shard.nodeId) && shard.nodeId !== failure?.nodeId;
    if (!isLater || shard.status !== "failed" || isClosed(shard) || shard.failure === undefined) continue;
    if (known === undefined || shard.shard < known.shard) failed.set(shard.nodeId, shard.failure);
  }
  return nodes.flatMap(({ id }) => failed.get(id) ?? []);
}

function placeOf(failure: TaskFailure): JsonObject {
  const { nodeId, reasonCode, batchUid, tries, method, lastBatchUid, epoch } = failure;
  return {
    ...(nodeId === undefined ? {} : { nodeId }),
    reasonCode,
    ...(epoch === undefined ? {} : { epoch }),
    ...(batchUid === undefined ? {} : { batchUid }),
    ...(tries === undefined ? {} : { tries }),
    ...(method === undefined ? {} : { method }),
    ...(lastBatchUid === undefined ? {} : { lastBatchUid }),
  };
}

function textOf(failure: TaskFailure): string {
  const { nodeId, reasonCode, message } = failure;
  return `${nodeId === undefined ? "" : `node '${nodeId}'${withinNode(failure)}: `}${reasonCode}: ${message}`;
}

function withinNode({ batchUid, tries = 1, method, lastBatchUid }: TaskFailure): string {
  if (batchUid !== undefined) return `, batch '${batchUid}'${tries === 1 ? "" : ` after ${tries} tries`}`;
  if (method === undefined) return "";
  return `, in ${method}${lastBatchUid === undefined ? "" : ` after batch '${lastBatchUid}'`}`;
}

export async function viewTask(parts: TaskReaderParts, taskId: string): Promise<TaskView> {
  const { store, retry, clock } = parts;
  const task = await readTask(parts, taskId);
  const [shards, vars] = await Promise.all([
    retry.run(() => store.readShards(taskId)),
    retry.run(() => store.readVars(taskId)),
  ]);
  const plan = parts.plans.get(task.graph);
  const batches = await countBatches(parts, plan, shards);
  await checkStillThere(parts, task);
  await retry.run(() => store.settle());
  const later = laterFailures(task, plan, shards);
  const byNode = Map.groupBy(shards, (shard) => shard.nodeId);
  const now = clock.now();
  const nodes = plan.nodes.map((node) =>
    viewNode(node, { shards: byNode.get(node.id) ?? [], counts: batches.get(node.id) ?? noBatches, now }),
  );
  return {
    id: task.id,
    ...(task.graph.name === undefined ? {} : { name: task.graph.name }),
    status: task.status === "running" ? runningStatus(task, shards) : task.status,
    ...(task.failure === undefined ? {} : { failure: task.failure }),
    ...(later.length === 0 ? {} : { laterFailures: later }),
    ...(task.cancelReason === undefined ? {} : { cancelReason: task.cancelReason }),
    params: task.params,
    vars: vars?.vars ?? {},
    ...(task.retryOf === undefined ? {} : { retryOf: task.retryOf }),
    ...(task.parent === undefined ? {} : { parent: task.parent }),
    nodes,
    createdAt: task.createdAt,
    ...(task.startsAt === undefined ? {} : { startsAt: task.startsAt }),
    ...(task.deadlineAt === undefined ? {} : { deadlineAt: task.deadlineAt }),
    ...(task.endedAt === undefined ? {} : { endedAt: task.endedAt }),
  };
}

/** The state of a node's batches so far. */
export interface BatchCounts {
  /** Stored, with an output. */
  readonly batches: number;
  readonly failedBatches: number;
  readonly waitingBatches: number;
}

const noBatches: BatchCounts = { batches: 0, failedBatches: 0, waitingBatches: 0 };

/** By node id, of the nodes with a dispatched shard. */
export async function countBatches(
  { store, retry, clock }: TaskReaderParts,
  plan: Plan,
  shards: readonly ShardRecord[],
): Promise<ReadonlyMap<string, BatchCounts>> {
  const taskId = shards[0]?.taskId;
  if (taskId === undefined) return new Map();
  const stored = await retry.run(() => store.countArtifacts(taskId));
  const byNode = new Map<string, BatchCounts>();
  const add = (nodeId: string, more: Partial<BatchCounts>): void => {
    const { batches, failedBatches, waitingBatches } = byNode.get(nodeId) ?? noBatches;
    byNode.set(nodeId, {
      batches: batches + (more.batches ?? 0),
      failedBatches: failedBatches + (more.failedBatches ?? 0),
      waitingBatches: waitingBatches + (more.waitingBatches ?? 0),
    });
  };
  for (const { nodeId, count } of stored) add(nodeId, { batches: count });
  const now = clock.now();
  for (const shard of shards) {
    const { nodeId, tries = {} } = shard;
    const waitingBatches = Object.values(tries).filter(({ dueAt }) => dueAt > now).length;
    const setsAside = plan.byId.get(nodeId)?.batches.setsAside === true;
    const failedBatches = setsAside ? await retry.run(() => failedIn(store, shard)) : 0;
    add(nodeId, { batches: -failedBatches, failedBatches, waitingBatches });
  }
  return byNode;
}

/** How many batches of the shard are set aside so far. */
export async function failedIn(store: Store, shard: ShardRecord): Promise<number> {
  if (shard.count !== undefined) return shard.failedBatches ?? 0;
  return asideIn((await store.tail(logOf(shard), shard.generation)).origins);
}

/**
 * `queued`: nothing has started; `deferred`: everything open waits for a delay or a signal. Both are derived, never
 * stored.
 */
function runningStatus({ paused }: TaskRecord, shards: readonly ShardRecord[]): TaskView["status"] {
  if (paused) return "paused";
  const open = shards.filter((shard) => !isClosed(shard));
  if (open.length > 0 && open.every(({ status }) => status === "deferred")) return "deferred";
  return shards.every(({ status, epoch }) => status === "queued" && epoch === 1) ? "queued" : "running";
}

function viewNode(
  node: NodePlan,
  {
    shards,
    counts,
    now,
  }: { readonly shards: readonly ShardRecord[]; readonly counts: BatchCounts; readonly now: number },
): NodeView {
  const lostWorkers = shards.flatMap(({ lease }) =>
    lease !== undefined && lease.deadline < now ? lease.workerId : [],
  );
  const waiting = shards.find((shard) => signalAwaited(node, shard) !== undefined);
  const failure = shards.find((shard) => shard.failure !== undefined)?.failure;
  const result = resultOf(node, shards);
  const metrics: MetricSums = {};
  for (const shard of shards) addMetrics(metrics, shard.metrics ?? {});
  return {
    nodeId: node.id,
    type: node.type,
    status: nodeStatus(node, shards),
    epoch: Math.max(0, ...shards.map((shard) => shard.epoch)),
    ...timesOf(node, shards),
    ...counts,
    ...carriedOf(shards),
    failures: shards.reduce((sum, shard) => sum + shard.failures, 0),
    ...(failure === undefined ? {} : { failure }),
    ...(lostWorkers.length === 0 ? {} : { lostWorkers }),
    ...(waiting === undefined ? {} : { awaitsSignal: awaited(node, waiting) }),
    ...progressOf(node, shards),
    metrics,
    ...(result === undefined ? {} : { result }),
  };
}

function timesOf(node: NodePlan, shards: readonly ShardRecord[]): Pick<NodeView, "startedAt" | "endedAt"> {
  const claims = shards.flatMap(({ history }) =>
    history[0]?.n === 0 ? (history.find(({ cause }) => cause === "claim") ?? []) : [],
  );
  const startedAt = claims.length === 0 ? {} : { startedAt: Math.min(...claims.map(({ at }) => at)) };
  if (endOf(node, shards) === undefined) return startedAt;
  return { ...startedAt, endedAt: Math.max(...shards.map(({ history }) => history.at(-1)?.at ?? 0)) };
}

function awaited(node: NodePlan, shard: ShardRecord): NonNullable<NodeView["awaitsSignal"]> {
  const { dueAt: until } = shard.paused ?? shard;
  return { since: signalAwaited(node, shard) ?? 0, ...(until === undefined ? {} : { until }) };
}

/** How many batches these shards carry in a retry. */
export function carriedOf(shards: readonly ShardRecord[]): { readonly carriedBatches?: number } {
  const carriedBatches = sum(shards.map(({ carried }) => (carried === undefined ? 0 : keptLength(carried))));
  return carriedBatches === 0 ? {} : { carriedBatches };
}

/** The progress that the handlers of a node's shards reported, summed. */
export function progressOf(node: NodePlan, shards: readonly ShardRecord[]): { readonly progress?: Progress } {
  const reported = shards.flatMap(({ progress }) => progress ?? []);
  if (reported.length === 0) return {};
  const totals = reported.flatMap(({ total }) => total ?? []);
  const progress = { done: sum(reported.map(({ done }) => done)) };
  return { progress: totals.length < node.partitions ? progress : { ...progress, total: sum(totals) } };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** The status of a node with several shards: the first of these that any of them has. */
const leadingStatus = ["failed", "cancelling", "running", "paused", "deferred", "queued", "cancelled"] as const;

export function nodeStatus(node: NodePlan, shards: readonly ShardRecord[]): NodeStatus {
  const end = endOf(node, shards);
  if (end !== undefined) return end.status;
  const there = new Set(shards.map(shardStatus));
  if (there.has("finished") && there.size === 1) return "running"; // the other shards are not dispatched yet
  return leadingStatus.find((status) => there.has(status)) ?? "queued";
}

export const shardStatus = ({ status, paused }: ShardRecord): NodeStatus =>
  status === "deferred" && paused !== undefined ? "paused" : status;

/** A page of what the task's handlers have logged. */
export async function readLogs(parts: TaskReaderParts, taskId: string, options: LogOptions = {}): Promise<LogPage> {
  const { nodeId, after = -1, limit = logLimits.perTask } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > logLimits.perTask) {
    throw new FlowError(
      "ENGINE_OPTIONS",
      `logs: limit must be an integer from 1 to ${logLimits.perTask}, got ${limit}`,
    );
  }
  if (!Number.isInteger(after)) throw new FlowError("ENGINE_OPTIONS", `logs: after must be an integer, got ${after}`);
  const { store, retry, plans } = parts;
  const task = await readTask(parts, taskId);
  if (nodeId !== undefined) nodeOf(plans.get(task.graph), { taskId, nodeId });
  const key = { kind: "task_log", id: taskId } as const;
  const stored = await retry.run(() => store.updateEntry(key, (entry) => ({ answer: entry?.value })));
  const log = (stored as TaskLog | undefined) ?? emptyLog;
  const found = log.lines.filter((line) => line.seq > after && (nodeId === undefined || line.nodeId === nodeId));
  const lines = found.slice(0, limit);
  const hasMore = lines.length < found.length;
  return { lines, next: hasMore ? (lines.at(-1)?.seq ?? after) : log.next - 1, hasMore, dropped: log.dropped };
}
