import type { BusHealth } from "../core/ports/index.ts";
import type { LoopHealth } from "../core/resilience/supervisor.ts";
import type { LifecycleState } from "./lifecycle.ts";

/** Whether calls reach the store: one that fails says so at once. `since`: ms since 1970. */
export type StoreHealth = { readonly status: "ok" } | { readonly status: "unreachable"; readonly since: number };

/** How a coordinator, a worker, or a client is. */
export interface PartHealth {
  readonly state: LifecycleState;
  /**
   * It works: it has started, is not being stopped, reaches its store, and has reached its bus since it started.
   */
  readonly ready: boolean;
  readonly store: StoreHealth;
  /** Work goes on without it, slower: what no message tells is found by looking. */
  readonly bus: BusHealth;
  /** Messages that it could not read or handle, since it started. */
  readonly deadLetters: number;
  /** Its background loops, with how often each had to be started again. */
  readonly loops: readonly LoopHealth[];
}

export interface WorkerHealth extends PartHealth {
  /** Attempts that run now. */
  readonly running: number;
  /** How many may. */
  readonly capacity: number;
  /** Attempts that have ended, and whose handlers ignore their `AbortSignal`: each keeps its slot until it returns. */
  readonly lingering: number;
}

export function partHealth(options: {
  readonly state: LifecycleState;
  readonly unreachableSince: number | undefined;
  readonly bus: BusHealth;
  readonly deadLetters: number;
  readonly loops: readonly LoopHealth[];
}): PartHealth {
  const { state, unreachableSince: since, bus, deadLetters, loops } = options;
  return {
    state,
    ready: state === "running" && since === undefined && bus.status !== "connecting",
    store: since === undefined ? { status: "ok" } : { status: "unreachable", since },
    bus,
    deadLetters,
    loops,
  };
}
