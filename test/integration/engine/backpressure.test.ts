import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const limited = (id: string, max: number, parents: readonly string[] = []) => {
  const made = node(id, parents, parents.length === 0 ? {} : { start: "first_batch" });
  return { ...made, io: { ...made.io, max_pending_batches: max } };
};
const streaming = (id: string, parents: readonly string[], options: Parameters<typeof node>[2] = {}) =>
  node(id, parents, { start: "first_batch", ...options });

/** Processes a batch whenever the test allows it. */
class Steps {
  readonly taken: unknown[] = [];
  #allowed = 0;
  readonly #waiting: (() => void)[] = [];

  readonly take = async (payload: unknown): Promise<unknown> => {
    this.taken.push(payload);
    if (this.#allowed > 0) this.#allowed--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return payload;
  };

  allow(count: number): void {
    for (let each = 0; each < count; each++) {
      const next = this.#waiting.shift();
      if (next === undefined) this.#allowed++;
      else next();
    }
  }
}

/** Long enough for a producer that does not wait to store all of its batches. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 150));

describe("a producer with max_pending_batches", () => {
  test("is ahead of a running consumer by that many batches and no more", async () => {
    const steps = new Steps();
    const { engine, artifacts } = await testEngine([
      source("src", numbers(20)),
      handler("sink", { processBatch: steps.take }),
    ]);
    const task = await engine.run(graphOf(limited("src", 3), streaming("sink", ["src"])));
    const stored = async () => (await artifacts(task.id, "src")).length;
    await until(() => steps.taken.length === 1);
    await aWhile();
    // Which batches are stored before the consumer is seen running is a matter of chance; afterwards it is not.
    const before = await stored();
    expect(before).toBeLessThan(20);
    for (let done = 1; done < 20; done++) {
      steps.allow(1);
      await until(() => steps.taken.length === done + 1);
      expect(await stored()).toBeLessThanOrEqual(Math.max(before, done + 3));
    }
    steps.allow(1);
    expect(await task.result()).toEqual({ sink: numbers(20) });
  });

  test("of 1 alternates with its consumer", async () => {
    const lead: number[] = [];
    let made = 0;
    const src = handler("src", {
      *iterBatches() {
        for (; made < 30; made++) yield { payload: made };
      },
    });
    const sink = handler("sink", {
      async processBatch(payload) {
        await new Promise((resolve) => setImmediate(resolve));
        lead.push(made - Number(payload));
        return payload;
      },
    });
    const { engine } = await testEngine([src, sink]);
    const task = await engine.run(graphOf(limited("src", 1), streaming("sink", ["src"])));
    expect(await task.result()).toEqual({ sink: numbers(30) });
    // One stored, one made and waiting to be stored, one being made.
    expect(Math.max(...lead.slice(10))).toBeLessThanOrEqual(3);
  });

  test("waits for the slowest shard of a consumer", async () => {
    const gate = new Gate();
    const { engine, artifacts } = await testEngine([
      source("src", numbers(40)),
      handler("sink", {
        async processBatch(payload, ctx) {
          if (ctx.shard === 1) await gate.pass();
          return payload;
        },
      }),
    ]);
    const task = await engine.run(graphOf(limited("src", 4), streaming("sink", ["src"], { partitions: 2 })));
    await until(() => gate.arrived === 1);
    await aWhile();
    expect((await artifacts(task.id, "src")).length).toBeLessThan(40);
    gate.open();
    await task.result();
  });

  test("responds to a cancel, and to its timeout, while it waits", async () => {
    const steps = new Steps();
    const { engine, record } = await testEngine(
      [source("src", numbers(50)), handler("sink", { processBatch: (payload) => steps.take(payload) })],
      { cancelGraceMs: 50 },
    );
    const graph = (timeout: object) =>
      graphOf({ ...limited("src", 1), retry_policy: { max: 0, ...atOnce }, ...timeout }, streaming("sink", ["src"]));
    const cancelled = await engine.run(graph({}));
    await until(() => steps.taken.length === 1);
    await cancelled.cancel();
    await expect(cancelled.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
    expect(await record(cancelled.id, "src")).toMatchObject({ status: "cancelled" });
    const late = await engine.run(graph({ timeout_sec: 0.2 }));
    await expect(late.result()).rejects.toMatchObject({ details: { nodeId: "src", reasonCode: "timeout" } });
    steps.allow(100); // lets the abandoned handlers return
  });

  test("polls while it waits, but does not spin", async () => {
    const gate = new Gate();
    const state = new MemoryState();
    const inner = memoryStore({ state });
    let looks = 0;
    const store: Store = new Proxy(inner, {
      get(target, name) {
        if (name !== "readShards") return Reflect.get(target, name).bind(target);
        return (taskId: string, nodeIds?: readonly string[]) => {
          if (nodeIds?.includes("sink")) looks++;
          return inner.readShards(taskId, nodeIds);
        };
      },
    });
    const sink = handler("sink", {
      async processBatch(payload) {
        await gate.pass();
        return payload;
      },
    });
    const { engine } = await testEngine([source("src", numbers(50)), sink], { state, store });
    const task = await engine.run(graphOf(limited("src", 1), streaming("sink", ["src"])));
    await until(() => gate.arrived === 1);
    await aWhile();
    const before = looks;
    await aWhile();
    await aWhile();
    expect(looks - before).toBeLessThan(20);
    gate.open();
    await task.result();
  });

  test("costs one write of a consumer per half of the limit, and none without a limit", async () => {
    const reports = async (max: number | undefined) => {
      const { engine, writes } = await testEngine([source("src", numbers(100)), handler("sink")]);
      const src = max === undefined ? node("src") : limited("src", max);
      await (await engine.run(graphOf(src, streaming("sink", ["src"])))).result();
      return writes.filter(({ kind }) => kind === "reported").length;
    };
    expect(await reports(undefined)).toBe(0);
    // One write per half of the limit, at its beginning, and when the consumer has read everything.
    expect(await reports(20)).toBeLessThanOrEqual(3 * (100 / 10));
  });
});

describe("is not blocked by", () => {
  test.each([1, 2])("a consumer without a slot, with a total capacity of %i", async (capacity) => {
    const { engine } = await testEngine([source("src", numbers(30)), handler("mid"), handler("sink")], { capacity });
    const task = await engine.run(
      graphOf(limited("src", 1), { ...limited("mid", 1, ["src"]) }, streaming("sink", ["mid"])),
    );
    expect(await task.result()).toEqual({ sink: numbers(30) });
  });

  test.each([1, 2])("a consumer blocked by maxRunning %i", async (maxRunning) => {
    const { engine } = await testEngine([source("src", numbers(30)), handler("mid"), handler("sink")], { maxRunning });
    const task = await engine.run(graphOf(limited("src", 1), limited("mid", 2, ["src"]), streaming("sink", ["mid"])));
    expect(await task.result()).toEqual({ sink: numbers(30) });
  });

  test.each([1, 2, 3, 8])("a diamond, with capacity %i", async (capacity) => {
    const { engine } = await testEngine([source("src", numbers(25)), handler("step")], { capacity });
    const type = "step";
    const task = await engine.run(
      graphOf(
        limited("src", 1),
        { ...limited("a", 1, ["src"]), type },
        { ...limited("b", 3, ["src"]), type },
        streaming("join", ["a", "b"], { type }),
      ),
    );
    const { join } = (await task.result()) as { join: number[] };
    expect(join.sort((x, y) => x - y)).toEqual(numbers(25).flatMap((number) => [number, number]));
  });

  test("a gathering consumer, even if it has started", async () => {
    const { engine } = await testEngine([source("src", numbers(30)), handler("sink")]);
    const task = await engine.run(graphOf(limited("src", 1), streaming("sink", ["src"], { adapter: "pull.gather" })));
    expect(await task.result()).toEqual({ sink: [{ src: numbers(30) }] });
  });

  test("a consumer that waits for its retry", async () => {
    const time = stillTime();
    const { engine, artifacts, record } = await testEngine([
      source("src", numbers(30)),
      handler("sink", {
        processBatch(payload, ctx) {
          if (ctx.tries === 1) throw new Error("again");
          return payload;
        },
      }),
    ]);
    const retry_policy = { max: 2, ...atOnce, backoff_sec: 60 };
    const task = await engine.run(graphOf(limited("src", 2), streaming("sink", ["src"], { retry_policy })));
    await time.during(until(async () => (await artifacts(task.id, "src")).length === 30));
    await time.during(until(async () => (await record(task.id, "sink")).status === "deferred"));
    await time.pass(60_000);
    expect(await time.during(task.result())).toEqual({ sink: numbers(30) });
  });

  test("a consumer that hangs, beyond its timeout", async () => {
    const time = stillTime();
    const hang = new Gate();
    const { engine } = await testEngine([
      source("src", numbers(8)),
      handler("sink", {
        async processBatch(payload, ctx) {
          if (ctx.epoch === 1) await hang.pass(ctx.signal);
          return payload;
        },
      }),
    ]);
    const retry_policy = { max: 2, ...atOnce };
    const task = await engine.run(
      graphOf(limited("src", 1), streaming("sink", ["src"], { timeout_sec: 1, retry_policy })),
    );
    await until(() => hang.arrived === 1);
    await time.pass(1_000);
    expect(await task.result()).toEqual({ sink: numbers(8) });
  });

  test("a consumer that starts on any of its parents and reads the others to their ends", async () => {
    const { engine } = await testEngine([source("src", numbers(20)), source("quick", [100]), handler("sink")]);
    const task = await engine.run(
      graphOf(limited("src", 1), limited("quick", 1), streaming("sink", ["src", "quick"], { fan_in: "any" })),
    );
    const { sink } = (await task.result()) as { sink: number[] };
    expect(sink.sort((x, y) => x - y)).toEqual([...numbers(20), 100]);
  });

  test("an output that it restarts", async () => {
    const seen = new Set<unknown>();
    const src = handler("src", {
      resumable: false,
      async *iterBatches(_args, ctx) {
        for (const n of numbers(10)) {
          if (ctx.epoch === 1 && n === 5) {
            await until(() => seen.has("1:4"));
            throw new Error("again");
          }
          yield { payload: `${ctx.epoch}:${n}` };
        }
      },
    });
    const sink = handler("sink", {
      processBatch(payload) {
        seen.add(payload);
        return payload;
      },
    });
    const { engine } = await testEngine([src, sink]);
    const task = await engine.run(
      graphOf({ ...limited("src", 1), retry_policy: { max: 1, ...atOnce } }, streaming("sink", ["src"])),
    );
    expect(await task.result()).toEqual({ sink: numbers(10).map((n) => `2:${n}`) });
  });
});
