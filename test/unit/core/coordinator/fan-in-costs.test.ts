import { expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../../src/adapters/memory/index.ts";
import { Scheduler } from "../../../../src/core/coordinator/scheduler.ts";
import type { Attempt } from "../../../../src/core/model/records.ts";
import { PlanCache } from "../../../../src/core/plan/index.ts";
import type { Bus, Store } from "../../../../src/core/ports/index.ts";
import { StartLog } from "../../../../src/core/resilience/supervisor.ts";
import { silentLogger } from "../../../../src/definitions/index.ts";
import { FlowError } from "../../../../src/errors/index.ts";
import type { FanIn } from "../../../../src/graph/index.ts";
import { node, parsed } from "../../../helpers/graphs.ts";
import { numbers } from "../../../helpers/handlers.ts";

const parents = 200;
/** Reads of one record, an event: enough for a node and its children, and far from all of its parents. */
const readsAnEvent = 40;

const deafBus: Bus = {
  publish: async () => {},
  subscribe: async () => ({ close: async () => {} }),
  close: async () => {},
};

/** A task whose node `join` has this many parents, all of them claimed, and its coordinators. */
async function joinOf(options: {
  readonly fanIn: FanIn;
  readonly start?: "first_batch";
  readonly coordinators: number;
}) {
  const { fanIn, start, coordinators: count } = options;
  const store = memoryStore({ state: new MemoryState() });
  const seen = { reads: 0 };
  const away: { from: keyof Store | undefined } = { from: undefined };
  const counted = new Proxy(store, {
    get(target, name: keyof Store) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        if (name === away.from) return Promise.reject(new FlowError("STORE_UNAVAILABLE", "away", { retryable: true }));
        if (name === "readShards") seen.reads += (args[1] as readonly string[] | undefined)?.length ?? parents;
        if (name === "hasArtifacts") seen.reads++;
        return method.apply(target, args);
      };
    },
  });
  const ids = numbers(parents).map((index) => `p${index}`);
  const join = node("join", ids, { fan_in: fanIn, ...(start === undefined ? {} : { start }) });
  const graph = parsed(...ids.map((id) => node(id)), join);
  const plans = new PlanCache();
  const coordinator = () =>
    new Scheduler({
      store: counted,
      bus: deafBus,
      plans,
      starts: new StartLog(silentLogger, 0),
      logger: silentLogger,
      cancelGraceMs: 1_000,
      onChange() {},
      onOwed() {},
      onFlows() {},
      onDue() {},
    });
  const coordinators = numbers(count).map(coordinator);
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  await coordinators[0]?.begin({ id: "t", priority: 0 }, plans.get(graph));
  const attempts = new Map<string, Attempt>();
  for (const nodeId of ids) {
    const ref = { taskId: "t", nodeId, shard: 0, epoch: 1 };
    await store.claim(ref, { workerId: "w", claimId: nodeId, leaseMs: 3_600_000 });
    attempts.set(nodeId, { ...ref, claimId: nodeId });
  }
  seen.reads = 0;
  return {
    coordinators,
    coordinator,
    seen,
    /** The store operation that is currently unavailable. */
    away,
    /** Satisfies a parent without announcing it. */
    async satisfy(index: number): Promise<string> {
      const nodeId = `p${index}`;
      const attempt = attempts.get(nodeId) as Attempt;
      const origin = { source: "", seq: 0, chunk: 0 };
      if (start === undefined) await store.complete(attempt, { generation: 0, count: 0 });
      else await store.append(attempt, 0, { seq: 0, uid: "0", origin, meta: 1, metrics: {} });
      return nodeId;
    },
    join: async () => (await store.readShards("t", ["join"]))[0],
  };
}

const payAll = async (coordinator: Scheduler): Promise<void> => {
  for (const look of coordinator.owedLooks) await coordinator.payLook(look);
};

/** In neither ascending nor descending order. */
const order = numbers(parents).map((index) => (index * 7) % parents);

test.for([
  { fanIn: "any", needed: 1 },
  { fanIn: "count:2", needed: 2 },
  { fanIn: "count:100", needed: 100 },
  { fanIn: "count:190", needed: 190 },
  { fanIn: "all", needed: 200 },
] as const)(
  "fan-in $fanIn of 200: starts with the parents it needs, and reads in proportion to their number",
  async (how) => {
    const { fanIn, needed } = how;
    for (const start of [undefined, "first_batch"] as const) {
      const { coordinators, seen, satisfy, join } = await joinOf({
        fanIn,
        coordinators: 1,
        ...(start === undefined ? {} : { start }),
      });
      const [coordinator] = coordinators as [Scheduler];
      for (const [nth, index] of order.entries()) {
        await coordinator.nodeChanged("t", await satisfy(index));
        expect((await join()) !== undefined, `${nth + 1} of ${needed}`).toBe(nth + 1 >= needed);
      }
      expect(seen.reads).toBeLessThanOrEqual(readsAnEvent * parents);
    }
  },
);

test.for([undefined, "first_batch"] as const)(
  "two coordinators that each received half of the parents' events: the owed look finds it, start %s",
  async (start) => {
    const { coordinators, seen, satisfy, join } = await joinOf({
      fanIn: "count:100",
      coordinators: 2,
      ...(start === undefined ? {} : { start }),
    });
    let startedEarly = false;
    for (const [nth, index] of order.slice(0, 100).entries()) {
      startedEarly ||= (await join()) !== undefined;
      await coordinators[nth % 2]?.nodeChanged("t", await satisfy(index));
    }
    expect(startedEarly).toBe(false);
    expect(seen.reads).toBeLessThanOrEqual(readsAnEvent * parents);
    await payAll(coordinators[1] as Scheduler); // which was notified of the last one
    const chosen = new Set(order.slice(0, 100).map((index) => `p${index}`));
    expect(new Set((await join())?.chosen)).toEqual(chosen);
    for (const coordinator of coordinators) {
      await payAll(coordinator);
      expect(coordinator.owedLooks).toEqual([]);
    }
  },
);

test("a coordinator that has just started and receives the last parent's event finds the others", async () => {
  const { coordinators, coordinator, satisfy, join } = await joinOf({ fanIn: "count:100", coordinators: 1 });
  for (const index of order.slice(0, 99)) await coordinators[0]?.nodeChanged("t", await satisfy(index));
  const restarted = coordinator();
  await restarted.nodeChanged("t", await satisfy(order[99] as number));
  await payAll(restarted);
  expect((await join())?.chosen).toHaveLength(100);
});

test("a check that fails because of the store is made later", async () => {
  const { coordinators, coordinator, away, satisfy, join } = await joinOf({ fanIn: "count:100", coordinators: 1 });
  for (const index of order.slice(0, 99)) await satisfy(index);
  expect(coordinators[0]?.owedLooks).toEqual([]); // it was not notified
  const late = coordinator();
  await late.nodeChanged("t", await satisfy(order[99] as number));
  const owed = [{ taskId: "t", nodeId: "join" }];
  expect(late.owedLooks).toEqual(owed);
  away.from = "readShards";
  await expect(payAll(late)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(late.owedLooks).toEqual(owed);
  away.from = undefined;
  await payAll(late);
  expect((await join())?.chosen).toHaveLength(100);
});
