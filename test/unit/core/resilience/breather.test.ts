import { expect, test } from "vitest";
import { systemClock } from "../../../../src/core/ports/system.ts";
import { EventLoopYielder } from "../../../../src/core/resilience/event-loop-yield.ts";

/** A clock that stands still but for what the test adds; a turn of the event loop is a promise of the test's. */
function standingClock() {
  let now = 0;
  const turns: (() => void)[] = [];
  return {
    turns,
    pass: (ms: number) => {
      now += ms;
    },
    clock: {
      ...systemClock(),
      monotonic: () => now,
      yield: () => new Promise<void>((resolve) => turns.push(resolve)),
    },
  };
}

test("nobody waits within a slice of time; after it everybody waits for one turn", async () => {
  const { clock, pass, turns } = standingClock();
  const breather = new EventLoopYielder(clock);
  pass(7);
  expect(breather.pause()).toBeUndefined();
  pass(1);
  const [one, other] = [breather.pause(), breather.pause()];
  expect(one).toBeInstanceOf(Promise);
  expect(other).toBe(one);
  expect(turns).toHaveLength(1);
  pass(500); // however long the turn takes: the slice begins after it
  turns[0]?.();
  await one;
  expect(breather.pause()).toBeUndefined();
  pass(8);
  expect(breather.pause()).toBeDefined();
  turns[1]?.();
  await breather.pause();
});
