import { CoordinatorCore } from "../core/coordinator/coordinator-core.ts";
import { defaultCoordinatorTiming, noBusTiming } from "../core/coordinator/coordinator-options.ts";
import type { Bus, Store, Telemetry } from "../core/ports/index.ts";
import { defaultWorkerLimits, type RunningLimits, type WorkerLimits } from "../core/worker/attempt/worker-options.ts";
import { builtInCoordinatorFns, type HandlerDefinition, type Logger } from "../definitions/index.ts";
import { Connections } from "./connections.ts";
import { byName, type HandlerList, type KnownTypes, knownTypes, type WorkerType } from "./known-types.ts";
import { KeepAlive, Lifecycle, type TaskEndEvents, TaskEnds } from "./lifecycle.ts";
import {
  type AttemptOptions,
  type CapacityOptions,
  checkExternal,
  checkOptions,
  definedOf,
  type ExternalOptions,
  optionKeys,
  type RunningLimitOptions,
  type SweepOptions,
} from "./options.ts";
import { TaskClient } from "./task-client.ts";

/** The types that workers elsewhere serve, given by their handlers or by name. */
export type KnownTypesOptions<TType extends string, THandler> =
  | {
      /** The workers' handlers: a list or a record. None of their code is called here. */
      readonly handlers: HandlerList<THandler>;
      readonly workerTypes?: undefined;
    }
  | {
      /**
       * The names of the workers' handlers. The object's type includes them.
       *
       * @example
       * workerTypes: ["indexer", "mailer"]
       */
      readonly workerTypes: readonly TType[];
      readonly handlers?: undefined;
    };

/** Options of a coordinator. */
export interface CoordinatorOwnOptions extends AttemptOptions, SweepOptions, ExternalOptions {
  /**
   * The workers' store. The first object in this process that starts with it opens it, the last that stops closes it.
   */
  readonly store: Store;
  /**
   * The workers' bus: announces at once what polling the store would find later. All coordinators on a bus must be
   * given the same types, since they share their messages. Closed like the store.
   *
   * @defaultValue none: polls the store every 200 ms for new tasks and every 500 ms for the workers' progress
   * (`tickMs`, `sweepMs`)
   */
  readonly bus?: Bus;
  /** A logger with pino's interface. @defaultValue silent */
  readonly logger?: Logger;
  /** Traces and counts what runs: `openTelemetry()`. @defaultValue none */
  readonly telemetry?: Telemetry;
  /**
   * Keeps the process running until the coordinator is stopped. `false`: the process may exit when the tasks that it
   * started have ended.
   *
   * @defaultValue true
   */
  readonly keepAlive?: boolean;
}

/** Options of `new Coordinator`: a store, and the node types that it may run, by `handlers` or by `workerTypes`. */
export type CoordinatorOptions<TType extends string = string, THandler = HandlerDefinition> = CoordinatorOwnOptions &
  KnownTypesOptions<TType, THandler>;

const knownOptions: Readonly<Record<keyof CoordinatorOptions, true>> = {
  ...optionKeys.ports,
  ...optionKeys.attempts,
  ...optionKeys.sweeps,
  ...optionKeys.external,
  handlers: true,
  workerTypes: true,
  keepAlive: true,
};

/** Coordinator functions are short, and many of them only wait for a free slot. */
const functionCapacity = 16;

/**
 * Decides what may start and when a task ends, and runs coordinator functions; its workers are separate. Several
 * coordinators on one store share the work and continue each other's tasks.
 *
 * All of them must be given the same `maxRunning`, `maxRunningPerType`, `maxRunningPerTask`, `leaseMs`, `maxLostLeases`
 * and `coordinatorFns`, and those on one bus the same types.
 *
 * @example
 * await using coordinator = new Coordinator({ store: sqliteStore("runs.db"), workerTypes: ["extract", "load"] })
 * await coordinator.start()
 * const task = await coordinator.run(etl) // a node of another type does not compile
 *
 * @throws FlowError `ENGINE_OPTIONS`
 */
export class Coordinator<
  TType extends string = string,
  THandler extends { readonly name: string } = WorkerType<TType>,
> extends TaskClient<THandler> {
  readonly #ends: TaskEnds;

  constructor(options: CoordinatorOptions<TType, THandler>) {
    const what = "new Coordinator";
    checkOptions(options, { what, known: knownOptions, needsStore: true });
    const known = knownTypes(what, options);
    const ports = new Connections(options);
    const ends = new TaskEnds(ports);
    const core = coordinatorCore({ options, known, ports, ends });
    const life = new Lifecycle({
      what: "coordinator",
      start: [() => ports.open(), () => core.start()],
      stop: (graceMs) => [
        () => core.stop({ graceMs }),
        () => ends.settled(),
        () => keepAlive?.stop(),
        ...ports.closing,
      ],
      keepAlive: options.keepAlive ?? true,
      clock: ports.callerClock,
      logger: ports.logger,
    });
    const keepAlive = new KeepAlive({ store: ports.store, clock: ports.callerClock, changes: core.changes });
    super({ core, ports, life, known, running: runningLimits(options), keepAlive });
    this.#ends = ends;
  }

  /**
   * Calls `listener` for each task that this coordinator ends; others on the same store report those that they end.
   * Child tasks are not reported. A process that crashes may have ended a task without reporting it: for alerts that
   * must arrive, use the webhook of `flowkit coordinator`. `stop` awaits listeners. What a listener throws is logged.
   *
   * @example
   * using listening = engine.on("taskFailed", ({ taskId, failure }) => pager.notify(taskId, failure.message))
   *
   * @returns ends the subscription when disposed
   */
  on<TName extends keyof TaskEndEvents>(name: TName, listener: (event: TaskEndEvents[TName]) => unknown): Disposable {
    return this.#ends.on(name, listener);
  }
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function coordinatorCore(how: {
  readonly options: AttemptOptions & SweepOptions & ExternalOptions & { readonly bus?: Bus | undefined };
  readonly known: KnownTypes;
  readonly ports: Connections;
  readonly ends?: TaskEnds;
}): CoordinatorCore {
  const { options, known, ports, ends } = how;
  const { tickMs, sweepMs, maxLostLeases, cancelGraceMs, externalAcceptMs } = options;
  if (known.external !== undefined) checkExternal(known.external, options, ports.store);
  return new CoordinatorCore({
    store: ends === undefined ? ports.store : ends.over(ports.store),
    bus: ports.bus,
    clock: ports.clock,
    callerClock: ports.callerClock,
    watch: ports.watch,
    ids: ports.ids,
    random: ports.random,
    logger: ports.logger,
    telemetry: ports.telemetry,
    plans: ports.plans,
    starts: ports.starts,
    signals: ports.signals,
    coordinatorId: `coordinator-${ports.ids.next()}`,
    workerTypes: known.names,
    external: known.external,
    functions: byName("coordinator function", [...builtInCoordinatorFns, ...(options.coordinatorFns ?? [])]),
    inputAdapters: byName("input adapter", options.inputAdapters ?? []),
    timing: {
      ...defaultCoordinatorTiming,
      ...(options.bus === undefined ? noBusTiming : {}),
      ...definedOf({ tickMs, sweepMs, maxLostLeases, cancelGraceMs, externalAcceptMs }),
    },
    functionLimits: workerLimits({
      ...options,
      ...(options.bus === undefined ? {} : { pollMaxMs: functionPollMs }),
      capacity: functionCapacity,
      capacityPerType: {},
    }),
  });
}

/** With a bus, coordinator functions are announced by commands, which a coordinator at capacity drops. */
const functionPollMs = 6_000;

/** A starving consumer releases its slot early, since the producer that needs it starts soon. */
const maxStarveMs = 500;

export function runningLimits({
  maxRunning,
  maxRunningPerType,
  maxRunningPerTask,
  ratePerType,
}: RunningLimitOptions): RunningLimits {
  const rates =
    ratePerType &&
    Object.fromEntries(Object.entries(ratePerType).map(([type, { perSec, burst = 1 }]) => [type, { perSec, burst }]));
  return definedOf({ maxRunning, maxRunningPerType, maxRunningPerTask, ratePerType: rates });
}

export function workerLimits(
  options: AttemptOptions & CapacityOptions & { readonly pollMaxMs?: number },
): WorkerLimits {
  const { capacity, capacityPerType, pageSize, pollMaxMs, leaseMs = defaultWorkerLimits.leaseMs } = options;
  return {
    ...defaultWorkerLimits,
    ...definedOf({ capacity, capacityPerType, pageSize, pollMaxMs }),
    leaseMs,
    starveMs: Math.min(leaseMs / 10, maxStarveMs),
    running: runningLimits(options),
  };
}
