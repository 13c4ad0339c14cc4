import { type BatchContext, type Metrics, silentLogger } from "../definitions/index.ts";
import type { Json } from "../errors/index.ts";

/** A context for calling a handler's methods directly, which records what they did. */
export interface TestedContext extends BatchContext {
  /** The metrics that the method added. */
  readonly measured: Metrics;
  /** Runs the callbacks registered with `onCleanup`, last one first. */
  cleanUp(): Promise<void>;
}

/**
 * Creates a `ctx` for calling a handler's method directly in a test; `given` overrides any part of it.
 *
 * @example
 * const ctx = handlerContext({ args: { factor: 2 } })
 * await convert.processBatch?.({ amount: 21 }, ctx) // { amount: 42 }
 * ctx.measured // { rows: 1 }
 */
export function handlerContext(given: Partial<BatchContext> = {}): TestedContext {
  const { taskId = "task", nodeId = "node", uid = "0" } = given;
  const measured: Record<string, number> = {};
  const cleanups: (() => void | Promise<void>)[] = [];
  let saved: Json | undefined;
  const { signal = new AbortController().signal } = given;
  return {
    taskId,
    nodeId,
    uid,
    epoch: 1,
    tries: 1,
    shard: 0,
    args: {},
    params: {},
    loaded: undefined,
    traceparent: undefined,
    signal,
    logger: silentLogger,
    idempotencyKey: `${taskId}:${nodeId}:${uid}`,
    remainingMs: () => undefined,
    vars: async () => ({}),
    progress() {},
    heartbeat: async () => signal.throwIfAborted(),
    onCleanup: (cleanup) => void cleanups.push(cleanup),
    checkpoint: {
      get: async () => structuredClone(saved),
      set: async (value) => {
        saved = structuredClone(value);
      },
    },
    metrics: {
      add(name, value) {
        measured[name] = (measured[name] ?? 0) + value;
      },
    },
    ...given,
    measured,
    async cleanUp() {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    },
  };
}
