import { describe, expect, test, vi } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

/** A tick so long that no test can wait for it: a coordinator must know when the next deadline is. */
const noTicks = { tickMs: 3_600_000, sweepMs: 3_600_000 };
const exceeded = { code: "TASK_FAILED", details: { reasonCode: "deadline_exceeded" } };

describe("a task that has not ended at its deadline", () => {
  test("fails without a node; running nodes are aborted, waiting ones never start", async () => {
    const time = stillTime();
    const gate = new Gate();
    const after = vi.fn();
    const { engine, writes } = await testEngine(
      [
        source("slow", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
        handler("after", { processBatch: after }),
      ],
      noTicks,
    );
    const task = await engine.run(graphOf(node("slow"), node("after", ["slow"])), { deadlineSec: 0.05 });
    await until(() => gate.arrived === 1);
    await time.pass(50);
    const error = await task.result().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(exceeded);
    expect((error as Error).message).toBe(
      `task ${task.id} failed: deadline_exceeded: the task did not end before its deadline`,
    );
    const { status, failure, deadlineAt, createdAt, nodes } = await task.status();
    expect({ status, failure }).toEqual({
      status: "failed",
      failure: { reasonCode: "deadline_exceeded", message: "the task did not end before its deadline" },
    });
    expect(deadlineAt).toBe(createdAt + 50);
    expect(nodes.map((each) => each.status)).toEqual(["cancelled", "cancelled"]);
    expect(after).not.toHaveBeenCalled();
    expect(writes.filter((event) => event.kind === "artifact")).toEqual([]);
  });

  test("does not wait for a retry that is due later", async () => {
    const time = stillTime();
    const processBatch = () => Promise.reject(new Error("again"));
    const { engine } = await testEngine([source("a", [1], { processBatch })], noTicks);
    const task = await engine.run(graphOf(node("a", [], { retry_policy: { max: 5, backoff_sec: 3_600 } })), {
      deadlineSec: 0.05,
    });
    await until(async () => (await task.status()).status === "deferred");
    await time.pass(50);
    await expect(task.result()).rejects.toMatchObject(exceeded);
  });

  test("is found by an engine that opens the store later", async () => {
    const time = stillTime();
    const state = new MemoryState();
    const gate = new Gate();
    const handlers = [source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) })];
    const first = await testEngine(handlers, { ...noTicks, store: memoryStore({ state }) });
    const task = await first.engine.run(graphOf(node("a")), { deadlineSec: 0.05 });
    await until(() => gate.arrived === 1);
    await first.engine.stop({ graceMs: 0 });
    await time.pass(50);
    const second = await testEngine(handlers, {
      ...noTicks,
      store: memoryStore({ state }),
    });
    await expect(second.engine.task(task.id).result()).rejects.toMatchObject(exceeded);
  });
});

test("a task that ends before its deadline is not affected by it", async () => {
  const time = stillTime();
  const { engine } = await testEngine([source("a", [1])], { tickMs: 5 });
  const quick = await engine.run(graphOf(node("a")), { deadlineSec: 0.2 });
  expect(await quick.result()).toEqual({ a: [1] });
  const late = await engine.run(graphOf(node("a")), { deadlineSec: 3_600 });
  expect(await late.result()).toEqual({ a: [1] });
  await time.pass(1_000);
  expect((await quick.status()).status).toBe("finished");
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("a deadline of %s seconds is refused", async (deadlineSec) => {
  const { engine } = await testEngine([source("a", [1])]);
  await expect(engine.run(graphOf(node("a")), { deadlineSec })).rejects.toMatchObject({
    code: "ENGINE_OPTIONS",
    message: "deadlineSec must be more than 0 and at most 31536000",
  });
});
