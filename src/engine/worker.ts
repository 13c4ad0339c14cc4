import { CommandStore } from "../core/interop/index.ts";
import type { Bus, Store, Telemetry } from "../core/ports/index.ts";
import { systemIds } from "../core/ports/system.ts";
import { WorkerCore } from "../core/worker/worker-core.ts";
import type { HandlerDefinition, Logger } from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";
import { Connections } from "./connections.ts";
import { workerLimits } from "./coordinator.ts";
import { byName, type HandlerList, handlersByName } from "./known-types.ts";
import { Lifecycle, partHealth, type StopOptions, type WorkerHealth } from "./lifecycle.ts";
import { type AttemptOptions, checkOptions, type HandlerLogOptions, optionKeys } from "./options.ts";

/** Options of a worker. */
export interface WorkerOptions<THandler extends HandlerDefinition = HandlerDefinition>
  extends AttemptOptions,
    HandlerLogOptions {
  /**
   * The coordinators' store. The first object in this process that starts with it opens it, the last that stops closes
   * it.
   */
  readonly store: Store;
  /**
   * The coordinators' bus. Closed like the store.
   *
   * @defaultValue none: an idle worker polls the store every 200 ms
   */
  readonly bus?: Bus;
  /** The handlers that it can run: a list, or a record such as `flow.handlers`. */
  readonly handlers: HandlerList<THandler>;
  /**
   * The names of the handlers that it runs: all processes may share one list of handlers and differ in their roles.
   *
   * @defaultValue all
   */
  readonly roles?: readonly THandler["name"][];
  /** Maximum number of concurrent attempts. @defaultValue 8 */
  readonly capacity?: number;
  /** Maximum number of concurrent attempts of a type in this worker, if less than `capacity`. */
  readonly capacityPerType?: { readonly [TName in THandler["name"]]?: number };
  /** A logger with pino's interface. @defaultValue silent */
  readonly logger?: Logger;
  /** Traces and counts what runs: `openTelemetry()`. @defaultValue none */
  readonly telemetry?: Telemetry;
  /**
   * `"external"`: its coordinators are external programs, which exchange the messages of docs/wire.md. Requires a Kafka
   * bus, and a MongoDB store of which only the artifacts are used, both without a prefix.
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
  ...optionKeys.logs,
  handlers: true,
  roles: true,
  coordinator: true,
  keepAlive: true,
};

/** Without a bus, the worker polls. */
const noBus = { pollMaxMs: 200 } as const;

/**
 * Claims attempts that are ready and runs handlers; coordinators elsewhere decide what is ready. Workers may start and
 * stop at any time: other workers continue what one leaves behind.
 *
 * All of them must be given the same `maxRunning`, `maxRunningPerType` and `maxRunningPerTask` as the coordinators.
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
    const { ports, store, bus: connectedBus } = connect(options, workerId);
    const { capacityPerType = {}, bus } = options;
    const limits = workerLimits({
      ...options,
      capacityPerType: capacityPerType as Readonly<Record<string, number>>,
      ...(bus === undefined ? noBus : {}),
    });
    const core = new WorkerCore({
      store,
      watch: ports.watch,
      bus: connectedBus,
      clock: ports.clock,
      ids: ports.ids,
      random: ports.random,
      logger: ports.logger,
      telemetry: ports.telemetry,
      plans: ports.plans,
      starts: ports.starts,
      signals: ports.signals,
      workerId,
      handlers,
      functions: undefined,
      inputAdapters: byName("input adapter", options.inputAdapters ?? []),
      limits,
      keepLogs: options.keepLogs,
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
   * Opens the store and starts to claim attempts. Returns the same promise each time.
   *
   * @throws FlowError `ENGINE_STOPPED`, and errors of the store and the bus, such as `STORE_UNAVAILABLE`: after that,
   * neither this worker nor its store and bus can be started again
   */
  start(): Promise<void> {
    return this.#life.start();
  }

  /**
   * Claims nothing more and begins no further batch; running batches may take `graceMs` to end, then claims are
   * released, so that another worker continues at once. Returns the same promise each time. `await using` calls it.
   */
  stop(options: StopOptions = {}): Promise<void> {
    return this.#life.stop(options);
  }

  /** For `await using`: stops with the default grace period. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The state of this worker, for probes and people. Makes no requests. */
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

/** @throws FlowError `ENGINE_OPTIONS` */
function connect(options: Pick<WorkerOptions, ConnectionOption>, workerId: string) {
  if (options.coordinator === "external") return new ExternalCoordination(options, workerId);
  const ports = new Connections(options);
  return { ports, store: ports.store, bus: ports.bus };
}

type ConnectionOption = "store" | "bus" | "logger" | "telemetry" | "ratePerType" | "coordinator";

/** The connections of a worker with external coordinators: their database and their messages. */
class ExternalCoordination {
  readonly ports: Connections<Pick<Store, "open" | "close" | "addDeadLetter">>;
  readonly store: CommandStore;

  /** @throws FlowError `ENGINE_OPTIONS` */
  constructor(
    options: Pick<WorkerOptions, "store" | "bus" | "logger" | "telemetry" | "ratePerType">,
    workerId: string,
  ) {
    const { bus } = options;
    if (options.ratePerType !== undefined) throw refused("no ratePerType, which it would not enforce");
    const rows = options.store.plainRows;
    if (bus === undefined) throw refused("a bus that its coordinators send to");
    if ((bus.prefix ?? "") !== "") throw refused(`a bus without a prefix: this one has '${bus.prefix}'`);
    if (rows === undefined) throw refused("a mongoStore without a prefix");
    const store = {
      open: () => rows.open(),
      close: () => rows.close(),
      addDeadLetter: async () => {}, // the bus has a topic for dead letters, and the database belongs to other programs
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
