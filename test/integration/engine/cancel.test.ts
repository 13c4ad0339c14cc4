import { describe, expect, test, vi } from "vitest";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const cancelled = { code: "TASK_CANCELLED" };

describe("cancelling a task", () => {
  test("before anything starts: no node ever starts", async () => {
    const processBatch = vi.fn();
    const gate = new Gate();
    const { engine, writes } = await testEngine(
      [
        handler("blocker", { processBatch: () => gate.pass().then(() => 1) }),
        source("a", [1], { processBatch }),
        handler("b"),
      ],
      { capacity: 1 },
    );
    const blocker = await engine.run(graphOf(node("blocker")));
    await until(() => gate.arrived === 1);
    const task = await engine.run(graphOf(node("a"), node("b", ["a"])));
    expect(await task.cancel({ reason: "not today" })).toBe("recorded");
    await expect(task.result()).rejects.toMatchObject({ ...cancelled, message: expect.stringContaining("not today") });
    gate.open();
    await blocker.result();
    expect(processBatch).not.toHaveBeenCalled();
    const claims = writes.filter(
      (event) => event.kind === "shard" && event.cause === "claim" && event.record.taskId === task.id,
    );
    expect(claims).toEqual([]);
    expect((await task.status()).nodes.map(({ status }) => status)).toEqual(["cancelled", "cancelled"]);
  });

  test("mid-flight: aborts the handler's signal, stops its consumers, and nothing finishes afterwards", async () => {
    const gate = new Gate();
    const { engine, writes } = await testEngine([
      handler("src", {
        iterBatches: (_args, ctx) => paced(numbers(5), (nth) => (nth < 2 ? Promise.resolve() : gate.pass(ctx.signal))),
      }),
      handler("stream"),
      handler("after"),
    ]);
    const task = await engine.run(
      graphOf(node("src"), node("stream", ["src"], { start: "first_batch" }), node("after", ["stream"])),
    );
    await until(async () => (await task.status()).nodes[1]?.batches === 2);
    await task.cancel();
    const before = writes.length;
    await expect(task.result()).rejects.toMatchObject(cancelled);
    const later = writes.slice(before);
    expect(later.filter((event) => event.kind === "artifact")).toEqual([]);
    expect(later.flatMap((event) => (event.kind === "shard" ? [event.record.status] : []))).not.toContain("finished");
    expect((await task.status()).nodes.map(({ status }) => status)).toEqual(["cancelled", "cancelled", "cancelled"]);
  });

  test("a handler that ignores its abort and returns is cancelled, not finished", async () => {
    const gate = new Gate();
    const { engine, artifacts } = await testEngine([
      source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).catch(() => n) }),
    ]);
    const task = await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    await task.cancel();
    await expect(task.result()).rejects.toMatchObject(cancelled);
    expect(await artifacts(task.id, "a")).toEqual([]);
  });

  test("a handler that ignores its signal: the task ends after the grace period, and the slot is freed when the handler returns", async () => {
    const time = stillTime();
    const gate = new Gate();
    const { engine, artifacts, record, logged } = await testEngine(
      [source("deaf", [1], { processBatch: () => gate.pass() }), source("next", [2])],
      { capacity: 1, cancelGraceMs: 30, leaseMs: 90 },
    );
    const task = await engine.run(graphOf(node("deaf")));
    await until(() => gate.arrived === 1);
    const next = await engine.run(graphOf(node("next")));
    await task.cancel();
    await expect(time.during(task.result())).rejects.toMatchObject(cancelled);
    const ignores = () => logged.filter(({ message }) => message?.startsWith("a handler ignores its AbortSignal"));
    await time.during(until(() => ignores().length > 0));
    expect(engine.health()).toMatchObject({ running: 0, lingering: 1, capacity: 1 });
    expect((await record(next.id, "next")).status).toBe("queued");
    gate.open(); // its late return changes nothing
    expect(await time.during(next.result())).toEqual({ next: [2] });
    expect(ignores()).toMatchObject([
      { level: "warn", fields: { taskId: task.id, nodeId: "deaf", batchUid: "0", ended: "fenced" } },
    ]);
    expect(engine.health()).toMatchObject({ running: 0, lingering: 0 });
    expect(await artifacts(task.id, "deaf")).toEqual([]);
    expect((await task.status()).status).toBe("cancelled");
  });

  test("a cleanup that does not end delays the end of the task by at most the grace period", async () => {
    const time = stillTime();
    const gate = new Gate();
    const { engine } = await testEngine(
      [
        source("deaf", [1], {
          processBatch: (n, ctx) => {
            ctx.onCleanup(() => gate.pass());
            return n;
          },
        }),
        source("next", [2]),
      ],
      { capacity: 1, cancelGraceMs: 30, leaseMs: 90, mayLogErrors: true },
    );
    const task = await engine.run(graphOf(node("deaf")));
    await until(() => gate.arrived === 1);
    const next = await engine.run(graphOf(node("next")));
    await task.cancel();
    await expect(time.during(task.result())).rejects.toMatchObject(cancelled);
    await time.during(until(() => engine.health().running === 0));
    expect(engine.health().lingering).toBe(1);
    gate.open();
    expect(await time.during(next.result())).toEqual({ next: [2] });
  });

  test.each([
    ["a deferred node: no further attempt", "loadInput"],
    ["a node whose batch waits for its next try: no further one", "processBatch"],
  ] as const)("%s", async (_what, method) => {
    const time = stillTime();
    const processBatch = vi.fn(() => {
      throw new Error("again");
    });
    const { engine, record } = await testEngine([source("a", [1], { [method]: processBatch })]);
    const task = await engine.run(graphOf(node("a", [], { retry_policy: { max: 50, backoff_sec: 0.05, jitter: 0 } })));
    const isWaiting = async () => (await record(task.id, "a")).tries !== undefined;
    const isDeferred = async () => (await task.status()).status === "deferred";
    await until(method === "processBatch" ? isWaiting : isDeferred);
    await task.cancel();
    await expect(task.result()).rejects.toMatchObject(cancelled);
    const calls = processBatch.mock.calls.length;
    const waited = await engine.run(graphOf(node("a", [], { retry_policy: { max: 1, backoff_sec: 0.1, jitter: 0 } })));
    await expect(time.during(waited.result())).rejects.toThrow(); // longer than the first one's backoff has passed
    expect(processBatch.mock.calls.length).toBe(calls + 2);
    expect(await record(task.id, "a")).toMatchObject({ status: "cancelled" });
  });

  test("variables written before are kept", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([source("a", [1], { processBatch: (_n, ctx) => gate.pass(ctx.signal) })]);
    const task = await engine.run(
      graphOf(node("set", [], { fn: "vars.set", fnArgs: { kv: { "run.by": "cron" } } }), node("a", ["set"])),
    );
    await until(() => gate.arrived === 1);
    await task.cancel();
    await expect(task.result()).rejects.toMatchObject(cancelled);
    expect((await task.status()).vars).toEqual({ run: { by: "cron" } });
  });

  test("twice: returns already; after the end: returns terminal, and the outcome is kept", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([
      source("a", [1]),
      source("slow", [1], { processBatch: () => gate.pass().then(() => 1) }),
    ]);
    const done = await engine.run(graphOf(node("a")));
    await done.result();
    expect(await done.cancel()).toBe("terminal");
    expect(await done.result()).toEqual({ a: [1] });

    const slow = await engine.run(graphOf(node("slow")));
    await until(() => gate.arrived === 1);
    expect(await slow.cancel({ reason: "first" })).toBe("recorded");
    expect(await slow.cancel({ reason: "second" })).toBe("already");
    gate.open();
    await expect(slow.result()).rejects.toMatchObject({ message: expect.stringContaining("first") });
    expect(await slow.cancel()).toBe("terminal");
  });

  test("concurrently with a failure: the first write decides, and the task ends", async () => {
    for (const order of ["cancel", "fail"]) {
      const gate = new Gate();
      const { engine } = await testEngine([
        source("a", [1], {
          processBatch: async () => {
            await gate.pass();
            throw new Error("boom");
          },
        }),
      ]);
      const task = await engine.run(graphOf(node("a", [], { retry_policy: { max: 0 } })));
      await until(() => gate.arrived === 1);
      if (order === "cancel") {
        const answer = task.cancel();
        gate.open();
        expect(await answer).toBe("recorded");
        await expect(task.result()).rejects.toMatchObject(cancelled);
      } else {
        gate.open();
        await until(async () => (await task.status()).status !== "running");
        expect(await task.cancel()).not.toBe("recorded");
        await expect(task.result()).rejects.toMatchObject({ code: "TASK_FAILED" });
      }
    }
  });

  test("does not affect another attempt that waits for something the cancelled one started", async () => {
    let shared: Promise<unknown> | undefined;
    const gate = new Gate();
    const { engine, record } = await testEngine([
      source("a", [1], {
        processBatch: async (n, ctx) => {
          if (ctx.tries > 1) return n;
          shared ??= gate.pass(ctx.signal); // like a request cache that uses the signal of the first caller
          return shared;
        },
      }),
    ]);
    const graph = graphOf(node("a", [], { retry_policy: { backoff_sec: 0 } }));
    const first = await engine.run(graph);
    await until(() => gate.arrived === 1);
    const second = await engine.run(graph);
    await until(async () => (await second.status()).nodes[0]?.status === "running");
    await first.cancel();
    expect(await second.result()).toEqual({ a: [1] });
    expect(await record(second.id, "a")).toMatchObject({ epoch: 1, lost: 0 });
  });

  test("does not affect other tasks", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([
      source("a", numbers(3), { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
      handler("b"),
    ]);
    const graph = graphOf(node("a"), node("b", ["a"], { start: "first_batch" }));
    const tasks = await Promise.all(numbers(5).map(() => engine.run(graph)));
    await until(() => gate.arrived === 5);
    await tasks[2]?.cancel();
    gate.open();
    const outcomes = await Promise.allSettled(tasks.map((task) => task.result()));
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
  });
});
