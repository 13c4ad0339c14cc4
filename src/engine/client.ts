import type { Bus, Store } from "../core/ports/index.ts";
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

/** What a client may be told. */
export interface ClientOwnOptions
  extends RunningLimitOptions,
    Pick<AttemptOptions, "inputAdapters">,
    Pick<SweepOptions, "coordinatorFns" | "cancelGraceMs">,
    Pick<ExternalOptions, "externalTypes"> {
  /** The coordinators'. The first in this process that starts with it opens it, the last that stops closes it. */
  readonly store: Store;
  /**
   * The coordinators' and workers': a new task's first nodes are then told of at once. Closed like the store.
   *
   * @defaultValue none: workers find what is new when they next look in the store
   */
  readonly bus?: Bus;
  /** In pino's shape. @defaultValue silent */
  readonly logger?: Logger;
}

/** What `new Client` takes: a store, and the types that it may run, by `handlers` or by `workerTypes`. */
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
 * Starts tasks and watches them, such as a web server does: runs nothing, and plans nothing. A task's first nodes are
 * ready when `run` resolves; all that follows needs a coordinator, in whatever process.
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
    // Never started: it does what it is asked, and no more.
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
