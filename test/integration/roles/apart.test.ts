import { describe, expect, test } from "vitest";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { randomGraphs } from "../../helpers/random-graph.ts";
import { randomGraphHandlers } from "../../helpers/random-graph-handlers.ts";
import { testRoles } from "../../helpers/roles.ts";
import { seededRandom } from "../../helpers/seeded-random.ts";
import { misfits } from "../../helpers/stored-results.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const graphTypes = ["source", "restarter", "step", "once"] as const;
const graphHandlers = (seed: number) => {
  const random = seededRandom(seed);
  const pause = () => (random() < 0.3 ? new Promise((done) => setTimeout(done, random() * 3)) : Promise.resolve());
  return randomGraphHandlers({ random, failing: 0.02, pause });
};

describe("a coordinator and a worker that share only a store and a bus", () => {
  test("give the results of a plain evaluation", async () => {
    const { coordinator, worker, store } = testRoles();
    const plans = await coordinator(graphTypes);
    await worker(graphHandlers(1));
    const graphs = randomGraphs(3, 12);
    const tasks = await Promise.all(graphs.map((nodes) => plans.run({ nodes })));
    for (const [index, task] of tasks.entries()) {
      expect(await task.wait(), `task ${index}`).toMatchObject({ status: "finished" });
      expect(await misfits(store, task.id, graphs[index] ?? []), `task ${index}`).toEqual([]);
    }
  });

  test("coordinator functions run at the coordinator", async () => {
    const { coordinator, worker } = testRoles();
    const plans = await coordinator(["a"]);
    const runs = await worker([source("a", [1])]);
    const task = await plans.run(graphOf(node("a"), node("set", ["a"], { fn: "vars.set", fnArgs: { kv: { x: 1 } } })));
    const { status, vars } = await task.wait();
    expect({ status, vars }).toEqual({ status: "finished", vars: { x: 1 } });
    expect(runs.health().running).toBe(0);
  });

  test("two coordinators and three workers with different roles", async () => {
    const { coordinator, worker, store } = testRoles();
    const [first, second] = await Promise.all([coordinator(graphTypes), coordinator(graphTypes)]);
    const roles = [["source"], ["restarter", "step"], ["step", "once"]];
    await Promise.all(roles.map((each, index) => worker(graphHandlers(index), { roles: each, capacity: 2 })));
    const graphs = randomGraphs(5, 12);
    const tasks = await Promise.all(graphs.map((nodes, at) => (at % 2 === 0 ? first : second).run({ nodes })));
    for (const [index, task] of tasks.entries()) {
      // Read from the other one, since either may have received the end.
      const seen = (index % 2 === 0 ? second : first).task(task.id);
      expect(await seen.wait(), `task ${index}`).toMatchObject({ status: "finished" });
      expect(await misfits(store, task.id, graphs[index] ?? []), `task ${index}`).toEqual([]);
    }
  });

  test("a worker runs its roles and nothing else", async () => {
    const { coordinator, worker } = testRoles();
    const plans = await coordinator(["a", "b"]);
    const seen: string[] = [];
    const handlersOf = (who: string) => {
      const seeing = (type: string) => ({
        processBatch(payload: unknown) {
          seen.push(`${who} ${type}`);
          return payload;
        },
      });
      return [source("a", [1], seeing("a")), handler("b", seeing("b"))];
    };
    await worker(handlersOf("first"), { roles: ["a"] });
    await worker(handlersOf("second"), { roles: ["b"] });
    for (let n = 0; n < 5; n++) await (await plans.run(graphOf(node("a"), node("b", ["a"])))).result();
    expect(new Set(seen)).toEqual(new Set(["first a", "second b"]));
  });
});

describe("joining and leaving", () => {
  test("an added worker claims waiting work", async () => {
    const { coordinator, worker } = testRoles();
    const plans = await coordinator(["a"]);
    const gate = new Gate();
    const blocked = [source("a", [1], { processBatch: (n) => gate.pass().then(() => n) })];
    const first = await worker(blocked, { capacity: 1 });
    const tasks = await Promise.all([1, 2].map(() => plans.run(graphOf(node("a")))));
    await until(() => gate.arrived === 1);
    expect(first.health()).toMatchObject({ running: 1, capacity: 1 });
    const second = await worker(blocked, { capacity: 1 });
    await until(() => gate.arrived === 2);
    expect(second.health().running).toBe(1);
    gate.open();
    for (const task of tasks) expect(await task.wait()).toMatchObject({ status: "finished" });
  });

  test("a task that waits for its first worker starts once it joins", async () => {
    const { coordinator, worker } = testRoles();
    const plans = await coordinator(["a"]);
    const task = await plans.run(graphOf(node("a")));
    expect((await task.explain()).nodes[0]?.why.reason).toBe("no_worker");
    await worker([source("a", [1])]);
    expect(await task.result()).toEqual({ a: [1] });
  });

  test("a worker that stops during an attempt releases it to another, which continues after the stored batches", async () => {
    const { coordinator, worker, store } = testRoles();
    const plans = await coordinator(["a"]);
    const gate = new Gate();
    const processed: number[] = [];
    const handlers = [
      handler("a", {
        iterBatches: (_, ctx) => paced(numbers(6), (n) => (n === 3 ? gate.pass(ctx.signal) : Promise.resolve())),
        processBatch(payload) {
          processed.push(payload as number);
          return payload;
        },
      }),
    ];
    const first = await worker(handlers);
    const task = await plans.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    await first.stop({ graceMs: 0 });
    gate.open();
    await worker(handlers);
    expect(await task.result()).toEqual({ a: numbers(6) });
    expect(processed).toEqual(numbers(6));
    expect((await store.readShards(task.id))[0]).toMatchObject({ lost: 0, failures: 0, yields: 1 });
  });

  test("a coordinator that stops leaves its tasks to another one, or to the next one that starts", async () => {
    const { coordinator, worker, store } = testRoles();
    const first = await coordinator(["a", "b"], { sweepMs: 50 });
    const gate = new Gate();
    await worker([source("a", [1, 2], { processBatch: (n) => gate.pass().then(() => n) }), handler("b")]);
    const task = await first.run(graphOf(node("a"), node("b", ["a"])));
    await until(() => gate.arrived === 1);
    await first.stop();
    gate.open();
    const finished = async () => (await store.readShards(task.id, ["a"]))[0]?.status === "finished";
    await until(finished); // and no coordinator received it
    const second = await coordinator(["a", "b"], { sweepMs: 50 });
    expect(await second.task(task.id).result()).toEqual({ b: [1, 2] });
  });
});

describe("a client", () => {
  test("starts, watches and cancels tasks without running them", async () => {
    const { coordinator, worker, client } = testRoles();
    const web = await client(["a", "b"]);
    const gate = new Gate();
    const task = await web.run(graphOf(node("a"), node("b", ["a"])));
    const doomed = await web.run(graphOf(node("a"), node("b", ["a"])));
    expect(await task.status()).toMatchObject({ status: "queued" });
    await coordinator(["a", "b"]);
    await worker([source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }), handler("b")]);
    await until(() => gate.arrived === 2);
    expect(await doomed.cancel()).toBe("recorded");
    expect(await doomed.wait()).toMatchObject({ status: "cancelled" });
    gate.open();
    expect(await task.result()).toEqual({ b: [1] });
    const again = await web.retry(doomed.id, { from: "failed" });
    expect(await again.result()).toEqual({ b: [1] });
    expect((await web.list()).items).toHaveLength(3);
  });

  test("its tasks begin immediately, without waiting for a sweep", async () => {
    const { worker, client } = testRoles();
    await worker([source("a", [1])]);
    const web = await client(["a"]);
    const task = await web.run(graphOf(node("a"))); // no coordinator is running yet
    await until(async () => (await task.status()).nodes[0]?.status === "finished");
  });
});
