import { onTestFinished } from "vitest";
import { MemoryState, memoryBus, memoryStore } from "../../src/adapters/memory/index.ts";
import type { Message } from "../../src/core/messages/messages.ts";
import type { Bus, Store, Subscription } from "../../src/core/ports/index.ts";
import type { HandlerDefinition } from "../../src/definitions/index.ts";
import type { EngineOptions } from "../../src/engine/options.ts";
import { FlowError } from "../../src/errors/index.ts";
import { sharedBus, type TestEngine, testEngine } from "./engines.ts";

/**
 * Isolates a process as `kill -9` does: its calls get no more answers, and it receives no more messages. Requests that
 * have not been executed are lost.
 */
export class Lifeline {
  readonly #ended = Promise.withResolvers<void>();
  readonly #subscriptions: Subscription[] = [];
  #cut = false;

  cut(): void {
    this.#cut = true;
    for (const subscription of this.#subscriptions) void subscription.close();
  }

  /** Makes all hanging calls fail, so that the process's engine can be stopped. */
  end(): void {
    this.cut();
    this.#ended.resolve();
  }

  async #unlessCut<T>(answer: Promise<T>): Promise<T> {
    const value = await answer;
    if (!this.#cut) return value;
    return this.#unreachable();
  }

  async #unreachable(): Promise<never> {
    await this.#ended.promise;
    throw new FlowError("ENGINE_STOPPED", "this process was killed");
  }

  store(store: Store): Store {
    return new Proxy(store, {
      get: (target, key: keyof Store) => {
        const method = target[key] as (...args: unknown[]) => Promise<unknown>;
        if (key === "close") return () => method.call(target);
        if (key === "removeWorker" && this.#cut) return async () => {}; // it does not unsubscribe
        return (...args: unknown[]) => (this.#cut ? this.#unreachable() : this.#unlessCut(method.apply(target, args)));
      },
    });
  }

  bus(bus: Bus): Bus {
    return {
      publish: (...message) => (this.#cut ? this.#unreachable() : bus.publish(...message)),
      subscribe: async (options) => {
        const handle = async (message: Message) => (this.#cut ? undefined : options.handle(message));
        const subscription = await bus.subscribe({ ...options, handle });
        this.#subscriptions.push(subscription);
        return subscription;
      },
      close: async () => {},
    };
  }
}

export interface Cluster {
  readonly state: MemoryState;
  readonly store: Store;
  /** Starts another process: an engine on the same data and bus. */
  start(
    handlers: readonly HandlerDefinition[],
    options?: Partial<EngineOptions>,
  ): Promise<TestEngine & { readonly lifeline: Lifeline }>;
}

/** Processes that share a store and a bus, with leases short enough for a test to wait for their expiry. */
export function cluster(options: { readonly bus?: Bus; readonly state?: MemoryState } = {}): Cluster {
  const state = options.state ?? new MemoryState();
  const bus = sharedBus(options.bus ?? memoryBus());
  return {
    state,
    store: memoryStore({ state }),
    async start(handlers, engineOptions = {}) {
      const lifeline = new Lifeline();
      const engine = await testEngine(handlers, {
        tickMs: 10,
        sweepMs: 100,
        leaseMs: 300,
        ...engineOptions,
        mayLogErrors: true,
        state,
        store: lifeline.store(memoryStore({ state })),
        bus: lifeline.bus(bus),
      });
      onTestFinished(() => lifeline.end()); // runs before the engine is stopped, because hooks run in reverse order
      return { ...engine, lifeline };
    },
  };
}
