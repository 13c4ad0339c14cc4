import { describe, expect, test } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

/** The number of concurrent calls, now and at most. */
class Crowd {
  now = 0;
  most = 0;

  async during(work: () => Promise<void>): Promise<void> {
    this.now++;
    this.most = Math.max(this.most, this.now);
    try {
      await work();
    } finally {
      this.now--;
    }
  }
}

const graph = { nodes: [node("source"), node("step", ["source"])] };
const ordered = { nodes: [node("source"), node("step", ["source"], { batches: { ordered: true } })] };

describe("a handler with concurrency", () => {
  test("processes that many batches at once, and stores each when it is done: results are in the order of the input", async () => {
    let first = new Gate();
    const step = handler("step", {
      concurrency: 3,
      processBatch: (payload) => (payload === 0 ? first.pass().then(() => payload) : payload),
      finalize: async (ctx) => {
        const outputs: unknown[] = [];
        for await (const output of ctx.outputs()) outputs.push(output);
        return outputs;
      },
      result: z.json(),
    });
    const join = handler("join");
    for (const pageSize of [2, 256]) {
      const { engine, artifacts } = await testEngine([source("source", numbers(20)), step, join], { pageSize });
      const gather = node("join", ["step"], { adapter: "pull.gather" });
      const task = await engine.run({ nodes: [...graph.nodes, gather] });
      await until(async () => (await task.status()).nodes[1]?.batches === 19, "all but the first are stored");
      first.open();
      expect(await task.result()).toEqual({ join: [{ step: numbers(20) }] });
      expect((await task.status()).nodes[1]?.result).toEqual(numbers(20));
      expect((await artifacts(task.id, "step")).map(({ meta }) => meta)).toEqual([...numbers(20).slice(1), 0]);
      first = new Gate();
    }
  });

  test("under ordered, processes as many, and stores them in the order of the input", async () => {
    const crowd = new Crowd();
    const gates = numbers(6).map(() => new Gate());
    const step = handler("step", {
      concurrency: 3,
      async processBatch(payload, ctx) {
        await crowd.during(() => gates[Number(payload)]?.pass() ?? Promise.resolve());
        ctx.metrics.add("value", Number(payload));
        return payload;
      },
    });
    const { engine, artifacts } = await testEngine([source("source", numbers(6)), step]);
    const task = await engine.run(ordered);
    await until(() => crowd.now === 3, "three batches are at work");
    gates[2]?.open();
    gates[1]?.open();
    await until(() => gates.filter(({ arrived }) => arrived === 1).length === 5, "two more are");
    expect(await artifacts(task.id, "step")).toEqual([]); // batch 0 is not done
    for (const gate of gates) gate.open();
    await task.result();
    expect((await artifacts(task.id, "step")).map(({ seq, meta, metrics }) => ({ seq, meta, metrics }))).toEqual(
      numbers(6).map((value) => ({ seq: value, meta: value, metrics: { value } })),
    );
    expect(crowd.most).toBe(3);
  });

  test("under ordered, a slow batch blocks the others once as many are done behind it", async () => {
    const first = new Gate();
    const began: number[] = [];
    const step = handler("step", {
      concurrency: 2,
      async processBatch(payload) {
        began.push(Number(payload));
        if (payload === 0) await first.pass();
        return payload;
      },
    });
    const { engine } = await testEngine([source("source", numbers(20)), step]);
    const task = await engine.run(ordered);
    await until(() => began.length === 4, "it has four in hand");
    await new Promise((resolve) => setImmediate(resolve));
    expect(began).toEqual([0, 1, 2, 3]);
    first.open();
    expect(await task.result()).toEqual({ step: numbers(20) });
  });

  test("also processes batches of its own source, each uid with its own context", async () => {
    const crowd = new Crowd();
    const make = handler("source", {
      concurrency: 4,
      iterBatches: () => numbers(12).map((value) => ({ uid: `u${value}`, payload: value })),
      async processBatch(payload, ctx) {
        await crowd.during(async () => {
          for (let turn = Number(payload); turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
        });
        return ctx.uid;
      },
    });
    const { engine } = await testEngine([make]);
    const result = await (await engine.run({ nodes: [node("source")] })).result();
    expect(result).toEqual({ source: numbers(12).map((value) => `u${value}`) });
    expect(crowd.most).toBe(4);
  });

  test("without it, processes one batch after another", async () => {
    const crowd = new Crowd();
    const step = handler("step", {
      async processBatch(payload) {
        await crowd.during(() => new Promise((resolve) => setImmediate(resolve)));
        return payload;
      },
    });
    const { engine } = await testEngine([source("source", numbers(5)), step]);
    await (await engine.run(graph)).result();
    expect(crowd.most).toBe(1);
  });
});

describe("an error of one batch", () => {
  test("does not affect the others: it alone is tried again, and each is processed once more only if it failed", async () => {
    const processed: unknown[] = [];
    const step = handler("step", {
      concurrency: 4,
      async processBatch(payload, ctx) {
        await null;
        processed.push(payload);
        if (ctx.tries <= Number(payload) % 3) throw new Error("again");
        if (ctx.signal.aborted) throw new Error("nothing aborts it");
        return payload;
      },
    });
    const { engine, record } = await testEngine([source("source", numbers(9)), step]);
    const task = await engine.run({ nodes: [node("source"), node("step", ["source"], { retry_policy: atOnce })] });
    expect(await task.result()).toEqual({ step: numbers(9) });
    expect(processed.toSorted()).toEqual(numbers(9).flatMap((n) => Array<number>((n % 3) + 1).fill(n)));
    expect(await record(task.id, "step")).toMatchObject({ epoch: 1, failures: 0 });
  });

  test("that is permanent aborts the others; what they still return is stored, and nothing more begins", async () => {
    const ready = new Gate();
    const began: unknown[] = [];
    const step = handler("step", {
      concurrency: 4,
      async processBatch(payload, ctx) {
        began.push(payload);
        if (began.length === 4) ready.open();
        await ready.pass();
        if (payload === 2) throw new PermanentError("broken");
        await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
        if (payload === 3) throw ctx.signal.reason;
        return payload;
      },
    });
    const { engine, artifacts } = await testEngine([source("source", numbers(8)), step]);
    const task = await engine.run(graph);
    const failed = { reasonCode: "broken", batchUid: "2", tries: 1 };
    await expect(task.result()).rejects.toMatchObject({ details: failed });
    expect(began).toEqual(numbers(4));
    expect((await artifacts(task.id, "step")).map(({ meta }) => meta).toSorted()).toEqual([0, 1]);
  });

  test("is the failure, with the batch's uid, whatever the aborted ones throw", async () => {
    const step = handler("step", {
      concurrency: 3,
      async processBatch(payload, ctx) {
        if (payload === 1) throw new PermanentError("broken");
        await new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve(), { once: true }));
        throw new PermanentError("told_to_stop");
      },
    });
    const { engine } = await testEngine([source("source", numbers(8)), step]);
    const task = await engine.run(graph);
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "broken", batchUid: "1" } });
  });

  test("ends an input that has nothing to deliver", async () => {
    const never = new Gate();
    const slow = handler("source", {
      async *iterBatches(_args, ctx) {
        yield { payload: 1 };
        await never.pass(ctx.signal);
      },
    });
    const step = handler("step", {
      concurrency: 2,
      async processBatch() {
        await until(() => never.arrived === 1);
        throw new PermanentError("broken");
      },
    });
    const { engine } = await testEngine([slow, step]);
    const task = await engine.run({
      nodes: [node("source"), node("step", ["source"], { start: "first_batch" })],
    });
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "broken" } });
    expect(never.arrived).toBe(1);
  });

  test("ends a waiting iterBatches", async () => {
    const never = new Gate();
    let seen: AbortSignal | undefined;
    const make = handler("source", {
      concurrency: 2,
      async *iterBatches(_args, ctx) {
        seen = ctx.signal;
        yield { payload: 1 };
        await never.pass();
      },
      async processBatch() {
        await until(() => never.arrived === 1);
        throw new PermanentError("broken");
      },
    });
    const { engine } = await testEngine([make]);
    const task = await engine.run({ nodes: [node("source")] });
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "broken", batchUid: "0" } });
    expect(seen?.aborted).toBe(true);
  });

  test("an error of iterBatches: the batches before it are stored, and it belongs to none of them", async () => {
    const made = new Gate();
    const make = handler("source", {
      concurrency: 3,
      *iterBatches() {
        yield { payload: 1 };
        yield { payload: 2 };
        made.open();
        throw new PermanentError("no_more");
      },
      async processBatch(payload) {
        await made.pass();
        return payload;
      },
    });
    const { engine, artifacts } = await testEngine([make]);
    const task = await engine.run({ nodes: [node("source")] });
    const error = await task.result().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ details: { reasonCode: "no_more" } });
    expect(error).not.toHaveProperty("details.batchUid");
    expect((await artifacts(task.id, "source")).map(({ meta }) => meta)).toEqual([1, 2]);
  });
});

describe("with several pending batches", () => {
  test("a source that restarts withdraws them: they do not enter the new output", async () => {
    const time = stillTime();
    const old = new Gate();
    const oldStored = new Gate();
    let restartSeen = 0;
    const state = new MemoryState();
    const store = memoryStore({
      state,
      observe: (event) => {
        if (event.kind === "artifact" && event.ref.nodeId === "step" && event.generation === 0) oldStored.open();
        if (event.kind === "restarted" && event.record.nodeId === "step") restartSeen++;
      },
    });
    const make = handler("source", {
      resumable: false,
      async *iterBatches(_args, ctx) {
        yield { payload: `${ctx.epoch}:0` };
        if (ctx.epoch > 1) return;
        await until(() => old.arrived === 1);
        throw new Error("again");
      },
    });
    const step = handler("step", {
      concurrency: 2,
      async processBatch(payload) {
        if (payload === "1:0") await old.pass();
        return payload;
      },
    });
    const { engine } = await testEngine([make, step], { state, store });
    const task = await engine.run({
      nodes: [node("source", [], { retry_policy: atOnce }), node("step", ["source"], { start: "first_batch" })],
    });
    await until(async () => (await task.status()).nodes[0]?.status === "finished");
    await time.pass(10_000); // longer than a consumer waits between two polls
    expect(restartSeen).toBe(0);
    old.open();
    expect(await task.result()).toEqual({ step: ["2:0"] });
    await oldStored.pass();
  });

  test("a timeout releases all of them, and blames none", async () => {
    const time = stillTime();
    const never = new Gate();
    const step = handler("step", {
      concurrency: 3,
      async processBatch() {
        await never.pass();
      },
    });
    const { engine } = await testEngine([source("source", numbers(3)), step]);
    const task = await engine.run({
      nodes: [node("source"), node("step", ["source"], { timeout_sec: 0.05, retry_policy: { max: 0, ...atOnce } })],
    });
    await until(() => never.arrived === 3, "all of them are at work");
    await time.pass(50);
    const error = await task.result().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ details: { reasonCode: "timeout" } });
    expect(error).not.toHaveProperty("details.batchUid");
  });

  test("a cancel waits for those that respond to it", async () => {
    const step = handler("step", {
      concurrency: 2,
      processBatch: (_payload, ctx) =>
        new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
    });
    const { engine, record } = await testEngine([source("source", numbers(4)), step]);
    const task = await engine.run(graph);
    await until(async () =>
      (await task.status()).nodes.some(({ status, nodeId }) => nodeId === "step" && status === "running"),
    );
    await task.cancel();
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
    expect((await record(task.id, "step")).status).toBe("cancelled");
  });
});
