import { memoryBus, type UndeliveredMessage } from "../adapters/memory/index.ts";
import type { TaskFailure } from "../core/model/records.ts";
import { PlanCache } from "../core/plan/index.ts";
import type { Bus, BusHealth, Clock, Store } from "../core/ports/index.ts";
import { systemClock, systemIds, systemRandom } from "../core/ports/system.ts";
import { DeadLetters } from "../core/resilience/best-effort-bus.ts";
import { StoreHealthTracker } from "../core/resilience/store-retry.ts";
import { AppendSignals } from "../core/worker/input/append-signals.ts";
import type { Logger } from "../definitions/index.ts";
import { FlowError, loggable, thrownMessage } from "../errors/index.ts";
import { stderrLogger } from "./stderr-logger.ts";

/** The operations on a store that every part uses: open, close, and storing dead letters. */
type OpenedStore = Pick<Store, "open" | "close" | "addDeadLetter">;

/** Shared by all users of one store in this process: plans, and signals from writers to readers. */
const ofStore = new WeakMap<OpenedStore, { readonly plans: PlanCache; readonly signals: AppendSignals }>();

/** The connections of an engine, a coordinator, a worker or a client, from its start to its stop. */
export class Connections<TStore extends OpenedStore = Store> {
  /** Reports failed calls to {@link watch}. */
  readonly store: TStore;
  readonly watch: StoreHealthTracker;
  /** Delivers only readable messages to its subscribers. */
  readonly bus: Bus;
  /** Its sleeps let the process exit. */
  readonly clock = systemClock({ unref: true });
  /** Its sleeps keep the process running: for calls that a user awaits. */
  readonly callerClock = systemClock();
  readonly ids = systemIds;
  readonly random = systemRandom;
  readonly logger: Logger;
  readonly deadLetters: DeadLetters;
  readonly plans: PlanCache;
  readonly signals: AppendSignals;
  readonly ends: TaskEnds;
  readonly #store: TStore;
  readonly #bus: Bus;
  readonly #taken: (OpenedStore | Bus)[] = [];

  constructor(options: {
    readonly store: TStore;
    readonly bus?: Bus | undefined;
    readonly logger?: Logger | undefined;
  }) {
    const { store, logger = stderrLogger } = options;
    this.watch = new StoreHealthTracker(this.clock);
    this.#store = store;
    this.store = this.watch.over(store);
    this.logger = logger;
    this.deadLetters = new DeadLetters({ store, ids: systemIds, logger });
    this.ends = new TaskEnds(logger, this.callerClock);
    this.#bus = options.bus ?? localBus(this.deadLetters);
    this.bus = this.deadLetters.guard(this.#bus);
    const shared = ofStore.get(store) ?? { plans: new PlanCache(), signals: new AppendSignals() };
    ofStore.set(store, shared);
    this.plans = shared.plans;
    this.signals = shared.signals;
  }

  async open(): Promise<void> {
    for (const resource of [this.#store, this.#bus]) {
      this.#taken.push(resource); // before it is opened: one that could not be opened is closed too
      await acquireShared(resource);
    }
  }

  /** A bus without `health` cannot become unreachable. */
  get busHealth(): BusHealth {
    return this.#bus.health?.() ?? { status: "ok", restarts: 0, dropped: 0 };
  }

  /** The steps that close the connections. */
  get closing(): readonly (() => Promise<void>)[] {
    return [
      () => this.ends.settled(),
      () => this.#leave(this.#bus),
      () => this.deadLetters.settled(),
      () => this.#leave(this.#store),
    ];
  }

  async #leave(resource: OpenedStore | Bus): Promise<void> {
    const at = this.#taken.indexOf(resource);
    if (at < 0) return;
    this.#taken.splice(at, 1);
    await releaseShared(resource);
  }
}

/** A bus within this process that stores undeliverable messages as dead letters. */
export function localBus(deadLetters: DeadLetters): Bus {
  return memoryBus({ onDeadLetter: (letter) => void keep(deadLetters, letter) });
}

function keep(deadLetters: DeadLetters, { topic, key, message, error }: UndeliveredMessage): Promise<void> {
  const reason = `handler failed: ${thrownMessage(error)}`;
  return deadLetters.add({ topic, key, message, reason });
}

/** A store, or a bus. */
interface Resource {
  open?(): Promise<void>;
  close(): Promise<void>;
}

interface Use {
  users: number;
  readonly opened: Promise<void>;
}

const uses = new WeakMap<Resource, Use>();

/**
 * Opens a resource that several objects of this process share: the first call opens it, the others wait for that. Each
 * call needs a {@link releaseShared}, even if it rejects.
 */
export async function acquireShared(resource: Resource): Promise<void> {
  let use = uses.get(resource);
  if (use === undefined) {
    use = { users: 0, opened: resource.open?.() ?? Promise.resolve() };
    uses.set(resource, use);
  }
  use.users++;
  await use.opened;
}

/** Closes the resource on its last release. */
export async function releaseShared(resource: Resource): Promise<void> {
  const use = uses.get(resource);
  if (use === undefined || --use.users > 0) return;
  uses.delete(resource);
  await resource.close();
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

/** What {@link Coordinator.on} reports. */
export interface TaskEndEvents {
  readonly taskFinished: EndedTask;
  readonly taskFailed: EndedTask & { readonly failure: TaskFailure };
  readonly taskCancelled: EndedTask & { readonly cancelReason: string };
}

/** The names of {@link TaskEndEvents}, by the status of the task. */
const endEvents = { finished: "taskFinished", failed: "taskFailed", cancelled: "taskCancelled" } as const;

const listenersMs = 10_000;

type Listener = (event: never) => unknown;

/** Reports the tasks that this process ends: the answer of each write says whether it was the one that ended the task. */
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

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
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

  /** @param store - whose methods do not depend on `this` */
  over(store: Store): Store {
    const noted = async (ended: Promise<boolean>, id: string): Promise<boolean> => {
      const isOwn = await ended;
      if (isOwn && Object.values(this.#listeners).some(({ size }) => size > 0)) this.#note(store, id);
      return isOwn;
    };
    return Object.create(store, {
      finishTask: { value: (id: string) => noted(store.finishTask(id), id) },
      closeTask: { value: (id: string) => noted(store.closeTask(id), id) },
    }) as Store;
  }

  /** Resolves when the listeners have returned that were called for tasks that ended before, or after ten seconds. */
  async settled(): Promise<void> {
    if (this.#reporting.size === 0) return;
    const settled = new AbortController();
    await Promise.race([Promise.all(this.#reporting), this.#clock.sleep(listenersMs, settled.signal)]);
    settled.abort();
  }

  #note(store: Store, id: string): void {
    const reporting = this.#report(store, id)
      .catch((error: unknown) =>
        this.#logger.warn({ taskId: id, err: loggable(error) }, "a task's end was not reported"),
      )
      .finally(() => this.#reporting.delete(reporting));
    this.#reporting.add(reporting);
  }

  async #report(store: Store, id: string): Promise<void> {
    const task = await store.readTask(id);
    // Tasks that nodes run are parts of others.
    if (task?.endedAt === undefined || task.parent !== undefined) return;
    const { status, createdAt, endedAt, failure, cancelReason = "cancelled", graph } = task;
    const name = endEvents[status as keyof typeof endEvents];
    const flow = graph.name === undefined ? {} : { flow: graph.name };
    const why = { finished: {}, failed: { failure }, cancelled: { cancelReason } }[status as keyof typeof endEvents];
    const event = { taskId: id, ...flow, createdAt, endedAt, ...why };
    for (const listener of [...(this.#listeners[name] as Set<Listener>)]) {
      try {
        await listener(event as never);
      } catch (error) {
        this.#logger.error({ taskId: id, event: name, err: loggable(error) }, "a listener failed");
      }
    }
  }
}
