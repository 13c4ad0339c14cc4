import { expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../src/adapters/memory/index.ts";
import type { Scheduler as Planner } from "../../src/core/coordinator/scheduler.ts";
import { Sweeper } from "../../src/core/coordinator/sweeper.ts";
import type { Clock, Store } from "../../src/core/ports/index.ts";
import { Supervisor } from "../../src/core/resilience/supervisor.ts";
import { silentLogger } from "../../src/definitions/index.ts";
import { simClock } from "../../src/testing/cluster/sim-clock.ts";
import { drive, type Steps } from "../../src/testing/scheduler/drive.ts";
import { Scheduler } from "../../src/testing/scheduler/scheduler.ts";
import { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { node, parsed } from "../helpers/graphs.ts";
import { numbers } from "../helpers/handlers.ts";

/* Sweeps with many due tasks, in virtual time. */

const tickMs = 1_000;
const sweepMs = 30_000;
const leaseMs = 10_000;
/** Duration of planning one task. */
const planMs = 20;
const many = 2_000;
const graph = parsed(node("a"));

/** Coordinators that sweep one store, each with the tasks that it planned and their times. */
function sweeping(options: { readonly coordinators: number; readonly isBusHealthy?: boolean }) {
  const scheduler = new Scheduler(new SeededRandom(1), {
    jumpMs: 0,
    orphanMs: 0,
    trace: undefined,
    timeline: undefined,
  });
  const store = memoryStore({ state: new MemoryState(), now: () => scheduler.now });
  const sweepers = numbers(options.coordinators).map((index) => {
    const life = { name: `c${index}`, alive: true, pausedUntil: 0, drift: 1, offset: 0 };
    return sweeperOn({
      store,
      clock: simClock(scheduler, life, { aheadMs: 0 }),
      now: () => scheduler.now,
      isBusHealthy: options.isBusHealthy ?? true,
    });
  });
  /** Runs the sweeps until then, and stops them. */
  const runTo = async (ms: number): Promise<void> => {
    for (const each of sweepers) each.start();
    await drive(
      (function* (): Steps {
        while (scheduler.now < ms && scheduler.step()) yield;
      })(),
    );
    const stopping = Promise.all(sweepers.map((each) => each.stop()));
    await drive(
      (function* (): Steps {
        while (scheduler.step()) yield;
      })(),
    );
    await stopping;
  };
  return { store, sweepers, runTo };
}

function sweeperOn(parts: {
  readonly store: Store;
  readonly clock: Clock;
  readonly now: () => number;
  readonly isBusHealthy: boolean;
}) {
  const { store, clock, now, isBusHealthy } = parts;
  const planned: { readonly taskId: string; readonly at: number }[] = [];
  const commanded: number[] = [];
  const planner: Pick<Planner, "replan" | "command" | "owedLooks"> = {
    owedLooks: [],
    async replan(taskId) {
      await clock.sleep(planMs);
      planned.push({ taskId, at: now() });
    },
    command: async () => void commanded.push(now()),
  };
  const supervisor = new Supervisor({ clock, logger: silentLogger });
  const sweeper = new Sweeper({
    store,
    clock,
    scheduler: planner as Planner,
    tickMs,
    sweepMs,
    isBusHealthy: () => isBusHealthy,
    fireSchedule: async () => {},
    refreshPauses: async () => {},
    maxLostLeases: 5,
    leaseMs,
  });
  return { planned, commanded, start: () => sweeper.start(supervisor), stop: () => supervisor.stop() };
}

const createMany = async (store: Store): Promise<void> => {
  for (const index of numbers(many)) await store.createTask({ id: `t${index}`, graph, params: {}, priority: 0 });
};

test("two thousand tasks whose messages were lost: each is planned within little more than one sweep interval", async () => {
  const { store, sweepers, runTo } = sweeping({ coordinators: 1 });
  const [only] = sweepers as [(typeof sweepers)[number]];
  await createMany(store);
  await store.dueTasks(many, sweepMs); // by a coordinator that has crashed since
  await runTo(2 * sweepMs);
  const at = new Map(only.planned.toReversed().map((each) => [each.taskId, each.at])); // the first time of each
  expect(at.size).toBe(many);
  expect(Math.max(...at.values())).toBeLessThan(1.5 * sweepMs);
});

test("several coordinators share the due tasks, and none is planned twice", async () => {
  const { store, sweepers, runTo } = sweeping({ coordinators: 3 });
  await createMany(store);
  await runTo(sweepMs / 2);
  const planned = sweepers.map((each) => each.planned.map(({ taskId }) => taskId));
  expect(planned.flat()).toHaveLength(many);
  expect(new Set(planned.flat()).size).toBe(many);
  for (const share of planned) expect(share.length).toBeGreaterThan(many / 6);
});

test("a long sweep checks retries in every other tick", async () => {
  const { store, sweepers, runTo } = sweeping({ coordinators: 1 });
  const [only] = sweepers as [(typeof sweepers)[number]];
  await createMany(store);
  const ref = { taskId: "t0", nodeId: "a", shard: 0 };
  await store.dispatch(ref, { type: "a", priority: 0 });
  const attempt = { ...ref, epoch: 1, claimId: "c" };
  await store.claim(attempt, { workerId: "w", claimId: "c", leaseMs });
  await store.release(attempt, tickMs / 2);
  await runTo(sweepMs / 2);
  expect(only.planned).toHaveLength(many);
  expect(only.commanded).toHaveLength(1);
  expect(only.commanded[0]).toBeLessThan(3 * tickMs);
});

test("without messages, sweeping takes only part of the time", async () => {
  const { store, sweepers, runTo } = sweeping({ coordinators: 1, isBusHealthy: false });
  const [only] = sweepers as [(typeof sweepers)[number]];
  await createMany(store);
  await runTo(sweepMs);
  const busyMs = (only.planned.length * planMs) / 20;
  expect(only.planned.length).toBeGreaterThan(many);
  expect(busyMs).toBeLessThan(sweepMs / 2);
});

test("two thousand expired leases are all expired within a few ticks", async () => {
  const { store, sweepers, runTo } = sweeping({ coordinators: 1 });
  const [only] = sweepers as [(typeof sweepers)[number]];
  await createMany(store);
  await store.dueTasks(many, 10 * sweepMs);
  for (const index of numbers(many)) {
    const ref = { taskId: `t${index}`, nodeId: "a", shard: 0 };
    await store.dispatch(ref, { type: "a", priority: 0 });
    await store.claim({ ...ref, epoch: 1 }, { workerId: "w", claimId: `c${index}`, leaseMs });
  }
  await runTo(leaseMs + 3 * tickMs);
  expect(only.commanded).toHaveLength(many);
});
