import { expect, test } from "vitest";
import { drive, driveByTurns } from "../../src/testing/scheduler/drive.ts";

/** Each step starts a chain of promises of this length, and the previous chain must have completed. */
const chain = 50;

function* chains(done: number[]): Generator<undefined, void> {
  for (let step = 0; step < 20; step++) {
    expect(done.length).toBe(step);
    void (async () => {
      for (let link = 0; link < chain; link++) await Promise.resolve();
      process.nextTick(() => done.push(step));
    })();
    yield;
  }
}

test.each([
  ["in one go", drive],
  ["by turns of the event loop", driveByTurns],
])("between two steps promises are drained: %s", async (_name, driver) => {
  const done: number[] = [];
  await driver(chains(done));
  expect(done).toHaveLength(20);
});

test("an error in a step rejects the drive", async () => {
  // biome-ignore lint/correctness/useYield: it ends before its first step
  function* failing(): Generator<undefined, void> {
    throw new RangeError("no step");
  }
  await expect(drive(failing())).rejects.toThrow("no step");
});
