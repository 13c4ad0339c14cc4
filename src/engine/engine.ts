import { memoryStore } from "../adapters/memory/index.ts";
import type { DeadLetter, TaskSummary } from "../core/model/records.ts";
import type { BusHealth, Page } from "../core/ports/index.ts";
import { systemClock, systemIds } from "../core/ports/system.ts";
import { DeadLetters } from "../core/resilience/best-effort-bus.ts";
import type { LoopHealth } from "../core/resilience/supervisor.ts";
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
import type { FlowTypes, HandlerDefinition } from "../definitions/index.ts";
import { acquireShared, localBus, releaseShared } from "./connections.ts";
import { Coordinator } from "./coordinator.ts";
import { handlersByName } from "./known-types.ts";
import { Lifecycle, type StopOptions, type StoreHealth, type TaskEndEvents } from "./lifecycle.ts";
import { checkOptions, type EngineOptions, optionKeys } from "./options.ts";
import type { Schedules } from "./schedules.ts";
import { stderrLogger } from "./stderr-logger.ts";
import type { PausableFlows, TaskMethods } from "./task-client.ts";
import { Worker } from "./worker.ts";

/** The state of an engine, as returned by `engine.health()`, without any requests. */
export interface EngineHealth {
  /** It has started, is not being stopped, and reaches its store. */
  readonly ready: boolean;
  /** As of the last sweep, at most `tickMs` ago. */
  readonly store: StoreHealth;
  /** Without it, work continues more slowly: changes are found by polling. */
  readonly bus: BusHealth;
  /** Attempts that are running. */
  readonly running: number;
  /** Maximum number of concurrent attempts. */
  readonly capacity: number;
  /**
   * Attempts that have ended, but whose handlers ignore their `AbortSignal`: each occupies its slot until the handler
   * returns.
   */
  readonly lingering: number;
  /** Messages that this engine could not read or handle since its start. */
  readonly deadLetters: number;
  /** The engine's background loops, with the number of restarts of each. */
  readonly loops: readonly LoopHealth[];
}

/**
 * A coordinator and a worker in one process. An `Engine` without handler types accepts every flow, and reports missing
 * handlers at run time.
 */
export interface Engine<THandlers extends HandlerDefinition = HandlerDefinition>
  extends TaskMethods<THandlers>,
    AsyncDisposable {
  /** The state of this engine, for probes and people. Makes no requests. */
  health(): EngineHealth;
  /**
   * Calls `listener` for each task that this engine ends; others on the same store report those that they end. Child
   * tasks are not reported. What a listener throws is logged. See the page Alerts for what a crash may lose.
   *
   * @example
   * using listening = engine.on("taskFailed", ({ taskId, failure }) => pager.notify(taskId, failure.message))
   *
   * @returns ends the subscription when disposed
   */
  on<TName extends keyof TaskEndEvents>(name: TName, listener: (event: TaskEndEvents[TName]) => unknown): Disposable;
  /**
   * Claims nothing more and begins no further batch; running batches may take `graceMs` to end, then claims are
   * released. Returns the same promise each time. `await using` calls it.
   *
   * @defaultValue graceMs 10_000
   */
  stop(options?: StopOptions): Promise<void>;
}

const knownOptions: Readonly<Record<keyof EngineOptions, true>> = {
  ...optionKeys.ports,
  ...optionKeys.attempts,
  ...optionKeys.capacity,
  ...optionKeys.sweeps,
  ...optionKeys.logs,
  handlers: true,
  keepAlive: true,
};

/**
 * Creates and starts an engine: everything in one process, without services, in memory by default.
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
  checkOptions(options, { what: "createEngine", known: knownOptions, needsStore: false });
  handlersByName("createEngine", options.handlers);
  const engine = new EmbeddedEngine<THandler>(options);
  await engine.start();
  return engine;
}

/** A coordinator and a worker that share a store and a bus. */
class EmbeddedEngine<THandlers extends HandlerDefinition> implements Engine<THandlers> {
  declare readonly $infer: THandlers;
  readonly #coordinator: Coordinator;
  readonly #worker: Worker;
  /** Messages that the bus could deliver to neither the coordinator nor the worker. */
  readonly #undelivered: DeadLetters;
  readonly #life: Lifecycle;

  constructor(options: EngineOptions<THandlers>) {
    const { store = memoryStore(), logger = stderrLogger, ...given } = options;
    this.#undelivered = new DeadLetters({ store, ids: systemIds, logger });
    const shared = { store, logger, bus: given.bus ?? localBus(this.#undelivered), keepAlive: false };
    const { capacity, capacityPerType, keepLogs, ...forCoordinator } = given;
    const { tickMs, sweepMs, maxLostLeases, cancelGraceMs, coordinatorFns, ...forWorker } = given;
    this.#coordinator = new Coordinator({ ...forCoordinator, ...shared });
    this.#worker = new Worker<HandlerDefinition>({ ...forWorker, ...shared });
    this.#life = new Lifecycle({
      what: "engine",
      start: [() => acquireShared(store), () => this.#coordinator.start(), () => this.#worker.start()],
      stop: (graceMs) => [
        () => this.#worker.stop({ graceMs }),
        () => this.#coordinator.stop({ graceMs }),
        () => this.#undelivered.settled(),
        () => releaseShared(store),
      ],
      keepAlive: given.keepAlive ?? false,
      clock: systemClock(),
      logger,
    });
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  on<TName extends keyof TaskEndEvents>(name: TName, listener: (event: TaskEndEvents[TName]) => unknown): Disposable {
    return this.#coordinator.on(name, listener);
  }

  async run<TTypes extends FlowTypes>(flow: unknown, options: RunOptions = {}): Promise<TaskHandle<TTypes>> {
    // The signature of `Engine.run` has checked the caller's types already.
    return this.#coordinator.run(flow as never, options as never) as Promise<TaskHandle<TTypes>>;
  }

  task(id: string): TaskHandle {
    return this.#coordinator.task(id);
  }

  pause(id: string): ReturnType<TaskHandle["pause"]> {
    return this.#coordinator.pause(id);
  }

  resume(id: string): ReturnType<TaskHandle["resume"]> {
    return this.#coordinator.resume(id);
  }

  retry(id: string, options: RetryOptions): Promise<TaskHandle> {
    return this.#coordinator.retry(id, options);
  }

  failedBatches<
    TTypes extends FlowTypes = UntypedFlow,
    TNodeId extends Extract<keyof TTypes["outputs"], string> = Extract<keyof TTypes["outputs"], string>,
  >(task: string | TaskHandle<TTypes>, nodeId: TNodeId): AsyncIterableIterator<FailedBatchOf<TTypes, TNodeId>> {
    return this.#coordinator.failedBatches(task, nodeId);
  }

  retryBatches<TTypes extends FlowTypes = UntypedFlow>(
    task: string | TaskHandle<TTypes>,
    nodeId: Extract<keyof TTypes["outputs"], string>,
    options?: RetryBatchesOptions,
  ): Promise<TaskHandle<TTypes>> {
    return this.#coordinator.retryBatches(task, nodeId, options);
  }

  get flows(): PausableFlows {
    return this.#coordinator.flows;
  }

  get schedules(): Schedules<THandlers> {
    return this.#coordinator.schedules as unknown as Schedules<THandlers>; // the implementation accepts all types
  }

  list(options?: ListOptions): Promise<Page<TaskSummary>> {
    return this.#coordinator.list(options);
  }

  delete(id: string): Promise<void> {
    return this.#coordinator.delete(id);
  }

  cleanup(options: CleanupOptions): Promise<CleanupOutcome> {
    return this.#coordinator.cleanup(options);
  }

  deadLetters(options?: Omit<ListOptions, "status">): Promise<Page<DeadLetter>> {
    return this.#coordinator.deadLetters(options);
  }

  health(): EngineHealth {
    const coordinator = this.#coordinator.health();
    const worker = this.#worker.health();
    const store = coordinator.store.status === "ok" ? worker.store : coordinator.store;
    return {
      ready: this.#life.state === "running" && coordinator.ready && store.status === "ok",
      store,
      bus: coordinator.bus,
      running: worker.running,
      capacity: worker.capacity,
      lingering: worker.lingering,
      deadLetters: coordinator.deadLetters + worker.deadLetters + this.#undelivered.count,
      loops: [...coordinator.loops, ...worker.loops],
    };
  }

  stop(options: StopOptions = {}): Promise<void> {
    return this.#life.stop(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
