import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";

/*
 * Fails a file that leaves a timer, a socket, a server or a process open, by counting active resources before and after
 * it. `--detectAsyncLeaks` reports where one was created; it is off by default, because tracking every promise makes a
 * run several times slower.
 */

/** Closing may take a while. */
const patienceMs = 20_000;

function countActive(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

let before = new Map<string, number>();
beforeAll(() => {
  before = countActive();
  before.delete("Timeout"); // one of Vitest's own, which ends soon
});

const leaked = (): readonly string[] =>
  [...countActive()].filter(([type, count]) => count > (before.get(type) ?? 0)).map(([type]) => type);

afterAll(async () => {
  const deadline = performance.now() + patienceMs;
  while (leaked().length > 0 && performance.now() < deadline) await sleep(5);
  expect(leaked(), "resources that the file left open").toEqual([]);
});
