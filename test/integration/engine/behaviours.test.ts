import { describe, expect, test, vi } from "vitest";
import { MemoryState, memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Bus } from "../../../src/core/ports/index.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { noTicks, sharedBus, testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { countItems, handler, numbers, pages, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

/* Common failures of such engines that have no page of their own: docs/behaviours.md has the whole list. */

describe("a graph that would wait forever is refused, and nothing of it is stored", () => {
  test.each([
    { why: "a cycle", code: "GRAPH_CYCLE", nodes: [node("a", ["b"]), node("b", ["a"])] },
    { why: "a parent that isn't there", code: "GRAPH_UNKNOWN_DEPENDENCY", nodes: [node("a", ["ghost"])] },
    {
      why: "count:5 of two parents",
      code: "GRAPH_FAN_IN",
      nodes: [node("a"), node("b"), node("c", ["a", "b"], { fan_in: "count:5" })],
    },
    { why: "any of no parents", code: "GRAPH_FAN_IN", nodes: [node("a", [], { fan_in: "any" })] },
    { why: "a type without a handler", code: "GRAPH_UNKNOWN_TYPE", nodes: [node("a"), node("x", ["a"])] },
  ])("$why", async ({ code, nodes }) => {
    const { engine } = await testEngine([source("a", [1]), handler("b"), handler("c")]);
    const refused = await engine.run(graphOf(...nodes)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "GRAPH_INVALID" });
    expect(
      (refused as { details: { findings: { code: string }[] } }).details.findings.map((each) => each.code),
    ).toEqual([code]);
    expect((await engine.list()).items).toEqual([]);
  });
});

test("a task with a long backoff, over many leases and sweeps, is neither dead nor lost", async () => {
  const time = stillTime();
  let isDeferred = false;
  const { engine, record } = await testEngine(
    [
      source("a", [1], {
        processBatch: (n) => {
          if (!isDeferred) throw new Error("before the wait");
          return n;
        },
      }),
    ],
    { leaseMs: 200, tickMs: 1, sweepMs: 1 },
  );
  const task = await engine.run(graphOf(node("a", [], { retry_policy: { backoff_sec: 1.2, jitter: 0 } })));
  await until(async () => (await task.status()).status === "deferred", "the wait for the retry");
  isDeferred = true;
  expect(await time.during(task.result())).toEqual({ a: [1] });
  const { failures, lost, history } = await record(task.id, "a");
  const causes = history.map(({ cause }) => cause);
  expect({ failures, lost }).toEqual({ failures: 0, lost: 0 });
  expect(causes[causes.indexOf("release") + 1]).toBe("requeue");
});

test("a permanent failure whose other nodes stop slowly delays no other task", async () => {
  const stubborn = new Gate();
  const { engine } = await testEngine(
    [
      source("slow", [1], { processBatch: (n) => stubborn.pass().then(() => n) }),
      source("broken", [1], {
        processBatch: async () => {
          await until(() => stubborn.arrived === 1);
          throw new PermanentError("broken");
        },
      }),
      source("fine", numbers(3)),
    ],
    noTicks,
  );
  const failing = await engine.run(graphOf(node("slow"), node("broken")));
  await until(async () => (await failing.status()).status === "cancelling", "the failure");
  const other = await engine.run(graphOf(node("fine")));
  expect(await other.result()).toEqual({ fine: numbers(3) });
  expect((await failing.status()).status).toBe("cancelling");
  stubborn.open();
  await expect(failing.result()).rejects.toMatchObject({ details: { reasonCode: "broken" } });
});

test("a node with one batch takes five writes, none of them to the task: its graph is stored once", async () => {
  const count = 20;
  const ids = numbers(count).map((n) => `n${n}`);
  const { engine, writes } = await testEngine([source("first", [1]), handler("next")], noTicks);
  const task = await engine.run(
    graphOf(
      ...ids.map((id, nth) => node(id, nth === 0 ? [] : [`n${nth - 1}`], { type: nth === 0 ? "first" : "next" })),
    ),
  );
  await task.result();
  const counted: Record<string, number> = {};
  for (const event of writes) {
    const kind = event.kind === "shard" ? event.cause : event.kind;
    counted[kind] = (counted[kind] ?? 0) + 1;
  }
  const once = { dispatch: count, claim: count, artifact: count, log_closed: count, complete: count };
  expect(counted).toEqual({ task: 2, ...once });
});

test("sums are exact if every message is repeated and reordered, and another coordinator ends the task", async () => {
  const bus = memoryBus();
  const held: (() => Promise<void>)[] = [];
  const shuffling: Bus = {
    ...sharedBus(bus),
    publish: async (...message) => {
      held.push(() => bus.publish(...message));
      // Two at a time, the later one first, each twice.
      if (held.length === 2) for (const send of held.splice(0).reverse()) await Promise.all([send(), send()]);
    },
  };
  const state = new MemoryState();
  const gate = new Gate();
  const handlers = [
    source("pages", pages(numbers(11), 4), {
      processBatch: async (payload, ctx) => {
        ctx.metrics.add("items", countItems(payload));
        if (countItems(payload) === 3) await gate.pass(ctx.signal);
        return payload;
      },
    }),
  ];
  const shared = { state, bus: shuffling, sweepMs: 20, tickMs: 5 };
  const first = await testEngine(handlers, shared);
  const task = await first.engine.run(
    graphOf(node("pages"), node("sum", ["pages"], { fn: "metrics.aggregate", fnArgs: { node_id: "pages" } })),
  );
  await until(() => gate.arrived === 1);
  await first.engine.stop({ graceMs: 0 });
  gate.open();
  const second = await testEngine(handlers, shared);
  expect(await second.engine.task(task.id).result()).toMatchObject({ sum: { batches: 3, metrics: { items: 11 } } });
});

test("two workers of one type share the work, and each batch is processed by one of them", async () => {
  const state = new MemoryState();
  const bus = sharedBus();
  const both = new Gate();
  const ran = { one: 0, two: 0 };
  const worker = (name: "one" | "two") =>
    testEngine(
      [
        source("a", [1], {
          processBatch: async () => {
            ran[name]++;
            await both.pass();
            return name;
          },
        }),
      ],
      { store: memoryStore({ state }), bus, capacity: 1 },
    );
  const [one] = [await worker("one"), await worker("two")];
  const tasks = await Promise.all(numbers(2).map(() => one.engine.run(graphOf(node("a")))));
  await until(() => both.arrived === 2, "an attempt at each worker");
  both.open();
  const results = await Promise.all(tasks.map(async (task) => (await task.result()).a));
  expect(results.flat().toSorted()).toEqual(["one", "two"]);
  expect(ran).toEqual({ one: 1, two: 1 });
});

test("a cancel while a consumer waits for input ends it as cancelled, never as complete", async () => {
  const gate = new Gate();
  const { engine, writes } = await testEngine([
    source("src", [1, 2], { processBatch: (n) => (n === 1 ? n : gate.pass().then(() => n)) }),
    handler("sink", { finalize: vi.fn() }),
  ]);
  const task = await engine.run(
    graphOf(node("src", [], { retry_policy: atOnce }), node("sink", ["src"], { start: "first_batch" })),
  );
  await until(async () => (await task.status()).nodes[1]?.batches === 1, "the consumer to have read all there is");
  await task.cancel();
  gate.open();
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  expect((await task.status()).nodes.map(({ status }) => status)).toEqual(["cancelled", "cancelled"]);
  expect(writes.filter(({ kind }) => kind === "log_closed")).toEqual([]);
});
