import type { Bus, Store, Telemetry } from "../core/ports/index.ts";
import type { HandlerDefinition, Logger } from "../definitions/index.ts";
import { Connections } from "./connections.ts";
import { coordinatorCore, type KnownTypesOptions, runningLimits } from "./coordinator.ts";
import { knownTypes, type WorkerType } from "./known-types.ts";
import { Lifecycle } from "./lifecycle.ts";
import {
  type AttemptOptions,
  checkOptions,
  type ExternalOptions,
  optionKeys,
  type RunningLimitOptions,
  type SweepOptions,
} from "./options.ts";
import { TaskClient } from "./task-client.ts";

/** Options of a client. */
export interface ClientOwnOptions
  extends RunningLimitOptions,
    Pick<AttemptOptions, "inputAdapters">,
    Pick<SweepOptions, "coordinatorFns" | "cancelGraceMs">,
    Pick<ExternalOptions, "externalTypes"> {
  /**
   * The coordinators' store. The first object in this process that starts with it opens it, the last that stops closes
   * it.
   */
  readonly store: Store;
  /**
   * The coordinators' and workers' bus, to announce a new task's first nodes at once. Closed like the store.
   *
   * @defaultValue none: workers find new nodes when they next poll the store
   */
  readonly bus?: Bus;
  /** A logger with pino's interface. @defaultValue silent */
  readonly logger?: Logger;
  /** Traces and counts what runs: `openTelemetry()`. @defaultValue none */
  readonly telemetry?: Telemetry;
}

/** Options of `new Client`: a store, and the node types that it may run, by `handlers` or by `workerTypes`. */
export type ClientOptions<TType extends string = string, THandler = HandlerDefinition> = ClientOwnOptions &
  KnownTypesOptions<TType, THandler>;

const knownOptions: Readonly<Record<keyof ClientOptions, true>> = {
  ...optionKeys.ports,
  ...optionKeys.limits,
  handlers: true,
  workerTypes: true,
  inputAdapters: true,
  coordinatorFns: true,
  cancelGraceMs: true,
  externalTypes: true,
};

/**
 * Creates and reads tasks, in a web server for example; does not plan or run nodes. A task's first nodes are ready when
 * `run` resolves; everything after that needs a coordinator, in any process.
 *
 * @example
 * await using client = new Client({ store: sqliteStore("runs.db"), workerTypes: ["extract", "load"] })
 * await client.start()
 * const { id } = await client.run(etl)
 *
 * @throws FlowError `ENGINE_OPTIONS`
 */
export class Client<
  TType extends string = string,
  THandler extends { readonly name: string } = WorkerType<TType>,
> extends TaskClient<THandler> {
  constructor(options: ClientOptions<TType, THandler>) {
    const what = "new Client";
    checkOptions(options, { what, known: knownOptions, needsStore: true });
    const known = knownTypes(what, options);
    const ports = new Connections(options);
    // Never started: it only answers calls.
    const core = coordinatorCore({ options, known, ports });
    const life = new Lifecycle({
      what: "client",
      start: [() => ports.open()],
      stop: (graceMs) => [() => core.stop({ graceMs }), ...ports.closing],
      keepAlive: false,
      clock: ports.callerClock,
      logger: ports.logger,
    });
    super({ core, ports, life, known, running: runningLimits(options) });
  }
}
