import type { $ZodType } from "zod/v4/core";
import { FlowError } from "../../errors/index.ts";
import {
  coordinatorFnType,
  type Finding,
  type Graph,
  type GraphNode,
  parseGraph,
  resolveParams,
} from "../../graph/index.ts";
import { ForeignWorkers } from "../foreign/index.ts";
import { isTaskTerminal, type TaskRecord } from "../model.ts";
import type { NewTask, Subscription } from "../ports/index.ts";
import { isStatus } from "../protocol/message-kinds.ts";
import type { Message } from "../protocol/messages.ts";
import { groups, topics } from "../protocol/topics.ts";
import { allSteps } from "../support/all-steps.ts";
import { hintBus, isHeard } from "../support/hint-bus.ts";
import { StoreRetry } from "../support/store-retry.ts";
import { type LoopHealth, Supervisor } from "../support/supervisor.ts";
import { TaskChanges } from "../tasks/task-changes.ts";
import { noSuchTask } from "../tasks/task-reader.ts";
import { WorkerCore } from "../worker/worker-core.ts";
import type { CoordinatorParts } from "./coordinator-options.ts";
import { Scheduler } from "./scheduler.ts";
import { Sweeper } from "./sweeper.ts";
import { taskParams } from "./task-params.ts";

export interface CreateTaskOptions {
  /** As {@link CoordinatorCore.checkGraph} gave it. */
  readonly graph: Graph;
  readonly params?: unknown;
  /** The flow's own schema of its parameters; without it the graph's JSON Schema counts. */
  readonly paramsSchema?: $ZodType | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly priority?: number | undefined;
  /** How long it may take, in seconds. */
  readonly deadlineSec?: number | undefined;
  readonly traceparent?: string | undefined;
}

export type RetryTaskOptions = Pick<CreateTaskOptions, "idempotencyKey" | "priority" | "deadlineSec" | "traceparent">;

const maxPriority = 100;
const maxDeadlineSec = 31_536_000;

/** Plans tasks: several of them share the work through the store. */
export class CoordinatorCore {
  readonly #parts: CoordinatorParts;
  readonly #supervisor: Supervisor;
  readonly #scheduler: Scheduler;
  readonly #sweeper: Sweeper;
  readonly #changes = new TaskChanges();
  /** Runs the coordinator functions: claimed, leased, retried and fenced like any node. */
  readonly #functionWorker: WorkerCore;
  readonly #callerRetry: StoreRetry;
  /** For the types whose workers aren't ours, if there are any. */
  readonly #foreign: ForeignWorkers | undefined;
  #subscription: Subscription | undefined;
  #stopping: Promise<void> | undefined;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#callerRetry = new StoreRetry(parts.callerClock ?? parts.clock, undefined, {
      watch: parts.callerWatch,
      check: () => this.#changes.check(),
    });
    const { store, bus, plans, clock, logger, timing } = parts;
    this.#supervisor = new Supervisor({ clock, logger });
    this.#foreign = this.#foreignWorkers();
    this.#scheduler = new Scheduler({
      store,
      bus: hintBus(bus, logger),
      plans,
      cancelGraceMs: timing.cancelGraceMs,
      onChange: (taskId, ended) => this.#changes.emit(taskId, ended),
      others: this.#foreign,
    });
    this.#sweeper = new Sweeper({
      store,
      clock,
      scheduler: this.#scheduler,
      leaseMs: parts.functionLimits.leaseMs,
      isHeard: () => isHeard(bus),
      onLeaseLost: this.#foreign && ((record) => this.#foreign?.leaseLost(record) ?? Promise.resolve()),
      ...timing,
    });
    this.#functionWorker = new WorkerCore({
      ...parts,
      workerId: `${parts.coordinatorId}.fn`,
      handlers: new Map(),
      limits: parts.functionLimits,
    });
  }

  get loops(): readonly LoopHealth[] {
    return [...this.#supervisor.loops, ...this.#functionWorker.loops];
  }

  /** Since when the store can't be reached, if so. */
  get storeUnreachableSince(): number | undefined {
    return this.#sweeper.storeUnreachableSince;
  }

  /** Tells those who read tasks in this process what changed. */
  get changes(): TaskChanges {
    return this.#changes;
  }

  async start(): Promise<void> {
    const types = [...new Set([...this.#parts.workerTypes, coordinatorFnType])];
    this.#subscription = await this.#subscribe(types);
    this.#sweeper.start(this.#supervisor);
    this.#foreign?.start(this.#supervisor);
    await this.#functionWorker.start();
  }

  /** The same promise at each call. */
  stop(options: { readonly graceMs: number }): Promise<void> {
    this.#stopping ??= allSteps("stopping a coordinator", [
      () => this.#changes.close(),
      () => this.#functionWorker.stop(options),
      () => this.#subscription?.close(),
      () => this.#supervisor.stop(),
    ]);
    return this.#stopping;
  }

  async #subscribe(types: readonly string[]): Promise<Subscription> {
    const group = groups.coordinators;
    try {
      return await this.#parts.bus.subscribe({
        group,
        topics: [...types.map(topics.status), ...(this.#foreign === undefined ? [] : [topics.announce])],
        handle: (message) => this.#onMessage(message),
      });
    } catch (error) {
      if (!FlowError.is(error, "ENGINE_OPTIONS") || error.details?.group !== group) throw error;
      const text = `a coordinator on this bus was given other node types than this one (${types.join(", ")}): they share their messages, so give all of them the same handlers or workerTypes, or each its own bus`;
      throw new FlowError("ENGINE_OPTIONS", text, { cause: error, details: error.details });
    }
  }

  /**
   * The graph in its long form, known to run here.
   *
   * @throws FlowError `GRAPH_INVALID` with all findings
   */
  checkGraph(input: unknown): Graph {
    const { workerTypes, functions, inputAdapters } = this.#parts;
    const graph = parseGraph(input, {
      types: workerTypes,
      functions: [...functions.values()],
      adapters: [...inputAdapters.values()],
    });
    refuseUnenforced(graph, this.#foreign?.findings(graph));
    return graph;
  }

  /**
   * Checks the parameters, stores the task, and starts its roots.
   *
   * @throws FlowError `PARAMS_INVALID`, `ENGINE_OPTIONS`
   */
  async createTask(options: CreateTaskOptions): Promise<{ readonly id: string; readonly created: boolean }> {
    if (this.#stopping !== undefined) throw new FlowError("ENGINE_STOPPED", "the engine has been stopped");
    const { ids, plans } = this.#parts;
    const priority = checkPriority(options.priority ?? 0);
    const deadlineMs = deadlineMsOf(options.deadlineSec);
    const traceparent = checkTraceparent(options.traceparent);
    const params = taskParams({ params: options.params, schema: options.paramsSchema, graph: options.graph });
    const graph = resolveParams(options.graph, params);
    const { idempotencyKey } = options;
    const id = ids.next();
    const task = {
      id,
      graph,
      params,
      priority,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    return this.#create(task, () => this.#scheduler.begin(task, plans.get(graph)));
  }

  /**
   * A new task with the graph and the parameters of one that failed or was cancelled. It goes on from there: what had
   * finished is adopted.
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN`, `TASK_FINISHED`, `GRAPH_INVALID`, `ENGINE_OPTIONS`
   */
  async retryTask(
    taskId: string,
    options: RetryTaskOptions,
  ): Promise<{ readonly id: string; readonly created: boolean }> {
    if (this.#stopping !== undefined) throw new FlowError("ENGINE_STOPPED", "the engine has been stopped");
    const { store, ids } = this.#parts;
    const deadlineMs = deadlineMsOf(options.deadlineSec);
    const givenTrace = checkTraceparent(options.traceparent);
    const failed = checkRetryable(taskId, await this.#callerRetry.ask(() => store.readTask(taskId)));
    const { graph, params, borrowsFrom = [] } = failed;
    this.checkGraph(graph); // this engine's handlers may be others than those that it ran with
    const vars = await this.#callerRetry.ask(() => store.readVars(taskId));
    const { idempotencyKey } = options;
    const traceparent = givenTrace ?? failed.traceparent;
    const task = {
      id: ids.next(),
      graph,
      params,
      priority: checkPriority(options.priority ?? failed.priority),
      retryOf: taskId,
      borrowsFrom: [taskId, ...borrowsFrom],
      ...(vars === undefined ? {} : { vars }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    return this.#create(task, () => this.#scheduler.replan(task.id));
  }

  async #create(
    task: NewTask,
    begin: () => Promise<void>,
  ): Promise<{ readonly id: string; readonly created: boolean }> {
    const { store } = this.#parts;
    const { outcome, id } = await this.#callerRetry.ask(() => store.createTask(task));
    const created = outcome === "created" || id === task.id;
    if (created) {
      if (task.deadlineMs !== undefined) this.#sweeper.dueIn(task.deadlineMs);
      await this.#now("begin", begin);
    }
    await this.#callerRetry.ask(() => store.settle());
    return { id, created };
  }

  async cancelTask(taskId: string, reason: string): Promise<"recorded" | "already" | "terminal" | "unknown"> {
    const { store } = this.#parts;
    this.#changes.check();
    const answer = await this.#callerRetry.ask(() => store.cancelTask(taskId, reason));
    if (answer === "recorded") await this.#now("cancel", () => this.#scheduler.replan(taskId));
    await this.#callerRetry.ask(() => store.settle());
    return answer;
  }

  /** What follows a record that is stored. The record counts: should this fail, a sweep goes on from it. */
  async #now(name: string, follow: () => Promise<void>): Promise<void> {
    try {
      await follow();
    } catch (error) {
      this.#supervisor.report(name, error);
    }
  }

  #foreignWorkers(): ForeignWorkers | undefined {
    const { foreign, store, bus, logger, timing, ...parts } = this.#parts;
    if (foreign === undefined || store.foreignRows === undefined) return undefined;
    return new ForeignWorkers({
      ...parts,
      store,
      bus: hintBus(bus, logger),
      logger,
      foreign,
      rows: store.foreignRows,
      acceptMs: timing.foreignAcceptMs,
      nodeChanged: (taskId, nodeId) => this.#scheduler.nodeChanged(taskId, nodeId),
      progressed: (ref) => {
        parts.signals.notify(ref);
        this.#changes.emit(ref.taskId, false);
      },
      dueIn: (ms) => this.#sweeper.dueIn(ms),
    });
  }

  async #onMessage(message: Message): Promise<void> {
    if (this.#foreign !== undefined && isStatus(message) && this.#foreign.types.has(message.type)) {
      return this.#foreign.onStatus(message);
    }
    switch (message.kind) {
      case "TASK_FAILED":
        if (message.permanent) return this.#scheduler.nodeChanged(message.taskId, message.nodeId);
        // Nobody else's turn has come by this: only its own, later.
        if (message.dueInMs !== undefined) this.#sweeper.dueIn(message.dueInMs);
        return this.#changes.emit(message.taskId, false);
      case "BATCH_OK":
      case "TASK_RESUMED": // an attempt that goes on may be the first to tell of what an earlier one stored
      case "TASK_DONE":
      case "CANCELLED":
        return this.#scheduler.nodeChanged(message.taskId, message.nodeId);
      case "WORKER_ONLINE":
      case "WORKER_OFFLINE":
        return this.#foreign?.onAnnounce(message);
    }
  }
}

/** What a graph may say and this engine would ignore is refused: a limit that isn't held is worse than none. */
function refuseUnenforced(graph: Graph, more: readonly Finding[] = []): void {
  const limits = graph.nodes.flatMap((node, index) =>
    unknownLimits(node).map((key) => unenforced(node.node_id, `/nodes/${index}/limits/${key}`, `limits.${key}`)),
  );
  const findings = [...limits, ...more];
  if (findings.length === 0) return;
  const text = findings.map((finding) => `${finding.path}: ${finding.message}`).join("\n");
  throw new FlowError("GRAPH_INVALID", text, { details: { findings } });
}

/** The one limit of a node that there is: how many of its shards run at once. */
const unknownLimits = ({ limits = {} }: GraphNode): readonly string[] =>
  Object.keys(limits).filter((key) => key !== "max_running");

function unenforced(nodeId: string, path: string, key: string) {
  return {
    code: "GRAPH_UNSUPPORTED",
    path,
    message: `node '${nodeId}': this engine does not enforce '${key}' yet: leave it out`,
  };
}

function checkPriority(priority: number): number {
  if (Number.isInteger(priority) && Math.abs(priority) <= maxPriority) return priority;
  throw new FlowError("ENGINE_OPTIONS", `priority must be an integer from -${maxPriority} to ${maxPriority}`);
}

const traceparentForm = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

function checkTraceparent(given: string | undefined): string | undefined {
  if (given === undefined || traceparentForm.test(given)) return given;
  throw new FlowError(
    "ENGINE_OPTIONS",
    "traceparent must be a W3C trace context, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  );
}

function checkRetryable(taskId: string, task: TaskRecord | undefined): TaskRecord {
  if (task === undefined) throw noSuchTask(taskId);
  const details = { taskId };
  if (task.status === "finished") {
    throw new FlowError("TASK_FINISHED", `task ${taskId} finished: there is nothing to try again`, { details });
  }
  if (isTaskTerminal(task.status)) return task;
  throw new FlowError("TASK_OPEN", `task ${taskId} has not ended: only what failed or was cancelled is tried again`, {
    details,
  });
}

function deadlineMsOf(deadlineSec: number | undefined): number | undefined {
  if (deadlineSec === undefined) return undefined;
  if (deadlineSec > 0 && deadlineSec <= maxDeadlineSec) return deadlineSec * 1_000;
  throw new FlowError("ENGINE_OPTIONS", `deadlineSec must be more than 0 and at most ${maxDeadlineSec}`);
}
