import { type MemoryState, type MemoryStoreEvent, memoryStore } from "../../adapters/memory/index.ts";
import type { Store } from "../../engine/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { Life } from "../gate/life.ts";
import type { Scheduler } from "../gate/scheduler.ts";
import { showAnswer, showArguments } from "./show-call.ts";

/** How likely a call fails, and where: before its effect, between two of its records, or with its answer lost. */
export interface StoreFaults {
  before: number;
  between: number;
  after: number;
}

export interface SimStoreOptions {
  readonly scheduler: Scheduler;
  readonly life: Life;
  readonly state: MemoryState;
  readonly faults: StoreFaults;
  readonly observe: (event: MemoryStoreEvent) => void;
  /** `false`: no task is ever due for a sweep, so that what a sweep would mend shows. */
  readonly sweeps: boolean;
}

type Call = (...args: unknown[]) => Promise<unknown>;

/**
 * The store as one process sees it. Each call parks before its effect, between the records that it touches, and before
 * its answer arrives; at each of these places it may fail, or its process may die.
 */
export function simStore(options: SimStoreOptions): Store {
  const { scheduler, life, state, faults, observe } = options;
  const inner = memoryStore({
    state,
    observe,
    now: () => scheduler.now,
    keepFinishedTasks: 1_000,
    async step(label) {
      await scheduler.park(life, `… ${label}`, { request: true });
      if (scheduler.random.chance(faults.between)) throw unavailable(label);
    },
  });
  const through = (name: string, call: Call): Call => {
    return async (...args) => {
      await scheduler.park(life, name, { request: true, detail: () => showArguments(args) });
      if (scheduler.random.chance(faults.before)) throw unavailable(name);
      const answer = await call.apply(inner, args);
      const lost = scheduler.random.chance(faults.after);
      const detail = lost ? () => " lost" : () => showAnswer(answer);
      await scheduler.park(life, `${name} ->`, { detail });
      if (lost) throw unavailable(name);
      return answer;
    };
  };
  return new Proxy(inner, {
    get(target, name) {
      if (name === "dueTasks" && !options.sweeps) return through(name, async () => []);
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? through(String(name), member as Call) : member;
    },
  });
}

const unavailable = (label: string): FlowError =>
  new FlowError("STORE_UNAVAILABLE", `${label}: the simulated store can't be reached`, { retryable: true });
