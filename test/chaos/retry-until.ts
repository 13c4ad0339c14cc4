import { setTimeout as sleep } from "node:timers/promises";
import { FlowError } from "../../src/errors/index.ts";

const againAfterMs = 250;
const longestMs = 90_000;
const away = /Network|ServerSelection|PoolCleared|Timeout|PoolClosed/;

/** Retries while a server is unavailable. The operation must be idempotent. */
export async function retryUntil<T>(ask: () => Promise<T>): Promise<T> {
  const until = performance.now() + longestMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error) || performance.now() > until) throw error;
      await sleep(againAfterMs);
    }
  }
}

function isAway(error: unknown): boolean {
  if (FlowError.is(error)) return error.code === "STORE_UNAVAILABLE" || error.code === "BUS_UNAVAILABLE";
  return error instanceof Error && error.name.startsWith("Mongo") && away.test(error.name);
}
