import { expect, onTestFinished, test, vi } from "vitest";
import { memoryStore } from "../../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import { steadyTime, systemClock } from "../../../../src/core/ports/system.ts";
import { newTask } from "../../../contract/store/fixture.ts";

const hourMs = 3_600_000;

/** A wall clock that can be set, and a monotonic one; both move by `pass`. */
function clocks() {
  let wall = 1_000_000;
  let monotonic = 7.5;
  const timeOf = steadyTime(() => monotonic);
  return {
    now: () => timeOf(Math.floor(wall)),
    pass(ms: number) {
      wall += ms;
      monotonic += ms;
    },
    set(ms: number) {
      wall += ms;
    },
  };
}

test("time follows the wall clock, even if that jumps ahead", () => {
  const { now, pass, set } = clocks();
  expect(now()).toBe(1_000_000);
  pass(10.5);
  expect(now()).toBe(1_000_010);
  set(hourMs);
  expect(now()).toBe(1_000_010 + hourMs);
});

test("if the wall clock is set back, time continues at its usual pace", () => {
  const { now, pass, set } = clocks();
  now();
  set(-hourMs);
  const times = [0.6, 0.6, 0.6, 98.2, 1_000].map((ms) => {
    pass(ms);
    return now();
  });
  expect(times).toEqual([1_000_000, 1_000_001, 1_000_001, 1_000_100, 1_001_100]);
  set(-hourMs); // and again
  pass(50);
  expect(now()).toBe(1_001_150);
});

test("the wall clock applies again once it has caught up", () => {
  const { now, pass, set } = clocks();
  now();
  set(-hourMs);
  pass(1_000);
  expect(now()).toBe(1_001_000);
  set(hourMs + 30);
  expect(now()).toBe(1_001_030);
});

test("without a step, a fast monotonic clock has no effect", () => {
  let wall = 1_000;
  let monotonic = 0;
  const timeOf = steadyTime(() => monotonic);
  for (let round = 0; round < 100; round++) {
    wall += 1;
    monotonic += 5;
    expect(timeOf(wall)).toBe(wall);
  }
});

test.for([
  ["memory", () => memoryStore()],
  ["SQLite", () => sqliteStore(":memory:")],
] as const)("setting the system clock back delays nothing in a %s store", async ([, make]) => {
  const store = make();
  onTestFinished(() => store.close());
  await store.open();
  const elapsed = vi.spyOn(performance, "now");
  const wall = vi.spyOn(Date, "now");
  onTestFinished(() => {
    elapsed.mockRestore();
    wall.mockRestore();
  });
  const [start, began] = [systemClock().now(), performance.now()];
  wall.mockReturnValue(start);
  elapsed.mockReturnValue(began);
  await store.createTask(newTask("t", { deadlineMs: 1_000 }));
  const ref = { taskId: "t", nodeId: "extract", shard: 0 };
  await store.dispatch(ref, { type: "extractor", priority: 0 });
  const claim = { workerId: "w", claimId: "c", leaseMs: 500 };
  await store.claim({ ...ref, epoch: 1 }, claim);
  wall.mockReturnValue(start - hourMs);
  elapsed.mockReturnValue(began + 600);
  expect(await store.expiredLeases(10)).toHaveLength(1);
  expect((await store.overdueTasks(10)).nextInMs).toBeLessThanOrEqual(400);
  elapsed.mockReturnValue(began + 1_100);
  expect((await store.overdueTasks(10)).overdue).toEqual(["t"]);
  expect(systemClock().now()).toBeGreaterThanOrEqual(start + 1_100);
});
