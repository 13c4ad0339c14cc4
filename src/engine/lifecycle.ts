import { isTaskTerminal, type TaskFailure } from "../core/model/records.ts";
import type { BusHealth, Clock, Store, Telemetry } from "../core/ports/index.ts";
import { type LoopHealth, runInOrder } from "../core/resilience/supervisor.ts";
import type { TaskChanges } from "../core/tasks/task-changes.ts";
import type { Logger } from "../definitions/index.ts";
import { FlowError, loggable } from "../errors/index.ts";
import type { Connections } from "./connections.ts";

/** The state of a part; it is started once and stopped once. */
export type LifecycleState = "new" | "starting" | "running" | "stopping" | "stopped";

/** Options of `stop()`. */
export interface StopOptions {
  /** How long running batches may take to end, in ms. @defaultValue 10_000 */
  readonly graceMs?: number;
}

type Step = () => unknown;

export interface LifecycleParts {
  /** The name of the part, such as "worker", for messages. */
  readonly what: string;
  readonly start: readonly Step[];
  /** All steps run, even if the start did not reach their counterparts, or if one of them throws. */
  readonly stop: (graceMs: number) => readonly Step[];
  /** Whether it keeps the process running from start to stop. */
  readonly keepAlive: boolean;
  /** A clock whose sleeps keep the process running. */
  readonly clock: Clock;
  readonly logger: Logger;
}

const defaultGraceMs = 10_000;

/** Starts a part once and stops it once. */
export class Lifecycle {
  readonly #parts: LifecycleParts;
  #state: LifecycleState = "new";
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** Keeps the process running until it is aborted. */
  #alive: AbortController | undefined;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** Returns the same promise each time. */
  start(): Promise<void> {
    if (this.#starting === undefined && this.#stopping !== undefined) return Promise.reject(this.#stopped());
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Returns the same promise each time. */
  stop({ graceMs = defaultGraceMs }: StopOptions = {}): Promise<void> {
    if (typeof graceMs !== "number" || !(graceMs >= 0))
      return Promise.reject(new FlowError("ENGINE_OPTIONS", "stop: graceMs must be 0 or more"));
    this.#stopping ??= this.#state === "starting" ? this.#stopWhenStarted(graceMs) : this.#end(graceMs);
    return this.#stopping;
  }

  /** @throws FlowError `ENGINE_NOT_STARTED` */
  checkStarted(): void {
    if (this.#state !== "new" && this.#state !== "starting") return;
    const { what } = this.#parts;
    throw new FlowError("ENGINE_NOT_STARTED", `this ${what} has not been started: await its start() first`);
  }

  /** A start that fails stops what it has started. */
  async #start(): Promise<void> {
    const { what, start, keepAlive, logger } = this.#parts;
    this.#state = "starting";
    const starting = this.#holdProcess();
    try {
      for (const step of start) {
        await step();
        if (this.#stopping !== undefined) throw this.#stopped();
      }
      this.#state = "running";
      if (keepAlive) this.#alive = this.#holdProcess();
    } catch (error) {
      if (this.#stopping === undefined) {
        this.#stopping = this.#end(0);
        await this.#stopping.catch((stopError: unknown) => {
          logger.warn({ err: stopError }, `a ${what} that failed to start could not be stopped`);
        });
      }
      throw error;
    } finally {
      starting.abort();
    }
  }

  async #stopWhenStarted(graceMs: number): Promise<void> {
    await this.#starting?.catch(() => undefined); // the caller of `start` receives the error
    await this.#end(graceMs);
  }

  async #end(graceMs: number): Promise<void> {
    const { what, stop } = this.#parts;
    this.#state = "stopping";
    const stopping = this.#holdProcess(); // during its steps, the process could exit otherwise
    this.#alive?.abort();
    try {
      await runInOrder(`stopping the ${what}`, stop(graceMs));
    } finally {
      this.#state = "stopped";
      stopping.abort();
    }
  }

  #holdProcess(): AbortController {
    const held = new AbortController();
    void this.#parts.clock.sleep(Number.MAX_SAFE_INTEGER, held.signal);
    return held;
  }

  #stopped(): FlowError {
    const { what } = this.#parts;
    return new FlowError("ENGINE_STOPPED", `this ${what} has been stopped: create a new one`);
  }
}

const lookEveryMs = 1_000;
const looksAtOnce = 100;

/**
 * Keeps the process running while tasks of this engine run, but no longer: the engine's own timers let it exit, so that
 * a program that does not stop its engine ends when its work is done.
 */
export class KeepAlive {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #changes: TaskChanges;
  readonly #open = new Map<string, Disposable>();
  /** Set while a timer keeps the process running. */
  #holding: AbortController | undefined;

  /** @param options.clock - a clock whose sleeps keep the process running */
  constructor(options: { readonly store: Store; readonly clock: Clock; readonly changes: TaskChanges }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#changes = options.changes;
  }

  hold(taskId: string): void {
    // The engine was stopped while the task was being created: nothing would release it.
    if (this.#open.has(taskId) || this.#changes.closed) return;
    this.#open.set(
      taskId,
      this.#changes.onEnd(taskId, () => this.#release(taskId)),
    );
    if (this.#holding !== undefined) return;
    this.#holding = new AbortController();
    void this.#lookWhile(this.#holding.signal);
  }

  stop(): void {
    for (const taskId of [...this.#open.keys()]) this.#release(taskId);
  }

  #release(taskId: string): void {
    this.#open.get(taskId)?.[Symbol.dispose]();
    this.#open.delete(taskId);
    if (this.#open.size > 0) return;
    this.#holding?.abort(this); // without a reason, each abort creates a DOMException with a stack
    this.#holding = undefined;
  }

  /** Finds tasks that another process ended. Never rejects. */
  async #lookWhile(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(lookEveryMs, signal);
      if (signal.aborted) return;
      const open = [...this.#open.keys()];
      for (let from = 0; from < open.length; from += looksAtOnce)
        await Promise.all(open.slice(from, from + looksAtOnce).map((taskId) => this.#look(taskId)));
    }
  }

  async #look(taskId: string): Promise<void> {
    // While the store is unreachable, the status of the task is unknown: check again a second later.
    const task = await this.#store.readTask(taskId).catch(() => "unreachable" as const);
    if (task !== "unreachable" && (task === undefined || isTaskTerminal(task.status))) this.#release(taskId);
  }
}

/** A task that has ended. */
export interface EndedTask {
  readonly taskId: string;
  /** The name of its flow. */
  readonly flow?: string;
  /** Ms since 1970. */
  readonly createdAt: number;
  readonly endedAt: number;
}

/** The events that `on` of an engine or a coordinator reports, by name. */
export interface TaskEndEvents {
  readonly taskFinished: EndedTask;
  readonly taskFailed: EndedTask & { readonly failure: TaskFailure };
  readonly taskCancelled: EndedTask & { readonly cancelReason: string };
}

/** The names of {@link TaskEndEvents}, by the status of the task. */
const endEvents = { finished: "taskFinished", failed: "taskFailed", cancelled: "taskCancelled" } as const;

const listenersMs = 10_000;

type Listener = (event: never) => unknown;

/**
 * Reports the tasks that this process ends, and to telemetry the leases that it expires. The answer to each write shows
 * whether it took effect.
 */
export class TaskEnds {
  readonly #logger: Logger;
  readonly #listeners = {
    taskFinished: new Set(),
    taskFailed: new Set(),
    taskCancelled: new Set(),
  } as const satisfies {
    readonly [TName in keyof TaskEndEvents]: Set<Listener>;
  };
  readonly #reporting = new Set<Promise<void>>();

  readonly #clock: Clock;
  readonly #telemetry: Telemetry | undefined;

  constructor({ logger, callerClock, telemetry }: Pick<Connections, "logger" | "callerClock" | "telemetry">) {
    this.#logger = logger;
    this.#clock = callerClock;
    this.#telemetry = telemetry;
  }

  /** @throws FlowError `ENGINE_OPTIONS` for another name */
  on<TName extends keyof TaskEndEvents>(name: TName, listener: (event: TaskEndEvents[TName]) => unknown): Disposable {
    if (!Object.hasOwn(this.#listeners, name)) {
      const names = Object.keys(this.#listeners).join(", ");
      throw new FlowError("ENGINE_OPTIONS", `on: no event '${name}': there are ${names}`);
    }
    const listeners: Set<Listener> = this.#listeners[name];
    const own: Listener = (event) => listener(event); // a listener that is added twice is called twice
    listeners.add(own);
    return { [Symbol.dispose]: () => void listeners.delete(own) };
  }

  /** @param store - its methods must not depend on `this` */
  over(store: Store): Store {
    const noted = async (ended: Promise<boolean>, id: string, isTraced: () => boolean): Promise<boolean> => {
      if (!(await ended)) return false;
      const traced = isTraced();
      if (traced || Object.values(this.#listeners).some(({ size }) => size > 0)) this.#note(store, id, traced);
      return true;
    };
    const finished = () => this.#telemetry?.taskFinished() ?? false;
    const closed = () => this.#telemetry !== undefined;
    const expire: Store["expire"] = async (...args) => {
      const record = await store.expire(...args);
      if (record !== undefined) this.#telemetry?.leaseExpired(record.type, record.status);
      return record;
    };
    return Object.create(store, {
      ...(this.#telemetry === undefined ? {} : { expire: { value: expire } }),
      finishTask: { value: (id: string) => noted(store.finishTask(id), id, finished) },
      closeTask: { value: (id: string) => noted(store.closeTask(id), id, closed) },
    }) as Store;
  }

  /** Resolves when all listeners called so far have returned, or after ten seconds. */
  async settled(): Promise<void> {
    if (this.#reporting.size === 0) return;
    const settled = new AbortController();
    await Promise.race([Promise.all(this.#reporting), this.#clock.sleep(listenersMs, settled.signal)]);
    settled.abort();
  }

  #note(store: Store, id: string, traced: boolean): void {
    const reporting = this.#report(store, id, traced)
      .catch((error: unknown) =>
        this.#logger.warn({ taskId: id, err: loggable(error) }, "a task's end was not reported"),
      )
      .finally(() => this.#reporting.delete(reporting));
    this.#reporting.add(reporting);
  }

  async #report(store: Store, id: string, traced: boolean): Promise<void> {
    const task = await store.readTask(id);
    if (traced && task !== undefined) this.#telemetry?.taskEnded(task);
    // Child tasks belong to the task whose node runs them.
    if (task?.endedAt === undefined || task.parent !== undefined) return;
    const { status, createdAt, endedAt, failure, cancelReason = "cancelled", graph } = task;
    const name = endEvents[status as keyof typeof endEvents];
    const flow = graph.name === undefined ? {} : { flow: graph.name };
    const why = { finished: {}, failed: { failure }, cancelled: { cancelReason } }[status as keyof typeof endEvents];
    const event = { taskId: id, ...flow, createdAt, endedAt, ...why };
    for (const listener of [...(this.#listeners[name] as Set<Listener>)]) {
      try {
        await listener(event as never); // has the type of `name`, which the compiler cannot infer
      } catch (error) {
        this.#logger.error({ taskId: id, event: name, err: loggable(error) }, "a listener failed");
      }
    }
  }
}

/** Whether the store is reachable, by the outcome of the last calls. `since`: ms since 1970. */
export type StoreHealth = { readonly status: "ok" } | { readonly status: "unreachable"; readonly since: number };

/** The state of a coordinator, a worker, or a client. */
export interface PartHealth {
  readonly state: LifecycleState;
  /** It has started, is not being stopped, reaches its store, and has reached its bus since it started. */
  readonly ready: boolean;
  readonly store: StoreHealth;
  /** Without it, work continues more slowly: changes are found by polling. */
  readonly bus: BusHealth;
  /** Messages that it could not read or handle since its start. */
  readonly deadLetters: number;
  /** Its background loops, with the number of restarts of each. */
  readonly loops: readonly LoopHealth[];
}

export interface WorkerHealth extends PartHealth {
  /** Attempts that are running. */
  readonly running: number;
  /** Maximum number of concurrent attempts. */
  readonly capacity: number;
  /**
   * Attempts that have ended, but whose handlers ignore their `AbortSignal`: each occupies its slot until the handler
   * returns.
   */
  readonly lingering: number;
}

export function partHealth(part: {
  readonly life: Lifecycle;
  readonly ports: Pick<Connections, "busHealth" | "deadLetters" | "watch">;
  readonly loops: readonly LoopHealth[];
}): PartHealth {
  const { state } = part.life;
  const { busHealth: bus, deadLetters, watch } = part.ports;
  const since = watch.unreachableSince;
  return {
    state,
    ready: state === "running" && since === undefined && bus.status !== "connecting",
    store: since === undefined ? { status: "ok" } : { status: "unreachable", since },
    bus,
    deadLetters: deadLetters.count,
    loops: part.loops,
  };
}
