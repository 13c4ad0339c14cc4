import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { systemClock } from "../../../src/core/ports/system.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

const retried = { retry_policy: { max: 3, ...atOnce } } as const;

describe("a checkpoint", () => {
  test("is read by the next attempt, and by the attempt that set it", async () => {
    const found: unknown[] = [];
    const step = handler("step", {
      async loadInput(_args, { checkpoint, epoch }) {
        found.push(await checkpoint.get());
        await checkpoint.set({ page: epoch });
        found.push(await checkpoint.get());
        if (epoch < 3) throw new Error("again");
      },
      processBatch: () => "done",
    });
    const { engine, record } = await testEngine([step]);
    const task = await engine.run(graphOf(node("step", [], retried)));
    await task.result();
    expect(found).toEqual([undefined, { page: 1 }, { page: 1 }, { page: 2 }, { page: 2 }, { page: 3 }]);
    expect((await record(task.id, "step")).checkpoint).toEqual({ page: 3 });
  });

  test("is a copy: later changes of the value by the handler have no effect", async () => {
    let second: unknown;
    const step = handler("step", {
      async processBatch(_payload, { checkpoint }) {
        const value = { pages: [1] };
        await checkpoint.set(value);
        value.pages.push(2);
        ((await checkpoint.get()) as { pages: number[] }).pages.push(3);
        second = await checkpoint.get();
        return null;
      },
    });
    const { engine, record } = await testEngine([step]);
    const task = await engine.run(graphOf(node("step")));
    await task.result();
    expect(second).toEqual({ pages: [1] });
    expect((await record(task.id, "step")).checkpoint).toEqual({ pages: [1] });
  });

  test("is discarded when the output restarts, also for loadInput", async () => {
    const found: unknown[] = [];
    const make = handler("make", {
      resumable: false,
      async loadInput(_args, { checkpoint }) {
        found.push(await checkpoint.get());
      },
      iterBatches: () => numbers(2).map((payload) => ({ payload })),
      async processBatch(payload, { checkpoint, epoch }) {
        await checkpoint.set(epoch);
        return payload;
      },
      finalize({ epoch }) {
        if (epoch === 1) throw new Error("after batches are stored");
      },
    });
    const { engine, record } = await testEngine([make]);
    const task = await engine.run(graphOf(node("make", [], retried)));
    await task.result();
    expect(found).toEqual([undefined, undefined]);
    expect(await record(task.id, "make")).toMatchObject({ generation: 1, checkpoint: 2 });
  });

  test("is kept if nothing was stored: then there is nothing to restart", async () => {
    const found: unknown[] = [];
    const make = handler("make", {
      resumable: false,
      async loadInput(_args, { checkpoint, epoch }) {
        found.push(await checkpoint.get());
        await checkpoint.set(epoch);
        if (epoch === 1) throw new Error("again");
      },
    });
    const { engine } = await testEngine([make]);
    await (await engine.run(graphOf(node("make", [], retried)))).result();
    expect(found).toEqual([undefined, 1]);
  });

  test.each([
    ["not JSON", () => new Map() as never, "a checkpoint must be JSON: the value is a Map"],
    ["too large", () => "é".repeat(8_192), "a checkpoint is limited to 16384 bytes of JSON, this one has 16386"],
  ])("is refused if it is %s", async (_what, value, message) => {
    const step = handler("step", {
      processBatch: async (_payload, { checkpoint }) => checkpoint.set(value()).then(() => null),
    });
    const { engine } = await testEngine([step]);
    const task = await engine.run(graphOf(node("step", [], retried)));
    await expect(task.result()).rejects.toMatchObject({
      message: expect.stringContaining(message),
      details: { reasonCode: "unexpected_error" },
    });
  });

  test("of an attempt that lost its shard is refused, and stops it", async () => {
    const gate = new Gate();
    let signal: AbortSignal | undefined;
    const state = new MemoryState();
    const step = handler("step", {
      async processBatch(_payload, ctx) {
        if (ctx.epoch > 1) return null;
        signal = ctx.signal;
        await gate.pass();
        await ctx.checkpoint.set("of a zombie");
        return null;
      },
    });
    const { engine, record } = await testEngine([step], { state, leaseMs: 60_000 });
    const task = await engine.run(graphOf(node("step")));
    await until(() => gate.arrived === 1);
    // The engine's time, not the system's: an earlier test of this process may have moved it ahead.
    const later = memoryStore({ state, now: () => systemClock().now() + 120_000 });
    await later.expire({ taskId: task.id, nodeId: "step", shard: 0, epoch: 1 }, 5);
    gate.open();
    await task.result(); // of the later attempt: the store's answer may reach the earlier one afterwards
    await until(() => signal?.aborted === true);
    expect(await record(task.id, "step")).not.toHaveProperty("checkpoint");
  });
});

describe("progress", () => {
  test("is shown by status and events, stored periodically, including the last report", async () => {
    const gate = new Gate();
    const step = handler("step", {
      async processBatch(_payload, ctx) {
        for (let done = 0; done <= 500; done++) ctx.progress(done, 1_000);
        await gate.pass();
        for (let done = 501; done <= 1_000; done++) ctx.progress(done, 1_000);
        return null;
      },
    });
    const { engine, writes } = await testEngine([step]);
    const task = await engine.run(graphOf(node("step")));
    const events = collect(task.events({ sampleMs: 10 }));
    const progress = async () => (await task.status()).nodes[0]?.progress;
    await until(async () => (await progress())?.done === 500);
    gate.open();
    await task.result();
    expect(await progress()).toEqual({ done: 1_000, total: 1_000 });
    const told = (await events).flatMap((event) => (event.kind === "progress" ? (event.progress?.done ?? []) : []));
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBe(1_000);
    expect(writes.filter(({ kind }) => kind === "reported").length).toBeLessThanOrEqual(3);
  });

  test("is stored after a while even if the handler reports nothing more", async () => {
    const gate = new Gate();
    const step = handler("step", {
      async processBatch(_payload, ctx) {
        ctx.progress(1);
        await new Promise((resolve) => setImmediate(resolve)); // the first word is on its way
        ctx.progress(2);
        await gate.pass();
        return null;
      },
    });
    const { engine } = await testEngine([step]);
    const task = await engine.run(graphOf(node("step")));
    await until(async () => (await task.status()).nodes[0]?.progress?.done === 2);
    gate.open();
    await task.result();
  });

  test("of several shards is summed, the total only if all reported one", async () => {
    const gate = new Gate();
    const step = handler("step", {
      iterBatches: () => numbers(20).map((payload) => ({ payload })),
      async finalize(ctx) {
        if (ctx.shard === 0) ctx.progress(1, 2);
        else {
          await gate.pass();
          ctx.progress(10, 20);
        }
      },
    });
    const { engine } = await testEngine([step]);
    const task = await engine.run(graphOf(node("step", [], { partitions: 2 })));
    const progress = async () => (await task.status()).nodes[0]?.progress;
    await until(async () => (await progress()) !== undefined);
    expect(await progress()).toEqual({ done: 1 });
    gate.open();
    await task.result();
    expect(await progress()).toEqual({ done: 11, total: 22 });
  });

  test("other than numbers from 0 on is a bug in the handler", async () => {
    const step = handler("step", { processBatch: (_payload, ctx) => ctx.progress(Number.NaN) });
    const { engine } = await testEngine([step]);
    const task = await engine.run(graphOf(node("step")));
    await expect(task.result()).rejects.toThrow("progress must be a number of at least 0, got NaN");
  });
});

describe("a heartbeat", () => {
  const busyFor = (ms: number) => {
    for (const since = performance.now(); performance.now() - since < ms; );
  };

  test("renews the lease of a handler that never waits otherwise", async () => {
    const time = stillTime();
    const leaseMs = 2_000;
    const step = handler("step", {
      async processBatch(_payload, ctx) {
        for (let turn = 0; turn < 60; turn++) {
          time.block(leaseMs / 50);
          await ctx.heartbeat();
        }
        return ctx.epoch;
      },
    });
    const { engine, record } = await testEngine([step], { leaseMs });
    const task = await engine.run(graphOf(node("step")));
    await time.during(task.result());
    expect(await record(task.id, "step")).toMatchObject({ epoch: 1, lost: 0 });
  });

  test("lets other attempts run", async () => {
    let turns = 0;
    const other = setInterval(() => turns++, 1);
    const step = handler("step", {
      async processBatch(_payload, ctx) {
        for (let turn = 0; turn < 20; turn++) {
          busyFor(10);
          await ctx.heartbeat();
        }
        return null;
      },
    });
    const { engine } = await testEngine([step]);
    await (await engine.run(graphOf(node("step")))).result();
    clearInterval(other);
    expect(turns).toBeGreaterThan(5);
  });

  test("throws when the attempt must stop", async () => {
    let began = false;
    let thrown: unknown;
    const step = handler("step", {
      async processBatch(_payload, ctx) {
        try {
          for (;;) {
            began = true;
            busyFor(1);
            await ctx.heartbeat();
          }
        } catch (error) {
          thrown = error;
          throw error;
        }
      },
    });
    const { engine, record } = await testEngine([step]);
    const task = await engine.run(graphOf(node("step")));
    await until(() => began);
    await task.cancel();
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
    expect(thrown).toMatchObject({ name: "AbortError" });
    expect((await record(task.id, "step")).status).toBe("cancelled");
  });
});
