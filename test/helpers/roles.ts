import { expect, onTestFinished } from "vitest";
import { MemoryState, memoryBus, memoryStore } from "../../src/adapters/memory/index.ts";
import type { Bus, Store } from "../../src/core/ports/index.ts";
import type { HandlerDefinition } from "../../src/definitions/index.ts";
import { Client } from "../../src/engine/client.ts";
import { Coordinator, type CoordinatorOptions } from "../../src/engine/coordinator.ts";
import { Worker, type WorkerOptions } from "../../src/engine/worker.ts";
import { sharedBus } from "./engines.ts";
import { RecordingLogger } from "./recording-logger.ts";

/**
 * Coordinators, workers and clients as separate processes would have them: each with its own store on the same data.
 */
export interface Roles {
  readonly bus: Bus;
  /** What their stores share. */
  readonly state: MemoryState;
  /** A store for reading. */
  readonly store: Store;
  /** Starts it, and stops it at the end of the test. */
  coordinator(
    workerTypes: readonly string[],
    options?: Partial<Omit<CoordinatorOptions, "handlers" | "workerTypes">>,
  ): Promise<Coordinator>;
  worker(handlers: readonly HandlerDefinition[], options?: Partial<WorkerOptions>): Promise<Worker>;
  client(workerTypes: readonly string[]): Promise<Client>;
}

const hourMs = 3_600_000;

/** By default, no task is swept after its first sweep, so that a lost wake-up makes the test hang. */
export function testRoles(options: { readonly bus?: Bus; readonly mayLogErrors?: boolean } = {}): Roles {
  const state = new MemoryState();
  const bus = sharedBus(options.bus ?? memoryBus());
  const logger = new RecordingLogger();
  onTestFinished(() => {
    if (options.mayLogErrors) return;
    expect(logger.engineErrors).toEqual([]);
  });
  const own = () => ({ store: memoryStore({ state }), bus, logger });
  const started = async <T extends Coordinator | Worker | Client>(role: T): Promise<T> => {
    onTestFinished(() => role.stop({ graceMs: 0 }));
    await role.start();
    return role;
  };
  return {
    bus,
    state,
    store: memoryStore({ state }),
    coordinator: (workerTypes, more = {}) =>
      started(new Coordinator({ ...own(), tickMs: 20, sweepMs: hourMs, workerTypes, ...more })),
    worker: (handlers, more = {}) => started(new Worker({ ...own(), handlers, ...more })),
    client: (workerTypes) => started(new Client({ ...own(), workerTypes })),
  };
}
