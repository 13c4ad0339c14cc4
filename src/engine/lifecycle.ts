import type { Clock } from "../core/ports/index.ts";
import { runInOrder } from "../core/resilience/run-all.ts";
import type { Logger } from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";

/** Where a part is between its start and its stop, each of which happens once. */
export type LifecycleState = "new" | "starting" | "running" | "stopping" | "stopped";

/** How a part is stopped. */
export interface StopOptions {
  /** How long running batches may take to end, in ms. @defaultValue 10_000 */
  readonly graceMs?: number;
}

type Step = () => unknown;

export interface LifecycleParts {
  /** "worker", for messages. */
  readonly what: string;
  readonly start: readonly Step[];
  /** Each is taken, also when none of the others was, or one throws. */
  readonly stop: (graceMs: number) => readonly Step[];
  /** Whether the process is kept running from start to stop. */
  readonly keepAlive: boolean;
  /** One whose sleeps keep the process running. */
  readonly clock: Clock;
  readonly logger: Logger;
}

const defaultGraceMs = 10_000;

/** Started once, stopped once. */
export class Lifecycle {
  readonly #parts: LifecycleParts;
  #state: LifecycleState = "new";
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** Keeps the process running while it lives. */
  #alive: AbortController | undefined;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** The same promise at each call. */
  start(): Promise<void> {
    if (this.#starting === undefined && this.#stopping !== undefined) return Promise.reject(this.#stopped());
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** The same promise at each call. */
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

  /** A start that fails ends what it began. */
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
    await this.#starting?.catch(() => undefined); // whoever started it is told
    await this.#end(graceMs);
  }

  async #end(graceMs: number): Promise<void> {
    const { what, stop } = this.#parts;
    this.#state = "stopping";
    const stopping = this.#holdProcess(); // what it waits by lets the process end
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
