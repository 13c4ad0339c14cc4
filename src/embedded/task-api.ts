import type { FlowDefinition, FlowTypes } from "../definitions/index.ts";
import type {
  CleanupOptions,
  CleanupOutcome,
  ListOptions,
  RetryOptions,
  RunOptions,
  TaskHandle,
  UntypedFlow,
} from "../engine/api.ts";
import type { CoordinatorCore } from "../engine/coordinator/coordinator-core.ts";
import type { DeadLetter, TaskSummary } from "../engine/model.ts";
import type { Page } from "../engine/ports/index.ts";
import { StoreRetry } from "../engine/support/store-retry.ts";
import { type TaskHandleParts, taskHandle } from "../engine/tasks/task-handle.ts";
import { cleanUp, deleteTask, listDeadLetters, listTasks } from "../engine/tasks/task-lists.ts";
import type { RunningLimits } from "../engine/worker/running-limits.ts";
import { FlowError } from "../errors/index.ts";
import type { Graph } from "../graph/index.ts";
import type { KeepAlive } from "./keep-alive.ts";
import type { KnownTypes } from "./known-types.ts";
import { refuseLacking } from "./lacking-handlers.ts";
import type { Life, StopOptions } from "./life.ts";
import type { Ports } from "./ports.ts";
import type { TaskMethods } from "./task-methods.ts";

export interface TaskApiParts {
  readonly core: CoordinatorCore;
  readonly ports: Ports;
  readonly life: Life;
  readonly known: KnownTypes;
  readonly running: RunningLimits;
  /** Holds the process while the tasks run that are started here. */
  readonly keepAlive?: KeepAlive | undefined;
}

/** What a coordinator and a client have in common: a life, and tasks. */
export abstract class TaskApi<THandlers extends { readonly name: string }>
  implements TaskMethods<THandlers>, AsyncDisposable
{
  declare readonly $infer: THandlers;
  readonly #parts: TaskApiParts;
  readonly #handleParts: TaskHandleParts;
  /** Graphs by flow: a flow never changes, so it is compiled and checked once. */
  readonly #graphs = new WeakMap<object, Graph>();

  constructor(parts: TaskApiParts) {
    this.#parts = parts;
    const { core, ports, known, running } = parts;
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
      foreign: known.foreign?.types,
      cancel: (taskId, reason) => core.cancelTask(taskId, reason),
    };
  }

  /**
   * Opens the store, and begins its work. The same promise at each call.
   *
   * @throws FlowError `ENGINE_OPTIONS`, `ENGINE_STOPPED`, and what the store and the bus say, `STORE_UNAVAILABLE` among
   * it: it can't be started again then, nor can what it was given
   */
  start(): Promise<void> {
    return this.#parts.life.start();
  }

  /** Ends its work, and closes the store and the bus that nobody else in this process uses. The same promise at each call. */
  stop(options: StopOptions = {}): Promise<void> {
    return this.#parts.life.stop(options);
  }

  /** For `await using`: stops it with the default grace. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  readonly run: TaskMethods<THandlers>["run"] = (flow, options) => this.#run(flow, options);

  async #run<TTypes extends FlowTypes>(flow: unknown, options: RunOptions = {}): Promise<TaskHandle<TTypes>> {
    const { core, keepAlive } = this.#started();
    const paramsSchema = isFlow(flow) ? flow.paramsSchema : undefined;
    const { id } = await core.createTask({ ...options, graph: this.#graphOf(flow), paramsSchema });
    keepAlive?.hold(id);
    return taskHandle<TTypes>(this.#handleParts, id);
  }

  task(id: string): TaskHandle {
    this.#started();
    return taskHandle<UntypedFlow>(this.#handleParts, id);
  }

  async retry(id: string, options: RetryOptions): Promise<TaskHandle> {
    const { core, keepAlive } = this.#started();
    if (options.from !== "failed") throw new FlowError("ENGINE_OPTIONS", "a retry is made from 'failed'");
    const retry = await core.retryTask(id, options);
    keepAlive?.hold(retry.id);
    return this.task(retry.id);
  }

  async list(options: ListOptions = {}): Promise<Page<TaskSummary>> {
    this.#started();
    return listTasks(this.#handleParts, options);
  }

  async delete(id: string): Promise<void> {
    this.#started();
    return deleteTask(this.#handleParts, id);
  }

  async cleanup(options: CleanupOptions): Promise<CleanupOutcome> {
    this.#started();
    return cleanUp(this.#handleParts, options);
  }

  async deadLetters(options: Omit<ListOptions, "status"> = {}): Promise<Page<DeadLetter>> {
    this.#started();
    return listDeadLetters(this.#handleParts, options);
  }

  #started(): TaskApiParts {
    this.#parts.life.checkStarted();
    return this.#parts;
  }

  #graphOf(flow: unknown): Graph {
    const { core, known } = this.#parts;
    if (!isFlow(flow)) return core.checkGraph(flow);
    let graph = this.#graphs.get(flow);
    if (graph === undefined) {
      const compiled = flow.compile();
      refuseLacking(compiled, known);
      graph = core.checkGraph(compiled);
      this.#graphs.set(flow, graph);
    }
    return graph;
  }
}

function isFlow(flow: unknown): flow is FlowDefinition {
  return typeof flow === "object" && flow !== null && "compile" in flow && typeof flow.compile === "function";
}
