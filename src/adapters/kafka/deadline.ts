import type { Clock } from "../../engine/ports/index.ts";

/**
 * Waits for work of the driver, which may never come to an end, for so long.
 *
 * @returns whether it has ended. What it throws is thrown.
 */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const inTime = work.then(() => true);
  inTime.catch(() => {}); // too late for anybody to hear
  try {
    return await Promise.race([inTime, clock.sleep(ms, ended.signal).then(() => false)]);
  } finally {
    ended.abort();
  }
}
