import { CommandStore } from "../core/interop/index.ts";
import type { Bus, Store } from "../core/ports/index.ts";
import { systemIds } from "../core/ports/system.ts";
import { WorkerCore } from "../core/worker/worker-core.ts";
import type { HandlerDefinition, Logger } from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";
import { Connections } from "./connections.ts";
import { workerLimits } from "./coordinator.ts";
import { byName, type HandlerList, handlersByName } from "./known-types.ts";
import { Lifecycle, partHealth, type StopOptions, type WorkerHealth } from "./lifecycle.ts";
import { type AttemptOptions, checkOptions, optionKeys } from "./options.ts";

/** What a worker may be told. */
export interface WorkerOptions<THandler extends HandlerDefinition = HandlerDefinition> extends AttemptOptions {
  /** The same as the coordinators'. The first in this process that starts with it opens it, the last that stops closes it. */
  readonly store: Store;
  /**
   * The same as the coordinators'. Closed like the store.
   *
   * @defaultValue none in common with anybody: an idle worker looks in the store each 200 ms
   */
  readonly bus?: Bus;
  /** What it can run: a list, or a record such as `flow.handlers`. */
  readonly handlers: HandlerList<THandler>;
  /**
   * The names of those of its handlers that it runs: one list of handlers for all processes, each with roles of its own.
   *
   * @defaultValue all
   */
  readonly roles?: readonly THandler["name"][];
  /** Attempts at once. @defaultValue 8 */
  readonly capacity?: number;
  /** Attempts of a type at once in this worker, where that is less than `capacity`. */
  readonly capacityPerType?: { readonly [TName in THandler["name"]]?: number };
  /** In pino's shape. @defaultValue silent */
  readonly logger?: Logger;
  /**
   * `"external"`: its coordinators are another program's, which speak the messages of docs/wire.md. It needs a Kafka bus,
   * and a MongoDB store of which it uses the artifacts only, both without a prefix.
   *
   * @defaultValue "flowkit"
   */
  readonly coordinator?: "flowkit" | "external";
  /** Keeps the process running until the worker is stopped. @defaultValue true */
  readonly keepAlive?: boolean;
}

const knownOptions: Readonly<Record<keyof WorkerOptions, true>> = {
  ...optionKeys.ports,
  ...optionKeys.attempts,
  ...optionKeys.capacity,
  handlers: true,
  roles: true,
  coordinator: true,
  keepAlive: true,
};

/** Without a bus nobody tells it: it looks. */
const unheard = { pollMaxMs: 200 } as const;

/**
 * Claims what is ready, and runs handlers; a coordinator elsewhere decides what that is. Workers may come and go at any
 * time: what one leaves behind, another goes on with.
 *
 * All of them must be told the same `maxRunning`, `maxRunningPerType` and `maxRunningPerTask` as the coordinators.
 *
 * @example
 * await using worker = new Worker({ store: sqliteStore("runs.db"), handlers: etl.handlers, roles: ["load"], capacity: 4 })
 * await worker.start()
 *
 * @throws FlowError `ENGINE_OPTIONS`
 */
export class Worker<THandler extends HandlerDefinition = HandlerDefinition> implements AsyncDisposable {
  readonly #core: WorkerCore;
  readonly #life: Lifecycle;
  readonly #ports: Pick<Connections, "busHealth" | "deadLetters" | "watch">;
  readonly #capacity: number;

  constructor(options: WorkerOptions<THandler>) {
    const what = "new Worker";
    checkOptions(options, { what, known: knownOptions, needsStore: true });
    const handlers = servedHandlers(what, options);
    const workerId = `worker-${systemIds.next()}`;
    const external = options.coordinator === "external" ? new ExternalCoordination(options, workerId) : undefined;
    const ports: Pick<Connections, Exclude<keyof Connections, "store">> = external?.ports ?? new Connections(options);
    const { capacityPerType = {}, bus } = options;
    const limits = workerLimits({
      ...options,
      capacityPerType: capacityPerType as Readonly<Record<string, number>>,
      ...(bus === undefined ? unheard : {}),
    });
    const core = new WorkerCore({
      store: external?.store ?? ports.watch.over(options.store),
      watch: ports.watch,
      bus: external?.bus ?? ports.bus,
      clock: ports.clock,
      ids: ports.ids,
      random: ports.random,
      logger: ports.logger,
      plans: ports.plans,
      signals: ports.signals,
      workerId,
      handlers,
      functions: undefined,
      inputAdapters: byName("input adapter", options.inputAdapters ?? []),
      limits,
    });
    this.#core = core;
    this.#ports = ports;
    this.#capacity = limits.capacity;
    this.#life = new Lifecycle({
      what: "worker",
      start: [() => ports.open(), () => core.start()],
      stop: (graceMs) => [() => core.stop({ graceMs }), ...ports.closing],
      keepAlive: options.keepAlive ?? true,
      clock: ports.callerClock,
      logger: ports.logger,
    });
  }

  /**
   * Opens the store, and takes work from now on. The same promise at each call.
   *
   * @throws FlowError `ENGINE_STOPPED`, and what the store and the bus say, `STORE_UNAVAILABLE` among it: it can't be
   * started again then, nor can what it was given
   */
  start(): Promise<void> {
    return this.#life.start();
  }

  /**
   * Claims nothing more and begins no further batch; lets running batches end for `graceMs`, then hands the claims back,
   * so that another worker goes on at once. The same promise at each call. `await using` calls it.
   */
  stop(options: StopOptions = {}): Promise<void> {
    return this.#life.stop(options);
  }

  /** For `await using`: stops it with the default grace. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** How it is, for probes and people. Asks nobody: it is what this process knows. */
  health(): WorkerHealth {
    const part = partHealth({ life: this.#life, ports: this.#ports, loops: this.#core.loops });
    return { ...part, running: this.#core.running, capacity: this.#capacity, lingering: this.#core.lingering };
  }
}

/** @throws FlowError `ENGINE_OPTIONS` */
function servedHandlers(
  what: string,
  { handlers, roles }: Pick<WorkerOptions, "handlers" | "roles">,
): ReadonlyMap<string, HandlerDefinition> {
  const all = handlersByName(what, handlers);
  if (roles === undefined) return all;
  if (!Array.isArray(roles) || roles.length === 0) {
    throw new FlowError("ENGINE_OPTIONS", `${what}: roles must be a non-empty list of names of its handlers`);
  }
  const served = new Map<string, HandlerDefinition>();
  for (const role of roles as readonly string[]) {
    const handler = all.get(role);
    if (handler === undefined) {
      const names = [...all.keys()].join("', '");
      throw new FlowError("ENGINE_OPTIONS", `${what}: no handler for role '${role}': its handlers are '${names}'`);
    }
    served.set(role, handler);
  }
  return served;
}

/** What a worker stands on whose coordinators are another program's: their database, and messages. */
class ExternalCoordination {
  readonly ports: Connections<Pick<Store, "open" | "close" | "addDeadLetter">>;
  readonly store: CommandStore;

  /** @throws FlowError `ENGINE_OPTIONS` */
  constructor(
    options: { readonly store: Store; readonly bus?: Bus | undefined; readonly logger?: Logger | undefined },
    workerId: string,
  ) {
    const { bus } = options;
    const rows = options.store.plainRows;
    if (bus === undefined) throw refused("a bus that its coordinators send to");
    if ((bus.prefix ?? "") !== "") throw refused(`a bus without a prefix: this one has '${bus.prefix}'`);
    if (rows === undefined) throw refused("a mongoStore without a prefix");
    const store = {
      open: () => rows.open(),
      close: () => rows.close(),
      addDeadLetter: async () => {}, // the bus keeps them in a topic; this database isn't ours
    };
    this.ports = new Connections({ ...options, store });
    const { bus: guarded, clock, logger, watch } = this.ports;
    this.store = new CommandStore({ rows: watch.over(rows), bus: guarded, clock, logger, workerId });
  }

  get bus(): Bus {
    return this.store.bus;
  }
}

const refused = (what: string): FlowError =>
  new FlowError("ENGINE_OPTIONS", `new Worker: coordinator: "external" needs ${what}`);
