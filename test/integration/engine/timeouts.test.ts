import { describe, expect, test } from "vitest";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const timedOut = { code: "TASK_FAILED", details: { reasonCode: "timeout", nodeId: "slow" } };

describe("timeout_sec", () => {
  test("aborts the signal of an attempt that runs too long; the next one may succeed", async () => {
    const time = stillTime();
    const never = new Gate();
    const remaining: (number | undefined)[] = [];
    const { engine, record } = await testEngine([
      source("slow", [1, 2], {
        processBatch: async (n, ctx) => {
          remaining.push(ctx.remainingMs());
          if (ctx.epoch === 1 && n === 2) await never.pass(ctx.signal);
          return n;
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("slow", [], { timeout_sec: 0.05, retry_policy: atOnce })));
    await until(() => never.arrived === 1);
    await time.pass(50);
    expect(await task.result()).toEqual({ slow: [1, 2] });
    const { history } = await record(task.id, "slow");
    expect(history.flatMap(({ reasonCode }) => reasonCode ?? [])).toEqual(["timeout"]);
    expect(remaining).toEqual([50, 50, 50]);
  });

  test("does not wait for a handler that hangs, wherever it hangs", async () => {
    const never = new Gate();
    const hang = () => never.pass() as never;
    for (const method of ["setup", "loadInput", "processBatch", "finalize", "iterBatches"] as const) {
      const hanging =
        method === "iterBatches"
          ? {
              async *iterBatches() {
                await never.pass();
                yield { payload: 1 };
              },
            }
          : { [method]: hang };
      const { engine } = await testEngine([source("slow", [1], hanging)], { capacity: 2 }); // one hangs in each attempt
      const task = await engine.run(
        graphOf(node("slow", [], { timeout_sec: 0.02, retry_policy: { ...atOnce, max: 1 } })),
      );
      await expect(task.result(), method).rejects.toMatchObject({ ...timedOut, details: { epoch: 2 } });
      await until(() => engine.health().running === 0, "the slot to be free");
    }
    never.open();
  });

  test("handlers that ignore their signal never exceed the slots, and each is logged once", async () => {
    const time = stillTime();
    const gate = new Gate();
    const { engine, record, logged } = await testEngine(
      [source("slow", [1], { processBatch: (n) => gate.pass().then(() => n) }), source("other", [2])],
      { capacity: 2, capacityPerType: { slow: 1 } },
    );
    const task = await engine.run(
      graphOf(node("slow", [], { timeout_sec: 0.02, retry_policy: { ...atOnce, max: 1_000 } })),
    );
    const ignores = () => logged.filter(({ message }) => message?.startsWith("a handler ignores its AbortSignal"));
    await until(() => gate.arrived === 1);
    await until(async () => {
      await time.pass(20);
      return ignores().length > 0;
    });
    expect(engine.health()).toMatchObject({ running: 0, lingering: 1 });
    expect(await (await engine.run(graphOf(node("other")))).result()).toEqual({ other: [2] }); // it has looked again
    expect(gate.arrived).toBe(1);
    expect((await record(task.id, "slow")).status).toBe("queued");
    gate.open();
    expect(await task.result()).toEqual({ slow: [1] });
    expect(ignores()).toMatchObject([
      { level: "warn", fields: { taskId: task.id, nodeId: "slow", epoch: 1, batchUid: "0", ended: "timeout" } },
    ]);
  });

  test("ends a consumer that waits for its source", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([
      source("src", [1, 2], { processBatch: (n, ctx) => (n === 1 ? n : gate.pass(ctx.signal)) }),
      handler("slow"),
    ]);
    const task = await engine.run(
      graphOf(
        node("src"),
        node("slow", ["src"], { start: "first_batch", timeout_sec: 0.03, retry_policy: { ...atOnce, max: 0 } }),
      ),
    );
    await expect(task.result()).rejects.toMatchObject(timedOut);
  });

  test("ends an attempt whose cleanup hangs", async () => {
    const never = new Gate();
    const { engine } = await testEngine(
      [
        source("slow", [1], {
          processBatch: (n, ctx) => {
            ctx.onCleanup(() => never.pass());
            return n;
          },
        }),
      ],
      { capacity: 1, mayLogErrors: true },
    );
    const task = await engine.run(graphOf(node("slow", [], { timeout_sec: 0.03 })));
    await task.result().catch(() => undefined);
    await until(() => engine.health().running === 0, "the slot to be free");
    never.open();
  });

  test("that is not reached has no effect", async () => {
    const { engine, record } = await testEngine([source("slow", [1])]);
    const task = await engine.run(graphOf(node("slow", [], { timeout_sec: 3_600 })));
    expect(await task.result()).toEqual({ slow: [1] });
    expect(await record(task.id, "slow")).toMatchObject({ failures: 0 });
  });
});
