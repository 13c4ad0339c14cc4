import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import { CoordinatorCore } from "../../core/coordinator/coordinator-core.ts";
import { PlanCache } from "../../core/plan/index.ts";
import type { Clock, NewTask, Store } from "../../core/ports/index.ts";
import { StoreRetry } from "../../core/resilience/store-retry.ts";
import { StartLog } from "../../core/resilience/supervisor.ts";
import type { TaskReaderParts } from "../../core/tasks/task-reader.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import { AppendSignals, type SourceWatch } from "../../core/worker/input/append-signals.ts";
import { WorkerCore } from "../../core/worker/worker-core.ts";
import type { HandlerDefinition, Logger } from "../../definitions/index.ts";
import type { ProcessLife, Scheduler } from "../scheduler/scheduler.ts";
import type { AllTasks } from "./archive.ts";
import type { FaultRates, SimulationMode } from "./fault-rates.ts";
import { HandlerCalls } from "./handler-calls.ts";
import type { Journal } from "./journal.ts";
import type { SimBroker } from "./sim-bus.ts";
import { simClock, type WallClock } from "./sim-clock.ts";
import { checkDelete, simStore } from "./sim-store.ts";
import type { Workload } from "./workload.ts";

/** Durations in a simulated cluster: short, so that a run has many of them. */
export const times = {
  leaseMs: 3_000,
  tickMs: 300,
  sweepMs: 2_000,
  cancelGraceMs: 4_000,
  externalAcceptMs: 30_000,
} as const;

/** The role and size of a process; one that coordinates and serves types is an embedded engine. */
export interface ProcessSpec {
  readonly name: string;
  readonly coordinates: boolean;
  /** Node types that it serves; none if it has no worker. */
  readonly serves: readonly string[];
  readonly capacity: number;
  readonly pageSize: number;
  /** Concurrent batches of an attempt. */
  readonly concurrency: number;
  readonly capacityPerType: Readonly<Record<string, number>>;
}

export interface ClusterParts {
  readonly scheduler: Scheduler;
  readonly state: MemoryState;
  readonly allTasks: AllTasks;
  readonly broker: SimBroker;
  readonly rates: FaultRates;
  readonly journal: Journal;
  readonly mode: SimulationMode;
  readonly workload: Workload;
  readonly maxLostLeases: number;
  readonly running: RunningLimits;
  readonly observe: (event: MemoryStoreEvent) => void;
  readonly mirror: Store | undefined;
  readonly wall: WallClock;
  /** The store's clock. */
  readonly storeNow: () => number;
}

/** One process of the cluster, from launch to end. */
export class SimProcess {
  readonly life: ProcessLife;
  readonly spec: ProcessSpec;
  readonly signals = new CountingSignals();
  readonly plans = new PlanCache();
  readonly clock: Clock;
  readonly store: Store;
  readonly coordinator: CoordinatorCore | undefined;
  readonly worker: WorkerCore | undefined;
  #started = false;
  #starting: Promise<void> | undefined;
  #stop: { ended: boolean } | undefined;
  #isWorkerStopping = false;
  #calls: HandlerCalls | undefined;

  constructor(parts: ClusterParts, spec: ProcessSpec, life: ProcessLife) {
    const { scheduler, state, allTasks, journal, rates, mode, workload, observe, mirror, storeNow } = parts;
    const { random } = scheduler;
    this.spec = spec;
    this.life = life;
    this.clock = simClock(scheduler, life, parts.wall);
    const faults = rates.store;
    const sweeps = mode === "chaos";
    const isTooLate = (task: NewTask) => allTasks.isRefused(task);
    const onDelete = (taskId: string) => checkDelete(parts, taskId);
    const checked = { observe, journal, isTooLate, checkDelete: onDelete };
    const stored = { state, now: storeNow, keeps: workload.store, mirror };
    this.store = simStore({ scheduler, life, faults, sweeps, ...stored, ...checked });
    let id = 0;
    const limits = {
      capacity: spec.capacity,
      leaseMs: times.leaseMs,
      pageSize: spec.pageSize,
      pollMaxMs: 500,
      inputPollMaxMs: 50,
      starveMs: times.leaseMs / 10,
      capacityPerType: spec.capacityPerType,
      running: parts.running,
    };
    const logger = strictLogger(journal, life);
    const shared = {
      store: this.store,
      bus: parts.broker.busOf(life),
      clock: this.clock,
      ids: { next: () => `${life.name}-${++id}` },
      random: random.next,
      logger,
      starts: new StartLog(logger, this.clock.now()),
      inputAdapters: new Map(workload.inputAdapters.map((adapter) => [adapter.name, adapter])),
      plans: this.plans,
      signals: this.signals,
    };
    if (spec.coordinates) {
      this.coordinator = new CoordinatorCore({
        ...shared,
        coordinatorId: life.name,
        workerTypes: workload.types,
        functions: new Map(workload.functionsFor({ life }).map((fn) => [fn.name, fn])),
        timing: { ...times, maxLostLeases: parts.maxLostLeases },
        readsAnEvent: 1, // low, so that even small graphs exceed it
        functionLimits: limits,
      });
    }
    if (spec.serves.length > 0) {
      const { clock } = this;
      const { concurrency, pageSize } = spec;
      const { leaseMs } = times;
      const calls = new HandlerCalls({
        capacity: spec.capacity,
        concurrency,
        isStopping: () => this.#isWorkerStopping,
        violated: (what) => journal.violated(`${life.name}: ${what}`),
      });
      this.#calls = calls;
      const tools = {
        ...{ scheduler, random, rates: rates.handlers, journal, clock, life, leaseMs },
        ...{ concurrency, pageSize, calls, storeNow, mode: parts.mode },
      };
      this.worker = new WorkerCore({
        ...shared,
        workerId: life.name,
        handlers: served(workload.handlersFor(tools), spec.serves),
        functions: undefined,
        limits,
      });
    }
  }

  /** What reading tasks through a coordinator needs. */
  get readerParts(): TaskReaderParts {
    const { coordinator, store, clock, plans } = this;
    if (coordinator === undefined) throw new Error(`${this.life.name} is not a coordinator`);
    const { changes } = coordinator;
    return { store, clock, plans, changes, retry: new StoreRetry(clock), running: {} };
  }

  get started(): boolean {
    return this.#started;
  }

  get stopping(): boolean {
    return this.#stop !== undefined;
  }

  get stopped(): boolean {
    return this.#stop?.ended ?? false;
  }

  start(): Promise<void> {
    this.#starting ??= (async () => {
      await this.coordinator?.start();
      await this.worker?.start();
      this.#started = true;
    })();
    return this.#starting;
  }

  /** Graceful, as in a deployment; stops the worker first, as an embedded engine does. */
  async stop(graceMs: number): Promise<void> {
    if (this.#stop !== undefined) return;
    this.#stop = { ended: false };
    await this.start();
    this.#isWorkerStopping = true;
    await this.worker?.stop({ graceMs });
    this.#calls?.checkTornDown();
    await this.coordinator?.stop({ graceMs });
    this.#stop.ended = true;
  }
}

function served(handlers: readonly HandlerDefinition[], types: readonly string[]) {
  return new Map(handlers.filter(({ name }) => types.includes(name)).map((handler) => [handler.name, handler]));
}

/**
 * Every logged error is a violation, except a failed task, or a node that failed after that: injected faults cause at
 * most warnings.
 */
function strictLogger(journal: Journal, life: ProcessLife): Logger {
  const logger: Logger = {
    debug() {},
    info() {},
    warn() {},
    error(fields, message) {
      if (message === "a task failed" || message?.startsWith("a node failed after its task")) return;
      const { err } = fields as { err?: unknown };
      const text = err instanceof Error ? (err.stack ?? err.message) : JSON.stringify(fields);
      journal.violated(`${life.name} logged an error: ${message}: ${text}`);
    },
    child: () => logger,
  };
  return logger;
}

type Watched = Parameters<AppendSignals["watch"]>[1];

/** Counts open watches: none may be left when nothing runs any more. */
class CountingSignals extends AppendSignals {
  #open = 0;

  get open(): number {
    return this.#open;
  }

  override watch(taskId: string, sources: Watched): SourceWatch {
    this.#open++;
    return super.watch(taskId, sources);
  }

  override unwatch(taskId: string, sources: Watched, watch: SourceWatch): void {
    this.#open--;
    super.unwatch(taskId, sources, watch);
  }
}
