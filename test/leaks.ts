import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";

/*
 * A file that leaves a timer, a socket, a server or a process behind fails: what keeps this process running is counted
 * before and after it. `--detectAsyncLeaks` says where it was made; that is no default, since watching every promise
 * makes a run several times as long.
 */

/** What is being closed may take its time. */
const patienceMs = 20_000;

function countActive(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

let before = new Map<string, number>();
beforeAll(() => {
  before = countActive();
  before.delete("Timeout"); // Vitest's own, which passes
});

const leaked = (): readonly string[] =>
  [...countActive()].filter(([type, count]) => count > (before.get(type) ?? 0)).map(([type]) => type);

afterAll(async () => {
  const deadline = performance.now() + patienceMs;
  while (leaked().length > 0 && performance.now() < deadline) await sleep(5);
  expect(leaked(), "what the file has left behind").toEqual([]);
});
