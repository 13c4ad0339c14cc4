import { memoryBus, memoryStore, type UndeliveredMessage } from "../adapters/memory/index.ts";
import { type FlowDefinition, type FlowTypes, type HandlerDefinition, silentLogger } from "../definitions/index.ts";
import type {
  CleanupOptions,
  CleanupOutcome,
  ListOptions,
  RetryOptions,
  RunOptions,
  TaskHandle,
  UntypedFlow,
} from "../engine/api.ts";
import { CoordinatorCore } from "../engine/coordinator/coordinator-core.ts";
import { defaultCoordinatorTiming } from "../engine/coordinator/coordinator-options.ts";
import { builtInCoordinatorFns } from "../engine/functions/index.ts";
import type { DeadLetter, TaskSummary } from "../engine/model.ts";
import { PlanCache } from "../engine/planner/index.ts";
import type { Bus, Clock, Page, Store } from "../engine/ports/index.ts";
import type { FlowArgument, RunOptionsOf } from "../engine/run-arguments.ts";
import { DeadLetters } from "../engine/support/dead-letters.ts";
import { StoreRetry } from "../engine/support/store-retry.ts";
import type { LoopHealth } from "../engine/support/supervisor.ts";
import { systemClock, systemIds, systemRandom } from "../engine/system/index.ts";
import { type TaskHandleParts, taskHandle } from "../engine/tasks/task-handle.ts";
import { cleanUp, deleteTask, listDeadLetters, listTasks } from "../engine/tasks/task-lists.ts";
import { AppendSignals } from "../engine/worker/append-signals.ts";
import type { RunningLimits } from "../engine/worker/running-limits.ts";
import { WorkerCore } from "../engine/worker/worker-core.ts";
import { defaultWorkerLimits } from "../engine/worker/worker-options.ts";
import { FlowError } from "../errors/index.ts";
import type { Graph } from "../graph/index.ts";
import { byName, checkOptions, type EngineOptions } from "./engine-options.ts";
import { KeepAlive } from "./keep-alive.ts";
import { refuseLacking } from "./lacking-handlers.ts";

const defaultStopGraceMs = 10_000;
/** Coordinator functions are short, and many may wait for nothing but their turn. */
const functionCapacity = 16;
/** In one process the producer that a starving consumer makes room for starts at once: no need to wait long. */
const maxStarveMs = 500;

export interface EngineHealth {
  /** It takes work: it has started, is not being stopped, and reaches its store. */
  readonly ready: boolean;
  /** As of the last sweep, `tickMs` ago at most. `since`: ms since 1970. */
  readonly store: { readonly status: "ok" } | { readonly status: "unreachable"; readonly since: number };
  /** Attempts that run now. */
  readonly running: number;
  /** How many may. */
  readonly capacity: number;
  /** Messages that this engine could not read or handle, since it started. */
  readonly deadLetters: number;
  /** The engine's background loops, with how often each had to be started again. */
  readonly loops: readonly LoopHealth[];
}

/**
 * A coordinator and a worker in this process. An `Engine` that says nothing of its handlers takes every flow, and tells at run
 * time which handler it lacks.
 */
export interface Engine<THandlers extends HandlerDefinition = HandlerDefinition> extends AsyncDisposable {
  /** Types only: the handlers that it knows, as a union. There is no value behind it. */
  readonly $infer: THandlers;
  /**
   * Starts a run of a flow, typed, or of a graph JSON. Resolves when the task is stored.
   *
   * @example
   * const task = await engine.run(etl, { params: { date: "2026-11-24" } })
   * await task.result() // { load: { rows: 1200 } }
   *
   * A handler that the engine lacks, and parameters that are missing, are errors of the compiler too.
   *
   * @throws FlowError `GRAPH_INVALID`, `PARAMS_INVALID`, `ENGINE_STOPPED`
   */
  // Generic over the receiver: else an engine that knows its handlers would not be an `Engine`.
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
  /** A handle on a task that was started before, by this process or another on the same store. Untyped: an id knows no flow. */
  task(id: string): TaskHandle;
  /**
   * Tries a task again that failed or was cancelled: a new task with the same graph and parameters, which the old one
   * stays beside. Its finished nodes are adopted, with their artifacts and what they did to the variables, where all
   * that is upstream of them is adopted too; the others run.
   *
   * @example
   * const again = await engine.retry(task.id, { from: "failed" })
   * await again.result() // as if the first had finished
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN` when it hasn't ended, `TASK_FINISHED` when there is nothing to try
   * again, `GRAPH_INVALID` when this engine can't run its graph, `ENGINE_OPTIONS`, `ENGINE_STOPPED`
   */
  retry(id: string, options: RetryOptions): Promise<TaskHandle>;
  /**
   * A page of the store's tasks, the newest first, without their graphs and parameters. `cursor` is there when more
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
   * Removes an ended task with its artifacts, variables and idempotency key.
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN` when it hasn't ended, `TASK_BORROWED` when a retry uses its artifacts
   */
  delete(id: string): Promise<void>;
  /**
   * Removes the tasks that ended at least `endedForSec` ago. A store on disk keeps all tasks until it is told; the
   * memory store keeps its newest 1,000 by itself (`memoryStore({ keepFinishedTasks })`).
   *
   * @example
   * await engine.cleanup({ endedForSec: 7 * 86_400 }) // { deleted: 1203, borrowed: 0 }
   *
   * @throws FlowError `ENGINE_OPTIONS`
   */
  cleanup(options: CleanupOptions): Promise<CleanupOutcome>;
  /**
   * Messages that nobody could read or handle, the newest first: of all engines on the store. A bus of your own tells
   * of those that it gives up by its own means.
   *
   * @throws FlowError `ENGINE_OPTIONS`
   */
  deadLetters(options?: Omit<ListOptions, "status">): Promise<Page<DeadLetter>>;
  /** How it is, for probes and people. Asks nobody: it is what this process knows. */
  health(): EngineHealth;
  /**
   * Takes nothing more, lets running attempts end for `graceMs`, then hands their claims back. The same promise at each
   * call. `await using` calls it.
   *
   * @defaultValue graceMs 10_000
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Everything in one process, with no services: by default on memory.
 *
 * @example
 * await using engine = await createEngine({ handlers: etl.handlers })
 * const task = await engine.run(etl)
 * for await (const event of task.events()) console.log(event)
 * const result = await task.result()
 *
 * @throws FlowError `ENGINE_OPTIONS`
 */
export async function createEngine<THandler extends HandlerDefinition>(
  options: EngineOptions<THandler>,
): Promise<Engine<THandler>> {
  const numbers = checkOptions(options);
  const { handlers } = options;
  const leaseMs = numbers.leaseMs ?? defaultWorkerLimits.leaseMs;
  const { maxRunning, maxRunningPerType, maxRunningPerTask } = numbers;
  const limits = {
    ...defaultWorkerLimits,
    starveMs: Math.min(leaseMs / 10, maxStarveMs),
    ...definedOf(numbers),
    running: definedOf({ maxRunning, maxRunningPerType, maxRunningPerTask }),
  };
  const store = options.store ?? memoryStore();
  const deadLetters = new DeadLetters({ store, ids: systemIds, logger: options.logger ?? silentLogger });
  const shared = {
    store,
    bus: deadLetters.guard(options.bus ?? memoryBus({ onDeadLetter: (letter) => void keep(deadLetters, letter) })),
    clock: systemClock({ unref: true }),
    ids: systemIds,
    random: systemRandom,
    logger: options.logger ?? silentLogger,
    inputAdapters: byName("input adapter", options.inputAdapters ?? []),
    plans: new PlanCache(),
    signals: new AppendSignals(),
  };
  const handlersByName = byName("handler", Array.isArray(handlers) ? handlers : Object.values(handlers));
  const functions = byName("coordinator function", [...builtInCoordinatorFns, ...(options.coordinatorFns ?? [])]);
  const id = systemIds.next();
  const callerClock = systemClock(); // unlike the engine's own: whoever awaits a call keeps the process running
  const coordinator = new CoordinatorCore({
    ...shared,
    callerClock,
    coordinatorId: `coordinator-${id}`,
    workerTypes: [...handlersByName.keys()],
    functions,
    timing: { ...defaultCoordinatorTiming, ...definedOf(numbers) },
    functionLimits: { ...limits, capacity: functionCapacity, capacityPerType: {} },
  });
  const worker = new WorkerCore({
    ...shared,
    workerId: `worker-${id}`,
    handlers: handlersByName,
    functions: undefined,
    limits,
  });
  const engine = new EmbeddedEngine<THandler>({
    ...shared,
    clock: callerClock,
    coordinator,
    worker,
    handlers: handlersByName,
    keepAlive: options.keepAlive ?? false,
    running: limits.running,
    capacity: limits.capacity,
    deadLetters,
  });
  try {
    await shared.store.open();
    await coordinator.start();
    await worker.start();
    engine.started();
  } catch (error) {
    await engine.stop({ graceMs: 0 }).catch((stopError: unknown) => {
      shared.logger.warn({ err: stopError }, "an engine that could not start could not be stopped either");
    });
    throw error;
  }
  return engine;
}

function keep(deadLetters: DeadLetters, { topic, key, message, error }: UndeliveredMessage): Promise<void> {
  const reason = `its handler failed: ${error instanceof Error ? error.message : String(error)}`;
  return deadLetters.add({ topic, key, message, reason });
}

class EmbeddedEngine<THandlers extends HandlerDefinition> implements Engine<THandlers> {
  declare readonly $infer: THandlers;
  readonly #coordinator: CoordinatorCore;
  readonly #worker: WorkerCore;
  readonly #handlers: ReadonlyMap<string, HandlerDefinition>;
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #keepAlive: KeepAlive;
  readonly #handleParts: TaskHandleParts;
  /** Graphs by flow: a flow never changes, so it is compiled and checked once. */
  readonly #graphs = new WeakMap<object, Graph>();
  readonly #deadLetters: DeadLetters;
  readonly #capacity: number;
  #started = false;
  #stopping: Promise<void> | undefined;

  constructor(parts: {
    readonly coordinator: CoordinatorCore;
    readonly worker: WorkerCore;
    readonly handlers: ReadonlyMap<string, HandlerDefinition>;
    readonly store: Store;
    readonly bus: Bus;
    /** One whose sleeps keep the process running. */
    readonly clock: Clock;
    readonly plans: PlanCache;
    readonly keepAlive: boolean;
    readonly running: RunningLimits;
    readonly capacity: number;
    readonly deadLetters: DeadLetters;
  }) {
    const { coordinator, store, plans } = parts;
    this.#coordinator = coordinator;
    this.#worker = parts.worker;
    this.#handlers = parts.handlers;
    this.#store = store;
    this.#deadLetters = parts.deadLetters;
    this.#capacity = parts.capacity;
    this.#bus = parts.bus;
    const { clock } = parts;
    this.#keepAlive = new KeepAlive({ store, clock, changes: coordinator.changes });
    if (parts.keepAlive) this.#keepAlive.always();
    this.#handleParts = {
      store,
      clock,
      plans,
      retry: new StoreRetry(clock),
      changes: coordinator.changes,
      running: parts.running,
      cancel: (taskId, reason) => coordinator.cancelTask(taskId, reason),
    };
  }

  started(): void {
    this.#started = true;
  }

  async run<TTypes extends FlowTypes>(flow: unknown, options: RunOptions = {}): Promise<TaskHandle<TTypes>> {
    const paramsSchema = isFlow(flow) ? flow.paramsSchema : undefined;
    const graph = this.#graphOf(flow);
    const { id } = await this.#coordinator.createTask({ ...options, graph, paramsSchema });
    this.#keepAlive.hold(id);
    return taskHandle<TTypes>(this.#handleParts, id);
  }

  task(id: string): TaskHandle {
    return taskHandle<UntypedFlow>(this.#handleParts, id);
  }

  async retry(id: string, options: RetryOptions): Promise<TaskHandle> {
    if (options.from !== "failed") throw new FlowError("ENGINE_OPTIONS", "a retry is made from 'failed'");
    const retry = await this.#coordinator.retryTask(id, options);
    this.#keepAlive.hold(retry.id);
    return this.task(retry.id);
  }

  list(options: ListOptions = {}): Promise<Page<TaskSummary>> {
    return listTasks(this.#handleParts, options);
  }

  delete(id: string): Promise<void> {
    return deleteTask(this.#handleParts, id);
  }

  cleanup(options: CleanupOptions): Promise<CleanupOutcome> {
    return cleanUp(this.#handleParts, options);
  }

  deadLetters(options: Omit<ListOptions, "status"> = {}): Promise<Page<DeadLetter>> {
    return listDeadLetters(this.#handleParts, options);
  }

  health(): EngineHealth {
    const since = this.#coordinator.storeUnreachableSince;
    return {
      ready: this.#started && this.#stopping === undefined && since === undefined,
      store: since === undefined ? { status: "ok" } : { status: "unreachable", since },
      running: this.#worker.running,
      capacity: this.#capacity,
      deadLetters: this.#deadLetters.count,
      loops: [...this.#coordinator.loops, ...this.#worker.loops],
    };
  }

  stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#keepAlive.during(() => this.#stop(options.graceMs ?? defaultStopGraceMs));
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** No step's error keeps the next ones from running. */
  async #stop(graceMs: number): Promise<void> {
    const errors: unknown[] = [];
    const steps = [
      () => this.#worker.stop({ graceMs }),
      () => this.#coordinator.stop({ graceMs }),
      async () => this.#keepAlive.stop(),
      () => this.#bus.close(),
      () => this.#deadLetters.settled(),
      () => this.#store.close(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, "stopping the engine met several errors");
  }

  #graphOf(flow: unknown): Graph {
    if (!isFlow(flow)) return this.#coordinator.checkGraph(flow);
    let graph = this.#graphs.get(flow);
    if (graph === undefined) {
      const compiled = flow.compile();
      refuseLacking(compiled, this.#handlers);
      graph = this.#coordinator.checkGraph(compiled);
      this.#graphs.set(flow, graph);
    }
    return graph;
  }
}

function isFlow(flow: unknown): flow is FlowDefinition {
  return typeof flow === "object" && flow !== null && "compile" in flow && typeof flow.compile === "function";
}

/** Without the keys whose value is undefined: they must not overwrite defaults. */
function definedOf<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
