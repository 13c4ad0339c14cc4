import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { TaskEvent } from "../../../src/core/tasks/api.ts";
import { type TestEngine, testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

describe("the result", () => {
  test("of a leaf: the return value of finalize if the handler declares a result, else its outputs; nothing of inner nodes", async () => {
    const { engine } = await testEngine([
      source("a", [1, 2], { result: z.string(), finalize: () => "inner" }),
      handler("summed", {
        result: z.object({ batches: z.number() }),
        finalize: (ctx) => ({ batches: ctx.batchCount, extra: "stripped" }),
      }),
      handler("listed", { finalize: () => "not declared" }),
    ]);
    const task = await engine.run(graphOf(node("a"), node("summed", ["a"]), node("listed", ["a"])));
    expect(await task.result()).toEqual({ summed: { batches: 2 }, listed: [1, 2] });
    expect((await task.status()).nodes[0]?.result).toBe("inner");
  });

  test("of a handler whose schema converts values: encoded on the wire, decoded in handlers", async () => {
    const date = z.codec(z.iso.datetime(), z.date(), {
      decode: (text) => new Date(text),
      encode: (value) => value.toISOString(),
    });
    const { engine } = await testEngine([
      handler("a", {
        output: z.object({ at: date }),
        iterBatches: () => [{ payload: { at: new Date("2026-11-24T12:00:00Z") } }],
      }),
      handler("b", {
        input: z.object({ at: date }),
        processBatch: (payload) => (payload as { at: Date }).at instanceof Date,
      }),
    ]);
    const task = await engine.run(graphOf(node("a"), node("b", ["a"])));
    expect(await task.result()).toEqual({ b: [true] });
    expect(await collect(task.artifacts("a"))).toEqual([{ at: "2026-11-24T12:00:00.000Z" }]);
  });

  test("of a leaf with partitions: one result per shard, or all outputs", async () => {
    const { engine } = await testEngine([
      source("a", numbers(9)),
      handler("counted", { result: z.number(), finalize: (ctx) => ctx.batchCount }),
      handler("listed"),
    ]);
    const task = await engine.run(
      graphOf(node("a"), node("counted", ["a"], { partitions: 3 }), node("listed", ["a"], { partitions: 3 })),
    );
    const { counted, listed } = await task.result();
    expect(counted).toHaveLength(3);
    expect((counted as number[]).reduce((sum, count) => sum + count, 0)).toBe(9);
    expect((listed as number[]).toSorted()).toEqual(numbers(9));
  });

  test("can be read by many callers, before and after the end", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([source("a", [1], { processBatch: () => gate.pass().then(() => 1) })]);
    const task = await engine.run(graphOf(node("a")));
    const early = numbers(5).map(() => task.result());
    gate.open();
    for (const result of [...early, task.result(), engine.task(task.id).result()])
      expect(await result).toEqual({ a: [1] });
  });
});

describe("artifacts", () => {
  test("arrive one by one while the node runs", async () => {
    const gates = numbers(3).map(() => new Gate());
    const { engine } = await testEngine([
      handler("a", { iterBatches: () => paced(numbers(3), (nth) => (gates[nth] as Gate).pass()) }),
    ]);
    const task = await engine.run(graphOf(node("a")));
    const reader = task.artifacts("a");
    for (const [nth, gate] of gates.entries()) {
      gate.open();
      expect(await reader.next()).toEqual({ value: nth, done: false });
    }
    expect(await reader.next()).toMatchObject({ done: true });
  });

  test("are delivered in full to concurrent readers; one that leaves early affects no other", async () => {
    const { engine } = await testEngine([source("a", numbers(270))]);
    const task = await engine.run(graphOf(node("a")));
    const leaver = (async () => {
      for await (const each of task.artifacts("a")) if (each === 3) return;
    })();
    const all = await Promise.all(numbers(3).map(() => collect(task.artifacts("a"))));
    await leaver;
    for (const each of all) expect(each).toEqual(numbers(270));
  });

  test("of a node that fails: what was stored, then the task's error", async () => {
    const { engine } = await testEngine([
      source("a", [1, 2, 3], {
        processBatch: (n) => {
          if (n === 3) throw new TypeError("broken");
          return n;
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("a")));
    const got: unknown[] = [];
    const reading = (async () => {
      for await (const each of task.artifacts("a")) got.push(each);
    })();
    await expect(reading).rejects.toMatchObject({ code: "TASK_FAILED" });
    expect(got).toEqual([1, 2]);
  });

  test("of a node that never ran because the task was cancelled", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([
      source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
      handler("b"),
    ]);
    const task = await engine.run(graphOf(node("a"), node("b", ["a"])));
    const reading = collect(task.artifacts("b"));
    await until(() => gate.arrived === 1);
    await task.cancel();
    await expect(reading).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  });
});

describe("events", () => {
  const history = async (world: TestEngine, taskId: string) =>
    (await world.store.readShards(taskId)).flatMap((record) =>
      record.history.map(({ n, from, to }) => `${record.nodeId}/${record.shard} ${n} ${from}->${to}`),
    );
  const seen = (events: readonly TaskEvent[]) =>
    events.flatMap((event) =>
      event.kind === "node" ? [`${event.nodeId}/${event.shard} ${event.n} ${event.from}->${event.to}`] : [],
    );
  const flaky = (name: string) =>
    handler(name, {
      finalize: ({ epoch }) => {
        if (epoch < 4) throw new Error("again");
      },
    });
  const graph = graphOf(
    node("a", [], { partitions: 2 }),
    node("b", ["a"], { start: "first_batch", retry_policy: { ...atOnce, max: 3 } }),
    node("c", ["b"]),
  );
  const handlers = [source("a", numbers(9)), flaky("b"), handler("c")];

  test("report every transition once, in the order of each shard, between the task's first and last event", async () => {
    const world = await testEngine(handlers);
    const task = await world.engine.run(graph);
    const readers = [collect(task.events()), collect(task.events({ sampleMs: 1 }))];
    await task.result();
    readers.push(collect(task.events())); // a late reader gets everything, too
    const whole = await history(world, task.id);
    for (const events of await Promise.all(readers)) {
      expect(seen(events).toSorted()).toEqual(whole.toSorted());
      for (const shard of ["a/0", "a/1", "b/0", "c/0"]) {
        const own = (lines: readonly string[]) => lines.filter((line) => line.startsWith(shard));
        expect(own(seen(events))).toEqual(own(whole));
      }
      expect(events.at(0)).toMatchObject({ kind: "task", status: "running" });
      expect(events.at(-1)).toMatchObject({ kind: "task", status: "finished" });
      const progress = events.flatMap((event) => (event.kind === "progress" ? [[event.nodeId, event.batches]] : []));
      expect(Object.fromEntries(progress)).toEqual({ a: 9, b: 9, c: 9 });
    }
  });

  test("are complete for a slow reader", async () => {
    const world = await testEngine(handlers);
    const task = await world.engine.run(graph);
    const events: TaskEvent[] = [];
    for await (const event of task.events({ sampleMs: 1 })) {
      events.push(event);
      if (events.length === 2) await task.result(); // everything else happens between two of its events
    }
    expect(seen(events).toSorted()).toEqual((await history(world, task.id)).toSorted());
  });

  test("reach a waiting reader while the task runs, not at its end", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([source("a", [1], { processBatch: () => gate.pass().then(() => 1) })]);
    const task = await engine.run(graphOf(node("a")));
    for await (const event of task.events({ sampleMs: 3_600_000 })) {
      if (event.kind === "node" && event.to === "running") gate.open(); // otherwise it would wait forever
    }
    expect(await task.result()).toEqual({ a: [1] });
  });

  test("of a failed and of a cancelled task end with that status", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([
      source("bad", [1], { processBatch: () => Promise.reject(new TypeError("x")) }),
      source("slow", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
    ]);
    const failed = await collect((await engine.run(graphOf(node("bad")))).events());
    expect(failed.at(-1)).toMatchObject({ kind: "task", status: "failed", failure: { nodeId: "bad" } });
    const task = await engine.run(graphOf(node("slow")));
    await until(() => gate.arrived === 1);
    await task.cancel();
    const cancelled = await collect(task.events());
    expect(cancelled.at(-1)).toMatchObject({ kind: "task", status: "cancelled" });
    expect(seen(cancelled).at(-1)).toMatch(/cancelling->cancelled$/);
  });

  test("of a shard with more transitions than its record keeps: missing ones are counted, none is repeated", async () => {
    const { engine } = await testEngine([
      source("a", [1], {
        finalize: ({ epoch }) => {
          if (epoch < 30) throw new Error("again");
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("a", [], { retry_policy: { ...atOnce, max: 40 } })));
    await task.result();
    const events = (await collect(task.events())).flatMap((event) => (event.kind === "node" ? [event] : []));
    const all = 1 + 29 * 3 + 2;
    expect(events.map(({ n }) => n)).toEqual(numbers(50).map((n) => n + all - 50));
    expect(events.map(({ skipped }) => skipped)).toEqual([all - 50, ...numbers(49).map(() => undefined)]);
  });
});

test("the status while nothing has started, while it waits for a retry, and at the end", async () => {
  const time = stillTime();
  const gate = new Gate();
  const { engine } = await testEngine(
    [
      source("a", [1], {
        finalize: ({ epoch }) => {
          if (epoch === 1) throw new Error("once");
        },
      }),
      source("blocker", [1], { processBatch: () => gate.pass().then(() => 1) }),
    ],
    { capacity: 1 },
  );
  const blocker = await engine.run(graphOf(node("blocker")));
  await until(() => gate.arrived === 1);
  const task = await engine.run({
    name: "named",
    ...graphOf(node("a", [], { retry_policy: { backoff_sec: 0.2, jitter: 0 } })),
  });
  expect(await task.status()).toMatchObject({
    name: "named",
    status: "queued",
    nodes: [{ status: "queued", batches: 0 }],
  });
  gate.open();
  await blocker.result();
  await until(async () => (await task.status()).status === "deferred");
  await time.pass(200);
  await task.result();
  const end = await task.status();
  expect(end).toMatchObject({ status: "finished", nodes: [{ status: "finished", epoch: 2, failures: 1, batches: 1 }] });
  expect(end.endedAt).toBeGreaterThanOrEqual(end.createdAt);
});
