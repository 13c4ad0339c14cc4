import { memoryBus, type UndeliveredMessage } from "../adapters/memory/index.ts";
import { PlanCache } from "../core/plan/index.ts";
import type { Bus, BusHealth, Store, Telemetry } from "../core/ports/index.ts";
import { systemClock, systemIds, systemRandom } from "../core/ports/system.ts";
import { DeadLetters } from "../core/resilience/best-effort-bus.ts";
import { StoreHealthTracker } from "../core/resilience/store-retry.ts";
import { StartLog } from "../core/resilience/supervisor.ts";
import { AppendSignals } from "../core/worker/input/append-signals.ts";
import type { Logger } from "../definitions/index.ts";
import { thrownMessage } from "../errors/index.ts";
import { stderrLogger } from "./stderr-logger.ts";

/** The operations on a store that every part needs: open, close, and storing dead letters. */
type OpenedStore = Pick<Store, "open" | "close" | "addDeadLetter">;

/** Shared by all users of one store in this process: plans, and signals from writers to readers. */
const ofStore = new WeakMap<OpenedStore, { readonly plans: PlanCache; readonly signals: AppendSignals }>();

/** The parts of an engine share one logger, to which the start of a task is logged once. */
const startsOf = new WeakMap<Logger, StartLog>();

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
  readonly telemetry: Telemetry | undefined;
  readonly deadLetters: DeadLetters;
  readonly plans: PlanCache;
  readonly starts: StartLog;
  readonly signals: AppendSignals;
  readonly #store: TStore;
  readonly #bus: Bus;
  readonly #taken: (OpenedStore | Bus)[] = [];

  constructor(options: {
    readonly store: TStore;
    readonly bus?: Bus | undefined;
    readonly logger?: Logger | undefined;
    readonly telemetry?: Telemetry | undefined;
  }) {
    const { store, telemetry } = options;
    const { logger: given = stderrLogger } = options;
    const logger = telemetry?.logger(given) ?? given;
    this.watch = new StoreHealthTracker(this.clock);
    this.#store = store;
    this.store = this.watch.over(store);
    this.logger = logger;
    this.telemetry = telemetry;
    this.starts = startsOf.get(given) ?? new StartLog(logger, this.clock.now());
    startsOf.set(given, this.starts);
    this.deadLetters = new DeadLetters({ store, ids: systemIds, logger });
    this.#bus = options.bus ?? localBus(this.deadLetters);
    this.bus = this.deadLetters.guard(this.#bus);
    const shared = ofStore.get(store) ?? { plans: new PlanCache(), signals: new AppendSignals() };
    ofStore.set(store, shared);
    this.plans = shared.plans;
    this.signals = shared.signals;
  }

  async open(): Promise<void> {
    for (const resource of [this.#store, this.#bus]) {
      this.#taken.push(resource); // before it is opened, so that it is closed even if opening fails
      await acquireShared(resource);
    }
  }

  /** A bus without `health` cannot become unreachable. */
  get busHealth(): BusHealth {
    return this.#bus.health?.() ?? { status: "ok", restarts: 0, dropped: 0 };
  }

  /** The steps that close the connections. */
  get closing(): readonly (() => Promise<void>)[] {
    return [() => this.#leave(this.#bus), () => this.deadLetters.settled(), () => this.#leave(this.#store)];
  }

  async #leave(resource: OpenedStore | Bus): Promise<void> {
    const at = this.#taken.indexOf(resource);
    if (at < 0) return;
    this.#taken.splice(at, 1);
    await releaseShared(resource);
  }
}

/** An in-process bus that stores undeliverable messages as dead letters. */
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
