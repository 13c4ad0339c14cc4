import type { InputAdapterDefinition } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";
import { coordinatorFnType, type Graph, parseGraph } from "../../graph/index.ts";
import { ExternalWorkers } from "../interop/index.ts";
import { groups, isStatus, type Message, topics } from "../messages/messages.ts";
import { isShardTerminal, type SignalAnswer, type TaskSummary } from "../model/records.ts";
import type { NewTask, Page, PageRequest, Subscription } from "../ports/index.ts";
import { bestEffortBus, isHealthy } from "../resilience/best-effort-bus.ts";
import { StoreRetry } from "../resilience/store-retry.ts";
import { type LoopHealth, runInOrder, Supervisor } from "../resilience/supervisor.ts";
import { TaskChanges } from "../tasks/task-changes.ts";
import { nodeOf } from "../tasks/task-reader.ts";
import { WorkerCore } from "../worker/worker-core.ts";
import { FlowWorker } from "./child-tasks.ts";
import type { CoordinatorParts } from "./coordinator-options.ts";
import {
  type CreateTaskOptions,
  checkEnded,
  checkPausable,
  checkRetryable,
  checkSameInput,
  newTask,
  type RequestedTask,
  type RetryTaskOptions,
  refuseUnenforced,
  retriedTask,
  signalPayload,
  taskSettings,
} from "./new-task.ts";
import { findRetried } from "./retried-batches.ts";
import { Scheduler } from "./scheduler.ts";
import { type FireSchedulesOptions, fireSchedule } from "./schedules.ts";
import { PausedFlows } from "./start-looks.ts";
import { Sweeper } from "./sweeper.ts";

type Created = { readonly id: string; readonly created: boolean }; // or found, by its idempotency key

/** How long a pause of a flow may be unknown to a process. */
const longestStaleMs = 1_000;

/** Plans tasks. Several coordinators share the work through the store. */
export class CoordinatorCore {
  readonly #parts: CoordinatorParts;
  readonly #supervisor: Supervisor;
  readonly #scheduler: Scheduler;
  readonly #sweeper: Sweeper;
  readonly #pausedFlows: PausedFlows;
  readonly #changes = new TaskChanges();
  /** Runs the coordinator functions, which are claimed, leased, retried and fenced like any node. */
  readonly #functionWorker: WorkerCore;
  /** Runs nodes of type `flow`. */
  readonly #flowWorker: FlowWorker;
  readonly #callerRetry: StoreRetry;
  /** Handles the types that external workers serve; `undefined` if there are none. */
  readonly #external: ExternalWorkers | undefined;
  #subscription: Subscription | undefined;
  #stopping: Promise<void> | undefined;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#callerRetry = new StoreRetry(parts.callerClock ?? parts.clock, undefined, {
      watch: parts.watch,
      check: () => this.#changes.check(),
    });
    const { store, bus, plans, starts, clock, logger, timing } = parts;
    this.#supervisor = new Supervisor({ clock, logger });
    this.#external = this.#externalWorkers();
    this.#pausedFlows = new PausedFlows({ store, clock, maxAgeMs: Math.min(timing.tickMs, longestStaleMs) });
    this.#scheduler = new Scheduler({
      pausedFlows: this.#pausedFlows,
      store,
      bus: bestEffortBus(bus, logger),
      logger,
      plans,
      starts,
      cancelGraceMs: timing.cancelGraceMs,
      readsAnEvent: parts.readsAnEvent,
      onFlows: () => this.#flowWorker.serve(),
      onDue: (ms) => this.#sweeper.dueIn(ms),
      onOwed: () => this.#sweeper.payLooks(this.#supervisor),
      onChange: (taskId, ended) => this.#changes.emit(taskId, ended),
      external: this.#external,
    });
    this.#sweeper = new Sweeper({
      store,
      clock,
      scheduler: this.#scheduler,
      leaseMs: parts.functionLimits.leaseMs,
      watch: parts.watch,
      isBusHealthy: () => isHealthy(bus),
      refreshPauses: (mayBeSome) => this.#pausedFlows.refresh(mayBeSome),
      fireSchedule: (id) => fireSchedule(this.#firing, id),
      onLeaseLost: this.#external && ((record) => this.#external?.leaseLost(record) ?? Promise.resolve()),
      ...timing,
    });
    this.#functionWorker = new WorkerCore({
      ...parts,
      watch: undefined, // the coordinator's sweeps report whether its store is reachable
      workerId: `${parts.coordinatorId}.fn`,
      handlers: new Map(),
      limits: parts.functionLimits,
    });
    this.#flowWorker = new FlowWorker(parts, {
      supervisor: this.#supervisor,
      scheduler: this.#scheduler,
      changes: this.#changes,
      pausedFlows: this.#pausedFlows,
    });
  }

  get #firing(): FireSchedulesOptions {
    const { store, logger } = this.#parts;
    return {
      store,
      logger,
      createTask: (options) => this.createTask(options),
      cancelTask: (taskId, reason) => this.cancelTask(taskId, reason),
    };
  }

  get loops(): readonly LoopHealth[] {
    return [...this.#supervisor.loops, ...this.#functionWorker.loops, ...this.#flowWorker.loops];
  }

  get inputAdapters(): ReadonlyMap<string, InputAdapterDefinition> {
    return this.#parts.inputAdapters;
  }

  /** Notifies readers of tasks in this process of changes. */
  get changes(): TaskChanges {
    return this.#changes;
  }

  async start(): Promise<void> {
    const types = [...new Set([...this.#parts.workerTypes, coordinatorFnType])];
    this.#subscription = await this.#subscribe(types);
    this.#sweeper.start(this.#supervisor);
    this.#external?.start(this.#supervisor);
    await this.#functionWorker.start();
  }

  /** Idempotent: returns the same promise each time. */
  stop(options: { readonly graceMs: number }): Promise<void> {
    this.#stopping ??= runInOrder("stopping a coordinator", [
      () => this.#changes.close(),
      () => this.#flowWorker.stop(), // first: the other may wait, and attempts of this one end at once now
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
        topics: [...types.map(topics.status), ...(this.#external === undefined ? [] : [topics.announce])],
        handle: (message) => this.#onMessage(message),
      });
    } catch (error) {
      if (!FlowError.is(error, "ENGINE_OPTIONS") || error.details?.group !== group) throw error;
      const text = `another coordinator on this bus has different node types than this one (${types.join(", ")}): use the same handlers or workerTypes in both, or separate buses`;
      throw new FlowError("ENGINE_OPTIONS", text, { cause: error, details: error.details });
    }
  }

  /**
   * The graph with its defaults filled in, checked to be runnable by this engine.
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
    refuseUnenforced(graph, this.#external?.findings(graph));
    return graph;
  }

  /**
   * Checks the parameters, stores the task, and starts its roots.
   *
   * @throws FlowError `PARAMS_INVALID`, `PARAMS_TOO_LARGE`, `ENGINE_OPTIONS`, `TASK_EXISTS`
   */
  async createTask(options: CreateTaskOptions): Promise<Created> {
    if (this.#stopping !== undefined) throw new FlowError("ENGINE_STOPPED", "the engine has been stopped");
    const { ids, plans, clock } = this.#parts;
    const requested = newTask(ids.next(), options, clock.now());
    return this.#create({ task: requested, graph: options.graph }, async (task) => {
      if (this.#pausedFlows.has(task.graph.name)) return;
      // Only the store's record has the time of a later start.
      if (task.startInMs !== undefined) await this.#scheduler.replan(task.id);
      else await this.#scheduler.begin(task, plans.get(task.graph));
    });
  }

  /**
   * Creates a task with the graph and the parameters of one that failed or was cancelled, which adopts the nodes that
   * had finished.
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN`, `TASK_FINISHED`, `TASK_EXISTS`, `GRAPH_INVALID`, `ENGINE_OPTIONS`
   */
  async retryTask(taskId: string, options: RetryTaskOptions): Promise<Created> {
    if (this.#stopping !== undefined) throw new FlowError("ENGINE_STOPPED", "the engine has been stopped");
    const { store, ids } = this.#parts;
    const settings = taskSettings(options);
    const failed = checkRetryable(taskId, await this.#callerRetry.run(() => store.readTask(taskId)));
    this.checkGraph(failed.graph); // this engine's handlers may differ from the ones that the task ran with
    const vars = await this.#callerRetry.run(() => store.readVars(taskId));
    const task = retriedTask(ids.next(), failed, { vars, settings });
    return this.#create({ task, graph: task.graph }, () => this.#scheduler.replan(task.id));
  }

  /** Creates a task that retries all failed batches of a node, or the given ones, and runs everything that reads the node. */
  async retryBatches(
    taskId: string,
    nodeId: string,
    options: RetryTaskOptions & { readonly uids?: readonly string[] | undefined },
  ): Promise<Created> {
    if (this.#stopping !== undefined) throw new FlowError("ENGINE_STOPPED", "the engine has been stopped");
    const { store, ids, plans } = this.#parts;
    const settings = taskSettings(options);
    const ended = checkEnded(taskId, await this.#callerRetry.run(() => store.readTask(taskId)));
    this.checkGraph(ended.graph);
    const node = nodeOf(plans.get(ended.graph), { taskId, nodeId });
    const parts = { store, retry: this.#callerRetry };
    const retriedBatches = await findRetried(parts, { task: ended, node, uids: options.uids });
    const vars = await this.#callerRetry.run(() => store.readVars(taskId));
    const task = retriedTask(ids.next(), ended, { vars, settings, retriedBatches });
    return this.#create({ task, graph: task.graph }, () => this.#scheduler.replan(task.id));
  }

  #create(requested: RequestedTask, begin: (task: NewTask) => Promise<void>): Promise<Created> {
    const create = (task: NewTask) => this.#createTraced({ ...requested, task }, begin);
    return this.#parts.telemetry?.createTask(requested.task, create) ?? create(requested.task);
  }

  async #createTraced(requested: RequestedTask, begin: (task: NewTask) => Promise<void>): Promise<Created> {
    const { store, starts } = this.#parts;
    const { task } = requested;
    for (;;) {
      const { outcome, id } = await this.#callerRetry.run(() => store.createTask(task));
      const created = outcome === "created" || id === task.id;
      if (created) {
        if (task.retryOf !== undefined) starts.log({ ...task, taskId: id, flow: task.graph.name });
        if (task.deadlineMs !== undefined) this.#sweeper.dueIn(task.deadlineMs);
        await this.#supervisor.follow("begin", async () => {
          await this.#pausedFlows.refresh();
          await begin(task);
        });
        if (task.startInMs !== undefined) this.#sweeper.dueIn(task.startInMs);
      }
      await this.#callerRetry.run(() => store.settle());
      if (created) return { id, created };
      const found = await this.#callerRetry.run(() => store.readTask(id));
      if (found === undefined) continue; // the task was deleted in the meantime, so its key is free again
      checkSameInput(requested, found);
      return { id, created };
    }
  }

  /** Checks schedules again in at most this many ms. */
  dueIn(ms: number): void {
    this.#sweeper.dueIn(ms);
  }

  /** Pauses or resumes the start of a flow's new tasks. Returns once that is recorded. */
  async pauseFlow(name: string, isPaused: boolean): Promise<void> {
    const { store } = this.#parts;
    this.#changes.check();
    await this.#callerRetry.run(() => this.#pausedFlows.set(name, isPaused));
    await this.#callerRetry.run(() => this.#pausedFlows.refresh());
    if (!isPaused) await this.#supervisor.follow("resume", () => this.#beginTasksOf(name));
    await this.#callerRetry.run(() => store.settle());
  }

  /** Sweeps would begin them too, but later. */
  async #beginTasksOf(name: string): Promise<void> {
    for (let page: PageRequest | undefined = { limit: 100 }; page !== undefined; ) {
      const query = { ...page, statuses: ["running"], children: "all" } as const;
      const { items, cursor }: Page<TaskSummary> = await this.#parts.store.listTasks(query);
      for (const task of items) if (task.name === name) await this.#scheduler.replan(task.id);
      page = cursor === undefined ? undefined : { ...page, cursor };
    }
  }

  /** The names of the flows that are paused. */
  async pausedFlows(): Promise<readonly string[]> {
    this.#changes.check();
    return this.#callerRetry.run(() => this.#pausedFlows.read());
  }

  async cancelTask(taskId: string, reason: string): Promise<"recorded" | "already" | "terminal" | "unknown"> {
    const { store } = this.#parts;
    this.#changes.check();
    // Decided before the call, which may be repeated: a second cancel also ends spared nodes.
    const all = (await this.#callerRetry.run(() => store.readTask(taskId)))?.status === "cancelling";
    const answer = await this.#callerRetry.run(() => store.cancelTask(taskId, reason, all));
    if (answer === "recorded" || all) await this.#supervisor.follow("cancel", () => this.#scheduler.replan(taskId));
    await this.#callerRetry.run(() => store.settle());
    return answer;
  }

  /**
   * Pauses or resumes a task.
   *
   * @throws FlowError `PAUSE_UNSUPPORTED`, `TASK_HAS_PARENT`
   */
  async pauseTask(taskId: string, paused: boolean): Promise<"recorded" | "already" | "terminal" | "unknown"> {
    const { store, external } = this.#parts;
    this.#changes.check();
    const task = await this.#callerRetry.run(() => store.readTask(taskId));
    if (task !== undefined) checkPausable(task, paused ? external?.types : undefined);
    const answer = await this.#callerRetry.run(() => store.pauseTask(taskId, paused));
    // Even if it was recorded before: this call may repeat one whose answer was lost.
    if (answer === "recorded" || answer === "already")
      await this.#supervisor.follow("pause", () => this.#scheduler.replan(taskId));
    await this.#callerRetry.run(() => store.settle());
    return answer;
  }

  /**
   * Stores a signal for a node that waits for it, now or later.
   *
   * @throws FlowError `NODE_UNKNOWN`, `SIGNAL_INVALID`, `SIGNAL_TOO_LARGE`
   */
  async signalTask(taskId: string, nodeId: string, payload: unknown): Promise<SignalAnswer> {
    const { store, ids, plans } = this.#parts;
    this.#changes.check();
    const task = await this.#callerRetry.run(() => store.readTask(taskId));
    if (task === undefined) return "unknown";
    const node = nodeOf(plans.get(task.graph), { taskId, nodeId });
    const signal = { nodeId, id: ids.next(), payload: signalPayload(taskId, node, payload) };
    if (task.status === "cancelling") {
      // Handlers of outcomes still run, and a descendant of theirs may wait for the signal.
      const shards = await this.#callerRetry.run(() => store.readShards(taskId, [nodeId]));
      if (shards.some(({ status }) => isShardTerminal(status))) return "terminal";
    }
    const { answer } = await this.#callerRetry.run(() => store.signalTask(taskId, signal));
    if (answer === "accepted")
      await this.#supervisor.follow("signal", () => this.#scheduler.marks.signalled(taskId, nodeId));
    await this.#callerRetry.run(() => store.settle());
    return answer;
  }

  #externalWorkers(): ExternalWorkers | undefined {
    const { external, store, bus, logger, timing, ...parts } = this.#parts;
    if (external === undefined || store.externalRows === undefined) return undefined;
    return new ExternalWorkers({
      ...parts,
      store,
      bus: bestEffortBus(bus, logger, { throwsTooLarge: true }),
      logger,
      external,
      rows: store.externalRows,
      acceptMs: timing.externalAcceptMs,
      nodeChanged: (taskId, nodeId) => this.#scheduler.nodeChanged(taskId, nodeId),
      progressed: (ref) => {
        parts.signals.notify(ref);
        this.#changes.emit(ref.taskId, false);
      },
      dueIn: (ms) => this.#sweeper.dueIn(ms),
    });
  }

  async #onMessage(message: Message): Promise<void> {
    if (this.#external !== undefined && isStatus(message) && this.#external.types.has(message.type)) {
      return this.#external.onStatus(message);
    }
    if (message.kind === "TASK_DONE" && message.continuesWith) return this.#changes.emit(message.taskId, false);
    switch (message.kind) {
      case "TASK_FAILED":
        if (message.permanent) return this.#scheduler.nodeChanged(message.taskId, message.nodeId);
        // Other nodes cannot start because of this; only this one can, when it is due.
        if (message.dueInMs !== undefined) this.#sweeper.dueIn(message.dueInMs);
        return this.#changes.emit(message.taskId, false);
      case "BATCH_OK":
      case "BATCH_FAILED": // it was set aside, and is an entry of the log
      case "TASK_RESUMED": // a resumed attempt may be the first to announce what an earlier one stored
      case "TASK_DONE":
      case "CANCELLED":
        return this.#scheduler.nodeChanged(message.taskId, message.nodeId);
      case "WORKER_ONLINE":
      case "WORKER_OFFLINE":
        return this.#external?.onAnnounce(message);
    }
  }
}
