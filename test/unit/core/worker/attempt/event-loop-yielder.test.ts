import { expect, test } from "vitest";
import { systemClock } from "../../../../../src/core/ports/system.ts";
import { EventLoopYielder } from "../../../../../src/core/worker/attempt/handler-code.ts";

/** A clock that only the test advances; a turn of the event loop is a promise that the test resolves. */
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

test("no caller waits within a time slice; after it, all callers wait for one turn", async () => {
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
