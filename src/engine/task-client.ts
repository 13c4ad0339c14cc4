import type { CoordinatorCore } from "../core/coordinator/coordinator-core.ts";
import type { DeadLetter, TaskSummary } from "../core/model/records.ts";
import type { Page } from "../core/ports/index.ts";
import { StoreRetry } from "../core/resilience/store-retry.ts";
import type {
  CleanupOptions,
  CleanupOutcome,
  FailedBatchOf,
  ListOptions,
  RetryBatchesOptions,
  RetryOptions,
  RunOptions,
  TaskHandle,
  UntypedFlow,
} from "../core/tasks/api.ts";
import { type FailedBatchParts, failedBatches } from "../core/tasks/failed-batches.ts";
import type { FlowArgument, RunOptionsOf } from "../core/tasks/run-arguments.ts";
import { type TaskHandleParts, taskHandle } from "../core/tasks/task-handle.ts";
import { cleanUp, deleteTask, listDeadLetters, listTasks } from "../core/tasks/task-lists.ts";
import type { RunningLimits } from "../core/worker/attempt/worker-options.ts";
import type { FlowDefinition, FlowTypes } from "../definitions/flow.ts";
import { FlowError } from "../errors/index.ts";
import { formatMessage } from "../graph/format/messages.ts";
import { checkOptionNames } from "../graph/format/near-name.ts";
import { describedBy, type Graph, isWorkerType } from "../graph/index.ts";
import type { Connections } from "./connections.ts";
import type { KnownTypes } from "./known-types.ts";
import { type KeepAlive, type Lifecycle, type PartHealth, partHealth, type StopOptions } from "./lifecycle.ts";
import { type Schedules, schedulesOf } from "./schedules.ts";

export interface TaskClientParts {
  readonly core: CoordinatorCore;
  readonly ports: Connections;
  readonly life: Lifecycle;
  readonly known: KnownTypes;
  readonly running: RunningLimits;
  /** Keeps the process running while tasks that were started here run. */
  readonly keepAlive?: KeepAlive | undefined;
}

/** Base of coordinators and clients: their lifecycle, and methods on tasks. */
export abstract class TaskClient<THandlers extends { readonly name: string }>
  implements TaskMethods<THandlers>, AsyncDisposable
{
  declare readonly $infer: THandlers;
  readonly #parts: TaskClientParts;
  readonly #handleParts: TaskHandleParts & FailedBatchParts;
  /** Graphs by flow: flows are immutable, so each is compiled and checked once. */
  readonly #graphs = new WeakMap<object, Graph>();
  /** Types of handlers with a `finalize`, as far as they are known here. */
  readonly #finalizing: Set<string>;

  constructor(parts: TaskClientParts) {
    this.#parts = parts;
    const { core, ports, known, running } = parts;
    this.#finalizing = new Set(known.finalizing);
    this.#handleParts = {
      store: ports.store,
      clock: ports.callerClock,
      plans: ports.plans,
      retry: new StoreRetry(ports.callerClock, undefined, {
        watch: ports.watch,
        check: () => core.changes.check(),
      }),
      changes: core.changes,
      running,
      finalizing: this.#finalizing,
      external: known.external?.types,
      inputAdapters: core.inputAdapters,
      cancel: (taskId, reason) => core.cancelTask(taskId, reason),
      signal: (taskId, nodeId, payload) => core.signalTask(taskId, nodeId, payload),
      pause: (taskId, paused) => core.pauseTask(taskId, paused),
    };
  }

  /**
   * Opens the store and starts. Returns the same promise each time.
   *
   * @throws FlowError `ENGINE_OPTIONS`, `ENGINE_STOPPED`, and errors of the store and the bus, such as
   * `STORE_UNAVAILABLE`: after that, neither this object nor its store and bus can be started again
   */
  start(): Promise<void> {
    return this.#parts.life.start();
  }

  /**
   * Stops, and closes the store and the bus if nothing else in this process uses them. Returns the same promise each
   * time.
   */
  stop(options: StopOptions = {}): Promise<void> {
    return this.#parts.life.stop(options);
  }

  /** For `await using`: stops with the default grace period. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * The state of this object, for probes and people. Makes no requests: the store's status is the outcome of the last call.
   *
   * @example
   * client.health().ready // false before `start()`, and while the store is unreachable
   */
  health(): PartHealth {
    const { core, ports, life } = this.#parts;
    return partHealth({ life, ports, loops: core.loops });
  }

  readonly run: TaskMethods<THandlers>["run"] = (flow, options) => this.#run(flow, options);

  async #run<TTypes extends FlowTypes>(flow: unknown, options: RunOptions = {}): Promise<TaskHandle<TTypes>> {
    const { core, keepAlive } = this.#started();
    checkOptionNames("run", options, runOptions);
    const paramsSchema = isFlow(flow) ? flow.paramsSchema : undefined;
    const { id } = await core.createTask({ ...options, graph: this.#graphOf(flow), paramsSchema });
    keepAlive?.hold(id);
    return taskHandle<TTypes>(this.#handleParts, id);
  }

  task(id: string): TaskHandle {
    this.#started();
    return taskHandle<UntypedFlow>(this.#handleParts, id);
  }

  pause(id: string): ReturnType<TaskHandle["pause"]> {
    return this.task(id).pause();
  }

  resume(id: string): ReturnType<TaskHandle["resume"]> {
    return this.task(id).resume();
  }

  async retry(id: string, options: RetryOptions): Promise<TaskHandle> {
    const { core, keepAlive } = this.#started();
    checkOptionNames("retry", options, retryOptions);
    if (options.from !== "failed") throw new FlowError("ENGINE_OPTIONS", "retry: from must be 'failed'");
    const retry = await core.retryTask(id, options);
    keepAlive?.hold(retry.id);
    return this.task(retry.id);
  }

  failedBatches<
    TTypes extends FlowTypes = UntypedFlow,
    TNodeId extends Extract<keyof TTypes["outputs"], string> = Extract<keyof TTypes["outputs"], string>,
  >(task: string | TaskHandle<TTypes>, nodeId: TNodeId): AsyncIterableIterator<FailedBatchOf<TTypes, TNodeId>> {
    this.#started();
    const batches: AsyncIterableIterator<unknown> = failedBatches(
      this.#handleParts,
      typeof task === "string" ? task : task.id,
      nodeId,
    );
    return batches as AsyncIterableIterator<FailedBatchOf<TTypes, TNodeId>>; // the store's records are untyped
  }

  async retryBatches<TTypes extends FlowTypes = UntypedFlow>(
    task: string | TaskHandle<TTypes>,
    nodeId: Extract<keyof TTypes["outputs"], string>,
    options: RetryBatchesOptions = {},
  ): Promise<TaskHandle<TTypes>> {
    const { core, keepAlive } = this.#started();
    checkOptionNames("retryBatches", options, retryBatchesOptions);
    const retry = await core.retryBatches(typeof task === "string" ? task : task.id, nodeId, options);
    keepAlive?.hold(retry.id);
    return taskHandle<TTypes>(this.#handleParts, retry.id);
  }

  readonly schedules: Schedules<THandlers> = schedulesOf(() => {
    const { core } = this.#started();
    const { store, retry, clock } = this.#handleParts;
    const read = (flow: unknown) => ({
      graph: this.#graphOf(flow),
      schema: isFlow(flow) ? flow.paramsSchema : undefined,
    });
    return { core, store, retry, read, now: () => clock.now() };
  });

  readonly flows: PausableFlows = {
    pause: async (name) => this.#started().core.pauseFlow(name, true),
    resume: async (name) => this.#started().core.pauseFlow(name, false),
    paused: async () => this.#started().core.pausedFlows(),
  };

  async list(options: ListOptions = {}): Promise<Page<TaskSummary>> {
    this.#started();
    checkOptionNames("list", options, listOptions);
    return listTasks(this.#handleParts, options);
  }

  async delete(id: string): Promise<void> {
    this.#started();
    return deleteTask(this.#handleParts, id);
  }

  async cleanup(options: CleanupOptions): Promise<CleanupOutcome> {
    this.#started();
    checkOptionNames("cleanup", options, cleanupOptions);
    return cleanUp(this.#handleParts, options);
  }

  async deadLetters(options: Omit<ListOptions, "status"> = {}): Promise<Page<DeadLetter>> {
    this.#started();
    checkOptionNames("deadLetters", options, deadLetterOptions);
    return listDeadLetters(this.#handleParts, options);
  }

  #started(): TaskClientParts {
    this.#parts.life.checkStarted();
    return this.#parts;
  }

  #graphOf(flow: unknown): Graph {
    const { core, known, ports } = this.#parts;
    if (typeof flow !== "object") {
      const message = `expected a flow or a graph, got ${flow === undefined ? "undefined" : `a ${typeof flow}`}`;
      throw new FlowError("ENGINE_OPTIONS", message);
    }
    if (!isFlow(flow)) return core.checkGraph(flow);
    let graph = this.#graphs.get(flow);
    if (graph === undefined) {
      const compiled = flow.compile();
      assertHandlers(compiled, known);
      // With schemas, so that later versions of the handlers can be compared with those that the tasks were created for.
      graph = describedBy(core.checkGraph(compiled), flow.compile({ schemas: true }));
      ports.plans.compiled(graph, flow.handlers);
      for (const { name, finalize } of Object.values(flow.handlers)) if (finalize) this.#finalizing.add(name);
      this.#graphs.set(flow, graph);
    }
    return graph;
  }
}

type Known<TOptions> = Readonly<Record<keyof TOptions, true>>;

const settings = { idempotencyKey: true, priority: true, deadlineSec: true, traceparent: true } as const;
const runOptions: Known<RunOptions> = { ...settings, params: true, notBefore: true };
const retryOptions: Known<RetryOptions> = { ...settings, from: true };
const retryBatchesOptions: Known<RetryBatchesOptions> = { ...settings, uids: true };
const deadLetterOptions: Known<Omit<ListOptions, "status">> = { cursor: true, limit: true, children: true };
const listOptions: Known<ListOptions> = { ...deadLetterOptions, status: true };
const cleanupOptions: Known<CleanupOptions> = { endedForSec: true };

function isFlow(flow: unknown): flow is FlowDefinition {
  return typeof flow === "object" && flow !== null && "compile" in flow && typeof flow.compile === "function";
}

/**
 * Refuses the graph of a flow with handlers that are not known here, with the compiler's message.
 *
 * @throws FlowError `GRAPH_INVALID`
 */
function assertHandlers({ nodes }: Graph, { names, list }: KnownTypes): void {
  const known = new Set(names);
  const findings = nodes.flatMap(({ node_id: node, type }, index) =>
    !isWorkerType(type) || known.has(type)
      ? []
      : [
          {
            code: "GRAPH_UNKNOWN_TYPE",
            path: `/nodes/${index}/type`,
            message: formatMessage("handlerLacking", { handler: type, node, list }),
          },
        ],
  );
  if (findings.length === 0) return;
  throw new FlowError("GRAPH_INVALID", findings.map(({ message }) => message).join("\n"), { details: { findings } });
}

/** Pauses flows, by name. */
export interface PausableFlows {
  /**
   * Tasks of the flow that have not begun wait until it is resumed; new ones are created, and wait, too. Tasks that
   * have begun continue. Other processes follow within a second.
   */
  pause(name: string): Promise<void>;
  /** Resumes the flow: the waiting tasks begin. */
  resume(name: string): Promise<void>;
  /** The names of the flows that are paused. */
  paused(): Promise<readonly string[]>;
}

/** Methods on tasks, of engines, coordinators and clients. */
export interface TaskMethods<THandlers extends { readonly name: string } = { readonly name: string }> {
  /** Type information only: the known handlers, or the types of the workers, as a union. Has no value at run time. */
  readonly $infer: THandlers;
  /**
   * Runs a flow (typed) or a graph JSON as a new task. Resolves when the task is stored.
   *
   * @example
   * const task = await engine.run(etl, { params: { date: "2026-11-24" } })
   * await task.result() // { load: { rows: 1200 } }
   *
   * A missing handler or parameter is also a compile error.
   *
   * @throws FlowError `GRAPH_INVALID`, `PARAMS_INVALID`, `PARAMS_TOO_LARGE`, `TASK_EXISTS`, `ENGINE_OPTIONS`,
   * `ENGINE_NOT_STARTED`, `ENGINE_STOPPED`
   */
  // Generic over the receiver: otherwise an engine that knows its handlers would not be assignable to `Engine`.
  run<
    TEngine extends { readonly $infer: { readonly name: string } },
    TTypes extends FlowTypes = UntypedFlow,
    TGiven extends keyof RunOptions = never,
    TWritten extends keyof TTypes["params"] = never,
  >(
    this: TEngine,
    flow: FlowArgument<TTypes, TEngine["$infer"], TGiven>,
    options?: RunOptionsOf<TTypes, TGiven, TWritten>,
  ): Promise<TaskHandle<TTypes>>;
  /** A handle to an existing task, started by any process on the same store. Untyped, as an id has no flow type. */
  task(id: string): TaskHandle;
  /**
   * Pauses a task: batches in progress end, and nothing new begins until it is resumed, in any process.
   *
   * @throws FlowError `PAUSE_UNSUPPORTED` if external workers run one of its nodes, `TASK_UNKNOWN`
   */
  pause(id: string): ReturnType<TaskHandle["pause"]>;
  /** Resumes a paused task. @throws FlowError `TASK_UNKNOWN` */
  resume(id: string): ReturnType<TaskHandle["resume"]>;
  /**
   * Retries a task that failed or was cancelled, as a new task with the same graph and parameters; the old task stays.
   * Finished nodes are adopted, with their artifacts and their changes of variables, if everything upstream of them is
   * adopted too; the others run again.
   *
   * @example
   * const again = await engine.retry(task.id, { from: "failed" })
   * await again.result() // as if the first had finished
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN` if it has not ended, `TASK_FINISHED` if there is nothing to retry,
   * `GRAPH_INVALID` if this engine cannot run its graph, `ENGINE_OPTIONS`, `ENGINE_NOT_STARTED`, `ENGINE_STOPPED`
   */
  retry(id: string, options: RetryOptions): Promise<TaskHandle>;
  /**
   * The batches of a node that failed for good and were set aside, with their payloads. While the node runs, those set
   * aside so far. Typed by the node's handler if the task has the types of a flow.
   *
   * @example
   * for await (const { uid, message, tries, input } of engine.failedBatches(task, "enrich")) {
   *   console.log(`${uid} failed ${tries} times: ${message}`, input)
   * }
   *
   * @throws FlowError `TASK_UNKNOWN`, `NODE_UNKNOWN`, `ARTIFACTS_DROPPED`, `ENGINE_NOT_STARTED`, `ENGINE_STOPPED`
   */
  failedBatches<
    TTypes extends FlowTypes = UntypedFlow,
    TNodeId extends Extract<keyof TTypes["outputs"], string> = Extract<keyof TTypes["outputs"], string>,
  >(task: string | TaskHandle<TTypes>, nodeId: TNodeId): AsyncIterableIterator<FailedBatchOf<TTypes, TNodeId>>;
  /**
   * Retries failed batches of a node in a task that has ended, as a new task with the same graph and parameters; the
   * old task stays. The node keeps all of its other output and processes only these batches; the nodes that read it run
   * again, and the others are adopted, as by `retry`. A node that is not `resumable` starts over; one that is `ordered`
   * starts over from the first of these batches.
   *
   * @example
   * const again = await engine.retryBatches(task, "enrich") // all that were set aside
   * const one = await engine.retryBatches(task, "enrich", { uids: ["order-17"] })
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN` if it has not ended, `NODE_UNKNOWN`, `BATCH_UNKNOWN` if the node has no
   * such failed batch, `GRAPH_INVALID` if this engine cannot run its graph, `ENGINE_OPTIONS`, `ENGINE_NOT_STARTED`,
   * `ENGINE_STOPPED`
   */
  retryBatches<TTypes extends FlowTypes = UntypedFlow>(
    task: string | TaskHandle<TTypes>,
    nodeId: Extract<keyof TTypes["outputs"], string>,
    options?: RetryBatchesOptions,
  ): Promise<TaskHandle<TTypes>>;
  /**
   * Flows that run at given times.
   *
   * @example
   * await engine.schedules.put("nightly", { flow: etl, cron: "0 3 * * *", params: { day: tick.date } })
   */
  readonly schedules: Schedules<THandlers>;
  /** Pauses flows. */
  readonly flows: PausableFlows;
  /**
   * A page of the store's tasks, the newest first, without their graphs and parameters. `cursor` is present if more
   * follow.
   *
   * @example
   * const { items, cursor } = await engine.list({ status: ["failed", "cancelled"], limit: 20 })
   * items.map(({ id, name, failure }) => `${name} ${id}: ${failure?.reasonCode}`)
   *
   * @throws FlowError `ENGINE_OPTIONS`
   */
  list(options?: ListOptions): Promise<Page<TaskSummary>>;
  /**
   * Deletes an ended task with its artifacts, variables and idempotency key.
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN` if it has not ended, `TASK_BORROWED` if a retry uses its artifacts
   */
  delete(id: string): Promise<void>;
  /**
   * Deletes the tasks that ended at least `endedForSec` ago. A store on disk keeps all tasks until they are deleted;
   * the memory store keeps its newest 1,000 (`memoryStore({ keepFinishedTasks })`).
   *
   * @example
   * await engine.cleanup({ endedForSec: 7 * 86_400 }) // { deleted: 1203, borrowed: 0 }
   *
   * @throws FlowError `ENGINE_OPTIONS`
   */
  cleanup(options: CleanupOptions): Promise<CleanupOutcome>;
  /**
   * Messages that could not be read or handled by any process on the store, the newest first. A custom bus may report
   * the messages that it drops elsewhere.
   *
   * @throws FlowError `ENGINE_OPTIONS`
   */
  deadLetters(options?: Omit<ListOptions, "status">): Promise<Page<DeadLetter>>;
}
