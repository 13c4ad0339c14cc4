import { createHash } from "node:crypto";
import * as z from "zod";
import type { BatchContext, HandlerDefinition } from "../../definitions/index.ts";
import { FlowError, type Json, type JsonObject } from "../../errors/index.ts";
import { flowType } from "../../graph/index.ts";
import { AttemptError } from "../model/attempt-error.ts";
import {
  isShardTerminal,
  isTaskTerminal,
  type ParentRef,
  type TaskRecord,
  type TaskSummary,
} from "../model/records.ts";
import type { FlowPlan, Plan } from "../plan/index.ts";
import type { NewTask, Store } from "../ports/index.ts";
import { StoreRetry } from "../resilience/store-retry.ts";
import type { LoopHealth, Supervisor } from "../resilience/supervisor.ts";
import type { TaskChanges } from "../tasks/task-changes.ts";
import { type ResultParts, taskResults } from "../tasks/task-handle.ts";
import { AttemptEnded } from "../worker/attempt/attempt-handle.ts";
import { WorkerCore } from "../worker/worker-core.ts";
import type { CoordinatorParts } from "./coordinator-options.ts";
import { newTask, retriedTask } from "./new-task.ts";
import type { PausedFlows } from "./start-looks.ts";

/** Waits poll with growing intervals, for tasks that other coordinators end. */
const pollMinMs = 100;
const pollMaxMs = 2_000;

interface ChildTaskParts {
  readonly reader: ResultParts;
  /** Stores the task, unless it exists, and starts it. */
  readonly create: (task: NewTask) => Promise<void>;
  readonly cancel: (taskId: string, reason: string) => Promise<void>;
}

/** Attempts that only wait, and must not wait for each other's slots: flows run flows. */
const flowCapacity = 10_000;

interface FlowWorkerParts {
  readonly supervisor: Supervisor;
  readonly scheduler: {
    begin(task: NewTask, plan: Plan): Promise<void>;
    replan(taskId: string): Promise<void>;
  };
  readonly changes: TaskChanges;
  readonly pausedFlows: PausedFlows;
}

/** Runs nodes of type `flow`, each of which only waits for the tasks of its batches. */
export class FlowWorker {
  readonly #parts: CoordinatorParts;
  readonly #own: FlowWorkerParts;
  readonly #retry: StoreRetry;
  #worker: { readonly core: WorkerCore; readonly started: Promise<void> } | undefined;
  #isStopped = false;

  constructor(parts: CoordinatorParts, own: FlowWorkerParts) {
    this.#parts = parts;
    this.#own = own;
    this.#retry = new StoreRetry(parts.clock, own.supervisor);
  }

  get loops(): readonly LoopHealth[] {
    return this.#worker?.core.loops ?? [];
  }

  /** Starts it with the first such graph. Another coordinator serves these nodes too, if it has such a task. */
  serve(): void {
    if (this.#worker !== undefined || this.#isStopped) return;
    const { clock, store, plans, functionLimits, coordinatorId } = this.#parts;
    const { changes, supervisor } = this.#own;
    // Coordinators know handlers by name only: the result of a leaf that has none is the list of its outputs.
    const finalizing: ReadonlySet<string> = new Set();
    const reader = { store, clock, retry: this.#retry, plans, changes, running: {}, finalizing };
    const core = new WorkerCore({
      ...this.#parts,
      watch: undefined,
      workerId: `${coordinatorId}.flow`,
      functions: undefined,
      handlers: new Map([[flowType, flowHandler({ reader, create: this.#create, cancel: this.#cancel })]]),
      limits: { ...functionLimits, capacity: flowCapacity, capacityPerType: {}, running: {} },
    });
    const started = core.start();
    this.#worker = { core, started };
    supervisor.spawn("flows", async () => {
      try {
        await started;
      } catch (error) {
        this.#worker = undefined; // the next such task tries again
        throw error;
      }
    });
  }

  /** The child tasks continue: another coordinator or a later attempt waits for them. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const worker = this.#worker;
    await worker?.started;
    await worker?.core.stop({ graceMs: 0 });
  }

  readonly #create = async (task: NewTask): Promise<void> => {
    const { store, plans } = this.#parts;
    const { scheduler, pausedFlows } = this.#own;
    const { outcome } = await this.#retry.run(() => store.createTask(task));
    const isNew = outcome === "created" && task.retryOf === undefined && !pausedFlows.has(task.graph.name);
    const begin = async () => {
      // The pause of its parent did not find this task if it was recorded before the creation.
      const isPaused = isNew && (await store.readTask(task.parent?.taskId ?? ""))?.paused === true;
      await (isNew && !isPaused ? scheduler.begin(task, plans.get(task.graph)) : scheduler.replan(task.id));
    };
    await this.#own.supervisor.follow("begin", begin);
  };

  readonly #cancel = async (taskId: string, reason: string): Promise<void> => {
    await this.#retry.run(() => this.#parts.store.cancelTask(taskId, reason));
    await this.#own.supervisor.follow("cancel", () => this.#own.scheduler.replan(taskId));
  };
}

/** A batch of a node of type `flow`, and the task with the node. */
interface FlowBatch {
  readonly parent: TaskRecord;
  readonly flow: FlowPlan;
  readonly params: JsonObject;
  readonly ctx: BatchContext;
  readonly maxTries: number;
  /** A failed task is not tried again. */
  readonly isPermanent: boolean;
}

/**
 * The handler of nodes of type `flow`: it runs a task for each batch and outputs its results.
 *
 * The id of the task is derived from the batch: a worker that processes the batch again, after a crash or while an
 * attempt with a lost lease is still running, finds the task and waits for it. The tasks of a batch form a chain in
 * which each retries the one before it; the number of the last shows whether the current try has created its task.
 */
function flowHandler(parts: ChildTaskParts): HandlerDefinition {
  return {
    kind: "handler",
    name: flowType,
    input: z.unknown(),
    output: z.unknown(),
    errors: [],
    resumable: true,
    async loadInput(_, { taskId }) {
      const parent = await read(parts, taskId);
      if (parent === undefined) throw new AttemptEnded("fenced"); // the task was deleted
      return parent;
    },
    async processBatch(payload, ctx) {
      const parent = ctx.loaded as TaskRecord;
      const node = parts.reader.plans.get(parent.graph).byId.get(ctx.nodeId);
      if (node?.flow === undefined) throw new AttemptError("no_handler", "its graph does not contain the flow");
      const { flow, args, retry } = node;
      const isPermanent = retry.permanentOn.includes("subflow_failed");
      const params = { ...args, [flow.item]: payload as Json };
      return outputOf(parts, { parent, flow, params, ctx, maxTries: retry.maxFailures, isPermanent });
    },
  };
}

async function outputOf(parts: ChildTaskParts, batch: FlowBatch): Promise<unknown> {
  const { flow, ctx } = batch;
  const { id } = await currentTask(parts, batch);
  const child = await ended(parts, id, ctx.signal);
  if (child?.status === "finished") {
    const results = await resultsOf(parts, child);
    return flow.settled ? { ok: true, results } : results;
  }
  // The node's tasks are cancelled after the node itself, which does not make them fail.
  if (!(await isRunning(parts, ctx))) throw new AttemptEnded("starving");
  const failure = failureOf(child);
  if (flow.settled && (batch.isPermanent || ctx.tries >= batch.maxTries)) return { ok: false, failure };
  const { nodeId, reasonCode, message, batchUid } = failure;
  const place = nodeId === null ? "" : ` at node '${nodeId}'${batchUid === null ? "" : `, batch '${batchUid}'`}`;
  const text = `task ${id} of flow '${flow.name}' ${child?.failure ? "failed" : "ended"}${place}: ${reasonCode}: ${message}`;
  throw new AttemptError("subflow_failed", text, { permanent: false });
}

async function isRunning({ reader }: ChildTaskParts, { taskId, nodeId }: BatchContext): Promise<boolean> {
  const records = await reader.retry.run(() => reader.store.readShards(taskId, [nodeId]));
  return records.some(({ status }) => status === "running");
}

function failureOf(child: TaskRecord | undefined) {
  const { nodeId, reasonCode, message, batchUid } = child?.failure ?? {
    reasonCode: "cancelled",
    message: child === undefined ? "it was deleted" : (child.cancelReason ?? "it was cancelled"),
  };
  return { nodeId: nodeId ?? null, reasonCode, message, batchUid: batchUid ?? null };
}

async function resultsOf({ reader }: ChildTaskParts, child: TaskRecord): Promise<Record<string, unknown>> {
  try {
    return await taskResults(reader, child);
  } catch (error) {
    if (FlowError.is(error, "ENGINE_STOPPED")) throw new AttemptEnded("stopping");
    throw error;
  }
}

/** The task of the batch that this try waits for. */
async function currentTask(parts: ChildTaskParts, batch: FlowBatch): Promise<TaskRecord | { readonly id: string }> {
  const { parent, ctx } = batch;
  const own = await lastOf(parts, batch, parent.id);
  if (own.task === undefined) {
    const earlier = await lastOfRetried(parts, batch);
    return earlier === undefined ? createFirst(parts, batch, 1) : continued(parts, batch, earlier, 1);
  }
  // With as many tasks as tries, this try has its task already. Otherwise it retries the last one, which may still be running.
  return own.count < ctx.tries ? continued(parts, batch, own.task, own.count + 1) : own.task;
}

/** The task itself if it finished; else one that retries it, once it has ended. */
async function continued(
  parts: ChildTaskParts,
  batch: FlowBatch,
  earlier: TaskRecord,
  number: number,
): Promise<TaskRecord | { readonly id: string }> {
  if (!isTaskTerminal(earlier.status)) await parts.cancel(earlier.id, "its batch is tried again");
  const task = await ended(parts, earlier.id, batch.ctx.signal);
  if (task?.status === "finished") return task;
  if (task === undefined) return createFirst(parts, batch, number); // it was deleted
  const { store, retry } = parts.reader;
  const vars = await retry.run(() => store.readVars(task.id));
  const { priority } = batch.parent;
  const next = retriedTask(childId(batch, batch.parent.id, number), task, { vars, settings: { priority } });
  return create(parts, batch, next);
}

/** @throws AttemptError `bad_input` if the parameters do not match the flow's */
function firstTask({ reader }: ChildTaskParts, batch: FlowBatch, number: number): NewTask {
  const { flow, params, parent } = batch;
  const { priority, traceparent } = parent;
  const options = { graph: flow.graph, params, priority, ...(traceparent === undefined ? {} : { traceparent }) };
  try {
    return newTask(childId(batch, parent.id, number), { ...options, paramsSchema: undefined }, reader.clock.now());
  } catch (error) {
    if (!FlowError.is(error)) throw error;
    throw new AttemptError("bad_input", `flow '${flow.name}': ${error.message}`, { cause: error });
  }
}

/** Creates a task that retries no other. */
async function createFirst(parts: ChildTaskParts, batch: FlowBatch, number: number) {
  const { parent, ctx } = batch;
  // The tasks of earlier tries may have been deleted because the parent was: then the batch must not run once more.
  if (ctx.tries > 1 && (await read(parts, parent.id)) === undefined) throw new AttemptEnded("fenced");
  return create(parts, batch, firstTask(parts, batch, number));
}

async function create(parts: ChildTaskParts, { parent, ctx }: FlowBatch, task: NewTask) {
  const { nodeId, uid } = ctx;
  await parts.create({ ...task, parent: { taskId: parent.id, nodeId, uid } });
  return task;
}

/** The batch's last task in the nearest retried task that has one: a task that was cancelled early may have none. */
async function lastOfRetried(parts: ChildTaskParts, batch: FlowBatch): Promise<TaskRecord | undefined> {
  let { retryOf } = batch.parent;
  while (retryOf !== undefined) {
    const { task } = await lastOf(parts, batch, retryOf);
    if (task !== undefined) return task;
    retryOf = (await read(parts, retryOf))?.retryOf;
  }
  return undefined;
}

/** The last of the tasks that a task has created for the batch, and how many there are. */
async function lastOf(parts: ChildTaskParts, batch: FlowBatch, taskId: string) {
  let task: TaskRecord | undefined;
  for (let count = 0; ; count++) {
    const next = await read(parts, childId(batch, taskId, count + 1));
    if (next === undefined) return { task, count };
    task = next;
  }
}

/** Contains the parameters: after a restart of its source, a batch of this uid may have another payload. */
function childId({ ctx: { nodeId, uid }, params }: FlowBatch, taskId: string, number: number): string {
  const text = JSON.stringify([nodeId, uid, number, params]);
  return `${taskId}.${createHash("sha256").update(text).digest("hex").slice(0, 20)}`;
}

/** Resolves with the task once it has ended; `undefined` if it was deleted. @throws the reason of the signal */
async function ended(parts: ChildTaskParts, taskId: string, signal: AbortSignal): Promise<TaskRecord | undefined> {
  const { clock, changes } = parts.reader;
  for (let waitMs = pollMinMs; ; waitMs = Math.min(pollMaxMs, waitMs * 2)) {
    const woken = new AbortController();
    using _ended = changes.onEnd(taskId, () => woken.abort(wakeUp)); // before the read, so that no end is missed
    const task = await read(parts, taskId);
    if (task === undefined || isTaskTerminal(task.status)) return task;
    // The attempt is released with its task, and another one waits after the resume.
    const isPaused = task.paused === true && (await read(parts, task.parent?.taskId ?? ""))?.paused === true;
    if (isPaused) throw new AttemptEnded("starving");
    signal.throwIfAborted();
    await clock.sleep(waitMs, AbortSignal.any([signal, woken.signal]));
    signal.throwIfAborted();
  }
}

/** An explicit reason: without one, each abort creates a DOMException with a stack. */
const wakeUp = Symbol("wake up");

const read = ({ reader }: ChildTaskParts, taskId: string): Promise<TaskRecord | undefined> =>
  reader.retry.run(() => reader.store.readTask(taskId));

const childrenAPage = 100;

/**
 * The tasks that nodes of a task run. They are cancelled after the shards of these nodes, whose status decides whether
 * they are needed. A child task that is created concurrently is found by its own sweep, which cancels or pauses it.
 */
export async function* openChildren(
  store: Pick<Store, "listTasks">,
  { taskId, plan }: { readonly taskId: string; readonly plan: Plan },
): AsyncGenerator<TaskSummary> {
  if (plan.graph.flows === undefined) return;
  let cursor: string | undefined;
  do {
    const query = { limit: childrenAPage, statuses: ["running"], children: { of: taskId } } as const;
    const page = await store.listTasks({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/**
 * Pauses or resumes a child task like its parent. Returns whether it did: both must then be read again, since the
 * parent may have changed meanwhile.
 */
export async function followPause(
  store: Pick<Store, "readTask" | "pauseTask">,
  { id, parent, paused = false }: TaskRecord,
): Promise<boolean> {
  if (parent === undefined) return false;
  const isPaused = (await store.readTask(parent.taskId))?.paused ?? false;
  if (isPaused === paused) return false;
  await store.pauseTask(id, isPaused);
  return true;
}

/** Whether the node that runs a task waits for it; not if its own task was deleted. */
export async function isNeeded(store: Pick<Store, "readShards">, { taskId, nodeId }: ParentRef): Promise<boolean> {
  const records = await store.readShards(taskId, [nodeId]);
  return records.some(({ status }) => !isShardTerminal(status) && status !== "cancelling");
}
