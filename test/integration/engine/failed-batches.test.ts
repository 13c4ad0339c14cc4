import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { shardOf } from "../../../src/core/worker/input/index.ts";
import { PermanentError, RetryableError } from "../../../src/errors/index.ts";
import { noTicks, testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { testRoles } from "../../helpers/roles.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

const setsAside = { retry_policy: { max: 1, ...atOnce }, batches: { on_failure: "set_aside" } } as const;

/** Fails at each try of these batches. */
const failingAt = (name: string, bad: readonly number[], more = {}) =>
  handler(name, {
    processBatch: (n: unknown) => {
      if (bad.includes(Number(n))) throw new RetryableError("refused", `no ${n}`);
      return n;
    },
    ...more,
  });

describe("a batch that failed for good", () => {
  test("is set aside after its last try: the others and the nodes behind go on", async () => {
    const { engine, artifacts, record } = await testEngine([
      source("src", numbers(5)),
      failingAt("step", [1, 3]),
      handler("keep"),
    ]);
    const task = await engine.run(
      graphOf(node("src"), node("step", ["src"], setsAside), node("keep", ["step"], { start: "first_batch" })),
    );
    expect(await task.result()).toEqual({ keep: [0, 2, 4] });
    const log = await artifacts(task.id, "step");
    expect(log).toHaveLength(5);
    expect(log.filter(({ failure }) => failure !== undefined)).toMatchObject([
      { uid: "1", meta: null, failure: { reasonCode: "refused", message: "no 1", tries: 2 } },
      { uid: "3", meta: null, failure: { reasonCode: "refused", message: "no 3", tries: 2 } },
    ]);
    expect(await record(task.id, "step")).toMatchObject({ count: 5, failedBatches: 2, failures: 0 });
    const { nodes } = await task.status();
    expect(nodes[1]).toMatchObject({ status: "finished", batches: 3, failedBatches: 2, waitingBatches: 0 });
  });

  test("starts nodes that wait for a first batch, as it is the first entry of the log", async () => {
    const begun = new Gate();
    const step = handler("step", {
      async processBatch(n) {
        if (n === 0) throw new PermanentError("refused");
        await begun.pass();
        return n;
      },
    });
    const keep = handler("keep", { loadInput: () => begun.open() });
    const { engine } = await testEngine([source("src", numbers(2)), step, keep], noTicks);
    const task = await engine.run(
      graphOf(node("src"), node("step", ["src"], setsAside), node("keep", ["step"], { start: "first_batch" })),
    );
    expect(await task.result()).toEqual({ keep: [1] });
  });

  test("of a source keeps its payload", async () => {
    const made = source("made", [{ id: 1 }, { id: 2 }], {
      processBatch: (row) => {
        throw new PermanentError("broken", JSON.stringify(row));
      },
    });
    const { engine, artifacts } = await testEngine([made]);
    const task = await engine.run(graphOf(node("made", [], setsAside)));
    expect(await task.result()).toEqual({ made: [] });
    expect(await artifacts(task.id, "made")).toMatchObject([
      { meta: { id: 1 }, failure: { tries: 1 } },
      { meta: { id: 2 }, failure: { tries: 1 } },
    ]);
  });

  test("is left out of gathers, functions and finalize", async () => {
    const summed = failingAt("step", [1], {
      result: z.json(),
      finalize: async (ctx: { batchCount: number; failedBatches: number; outputs(): AsyncIterable<unknown> }) => {
        const outputs: unknown[] = [];
        for await (const output of ctx.outputs()) outputs.push(output);
        return { outputs, batches: ctx.batchCount, failed: ctx.failedBatches };
      },
    });
    const { engine } = await testEngine([source("src", numbers(3)), summed, handler("all")]);
    const task = await engine.run(
      graphOf(node("src"), node("step", ["src"], setsAside), node("all", ["step"], { adapter: "pull.gather" }), {
        node_id: "merged",
        type: "coordinator_fn",
        depends_on: ["step"],
        io: { fn: "merge.generic", fn_args: { from_nodes: ["step"], target: { key: "m" } } },
      }),
    );
    expect(await task.result()).toEqual({ all: [{ step: [0, 2] }], merged: { m: 2 } });
    expect((await task.status()).nodes[1]).toMatchObject({ result: { outputs: [0, 2], batches: 2, failed: 1 } });
  });

  test("fails the node once more are set aside than it tolerates", async () => {
    const { engine, record, artifacts } = await testEngine([source("src", numbers(6)), failingAt("step", [1, 2, 4])]);
    const policy = { ...setsAside, batches: { on_failure: "set_aside", tolerate_batches: 2 } } as const;
    const task = await engine.run(graphOf(node("src"), node("step", ["src"], policy)));
    await expect(task.result()).rejects.toMatchObject({
      message: expect.stringContaining(
        "at node 'step', batch '4': too_many_failed_batches: refused: no 4 (2 batches were set aside before it, which is as many as tolerated)",
      ),
      details: { nodeId: "step", reasonCode: "too_many_failed_batches", batchUid: "4" },
    });
    expect((await artifacts(task.id, "step")).filter(({ failure }) => failure !== undefined)).toHaveLength(2);
    expect(await record(task.id, "step")).toMatchObject({ status: "failed" });
    expect((await task.status()).nodes[1]).toMatchObject({ batches: 2, failedBatches: 2 });
  });

  test.each([
    [0.5, "finished"],
    [0.3, "failed"],
  ])("is tolerated up to a share of %s, judged at the end", async (share, status) => {
    const { engine } = await testEngine([source("src", numbers(5)), failingAt("step", [0, 1])]);
    const policy = { ...setsAside, batches: { on_failure: "set_aside", tolerate_share: share } } as const;
    const task = await engine.run(graphOf(node("src"), node("step", ["src"], policy)));
    const { failure, ...view } = await task.wait();
    expect(view.status).toBe(status);
    if (status === "failed") {
      expect(failure).toMatchObject({
        reasonCode: "too_many_failed_batches",
        message: "2 of 5 batches were set aside, more than a share of 0.3",
      });
    }
  });

  test("is set aside in its place under 'ordered'", async () => {
    const { engine, artifacts } = await testEngine([
      source("src", numbers(4)),
      failingAt("step", [1], { concurrency: 4 }),
    ]);
    const policy = { ...setsAside, batches: { on_failure: "set_aside", ordered: true } } as const;
    const task = await engine.run(graphOf(node("src"), node("step", ["src"], policy)));
    expect(await task.result()).toEqual({ step: [0, 2, 3] });
    expect((await artifacts(task.id, "step")).map(({ uid }) => uid)).toEqual(["0", "1", "2", "3"]);
  });

  test("is not set aside for a uid that its source yields twice: the node fails", async () => {
    const twice = source("src", [], { iterBatches: () => [1, 2].map((payload) => ({ uid: "same", payload })) });
    const { engine } = await testEngine([twice]);
    const task = await engine.run(graphOf(node("src", [], setsAside)));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "duplicate_uid" } });
  });
});

describe("engine.failedBatches", () => {
  test("returns what was set aside, with what each batch consisted of", async () => {
    const chunked = handler("chunked", {
      processBatch: (payload) => {
        if (String(payload) === "2,3") throw new RetryableError("refused", "no 2,3");
        return payload;
      },
    });
    const { engine } = await testEngine([source("src", [{ items: [0, 1, 2, 3] }, { items: [4] }]), chunked]);
    const rechunk = { adapter: "pull.rechunk", adapterArgs: { size: 2, meta_list_key: "items" } };
    const task = await engine.run(graphOf(node("src"), node("chunked", ["src"], { ...setsAside, ...rechunk })));
    expect(await task.result()).toEqual({ chunked: [[0, 1], [4]] });
    expect(await collect(engine.failedBatches(task, "chunked"))).toEqual([
      {
        uid: "0.1",
        shard: 0,
        reasonCode: "refused",
        message: "no 2,3",
        tries: 2,
        stack: expect.stringContaining("no 2,3"),
        input: [2, 3],
      },
    ]);
    expect(await collect(engine.failedBatches(task.id, "src"))).toEqual([]);
    await expect(collect(engine.failedBatches(task, "other"))).rejects.toMatchObject({ code: "NODE_UNKNOWN" });
    await expect(collect(engine.failedBatches("nobody", "src"))).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
  });

  test("has the payload of a source's own batch, and the arguments of a node without input", async () => {
    const refuse = () => {
      throw new PermanentError("refused");
    };
    const alone = handler("alone", { input: z.json(), processBatch: refuse });
    const { engine } = await testEngine([source("made", [{ id: 7 }], { processBatch: refuse }), alone]);
    const task = await engine.run(
      graphOf(node("made", [], setsAside), node("alone", [], { ...setsAside, args: { day: 1 } })),
    );
    await task.result();
    const inputs = async (id: string) => (await collect(engine.failedBatches(task, id))).map(({ input }) => input);
    expect(await inputs("made")).toEqual([{ id: 7 }]);
    expect(await inputs("alone")).toEqual([{ day: 1 }]);
  });

  test("has the whole payload of a gather", async () => {
    const all = handler("all", {
      processBatch: () => {
        throw new PermanentError("refused");
      },
    });
    const { engine } = await testEngine([source("src", [1]), all]);
    const task = await engine.run(graphOf(node("src"), node("all", ["src"], { ...setsAside, adapter: "pull.gather" })));
    await task.result();
    const [failed] = await collect(engine.failedBatches(task, "all"));
    expect(failed).toMatchObject({ uid: "all", reasonCode: "refused", input: { src: [1] } });
  });
});

describe("engine.retryBatches", () => {
  /** A service that rejects some batches until it is repaired. */
  function service(...bad: readonly number[]) {
    const refused = new Set<unknown>(bad);
    const calls: unknown[] = [];
    const ask = (n: unknown) => {
      calls.push(n);
      if (refused.has(n)) throw new PermanentError("refused", `no ${n}`);
      return n;
    };
    return { refused, calls, ask };
  }

  test.each([
    ["memory", () => memoryStore({ state: new MemoryState() })],
    ["SQLite", () => sqliteStore(join(tempFolder(), "tasks.db"))],
  ])("processes only what was set aside, and what reads it anew: on %s", async (_, open) => {
    const { refused, calls, ask } = service(1, 3);
    const seen: unknown[] = [];
    const noted = (n: unknown) => {
      seen.push(n);
      return n;
    };
    const handlers = [
      source("src", numbers(5), { processBatch: (n) => noted(n) }),
      handler("step", { processBatch: ask }),
      handler("keep"),
      handler("beside", { processBatch: (n) => noted(n) }),
    ];
    const { engine } = await testEngine(handlers, { store: open() });
    const graph = graphOf(
      node("src"),
      node("step", ["src"], setsAside),
      node("keep", ["step"], { start: "first_batch" }),
      node("beside", ["src"]),
    );
    const task = await engine.run(graph);
    expect(await task.result()).toMatchObject({ keep: [0, 2, 4] });
    refused.clear();
    calls.length = 0;
    seen.length = 0;
    const again = await engine.retryBatches(task, "step");
    expect(await again.result()).toEqual({ keep: numbers(5), beside: numbers(5) });
    expect(calls.toSorted()).toEqual([1, 3]);
    expect(seen).toEqual([]);
    const { nodes, retryOf } = await again.status();
    expect(retryOf).toBe(task.id);
    expect(nodes[1]).toMatchObject({ batches: 5, failedBatches: 0, carriedBatches: 3 });
    expect(await task.result()).toMatchObject({ keep: [0, 2, 4] });
  });

  test("retries the named ones, and keeps the others set aside", async () => {
    const { refused, calls, ask } = service(1, 3);
    const { engine, artifacts } = await testEngine([source("src", numbers(5)), handler("step", { processBatch: ask })]);
    const task = await engine.run(graphOf(node("src"), node("step", ["src"], setsAside)));
    await task.result();
    refused.clear();
    calls.length = 0;
    const again = await engine.retryBatches(task.id, "step", { uids: ["3"] });
    expect(await again.result()).toEqual({ step: [0, 2, 3, 4] });
    expect(calls).toEqual([3]);
    const uids = (await artifacts(again.id, "step")).map(({ uid, failure }) => [uid, failure !== undefined]);
    expect(uids).toEqual([
      ["0", false],
      ["1", true],
      ["2", false],
      ["4", false],
      ["3", false],
    ]);
    expect((await again.status()).nodes[1]).toMatchObject({ batches: 4, failedBatches: 1 });
  });

  test.for([1, 2])("of a retry that began nothing: %d partitions", async (partitions) => {
    const shards = numbers(8).map((n) => shardOf(`${n}`, partitions));
    const bad = [shards.indexOf(0), shards.lastIndexOf(partitions - 1)];
    const { refused, calls, ask } = service(...bad);
    const { coordinator, worker, client } = testRoles();
    const handlers = [source("src", numbers(8)), handler("step", { processBatch: ask })];
    await coordinator(["src", "step"]);
    const first = await worker(handlers);
    const caller = await client(["src", "step"]);
    const task = await caller.run(graphOf(node("src"), node("step", ["src"], { ...setsAside, partitions })));
    expect((await task.result()).step).toHaveLength(6);
    await first.stop();
    refused.clear();
    calls.length = 0;
    const [one, other] = bad.map(String) as [string, string];
    const waiting = await caller.retryBatches(task, "step", { uids: [one] });
    await until(async () => (await waiting.status()).nodes[1]?.status === "queued", "its dispatch");
    await waiting.cancel();
    await waiting.wait();
    const again = await caller.retryBatches(waiting, "step", { uids: [other] });
    await worker(handlers);
    expect((await again.result()).step).toEqual(expect.arrayContaining(numbers(8)));
    expect(calls.toSorted()).toEqual(bad.toSorted());
  });

  test("counts against the tolerance only what is set aside again", async () => {
    const { ask } = service(1, 3);
    const { engine } = await testEngine([source("src", numbers(5)), handler("step", { processBatch: ask })]);
    const policy = { ...setsAside, batches: { on_failure: "set_aside", tolerate_batches: 2 } } as const;
    const task = await engine.run(graphOf(node("src"), node("step", ["src"], policy)));
    await task.result();
    const again = await engine.retryBatches(task, "step");
    expect(await again.result()).toEqual({ step: [0, 2, 4] });
    expect((await again.status()).nodes[1]).toMatchObject({ batches: 3, failedBatches: 2 });
    const third = await engine.retryBatches(again, "step"); // of the retry's own log
    expect(await third.result()).toEqual({ step: [0, 2, 4] });
  });

  test("of a source asks it again for these batches alone, although it has a checkpoint", async () => {
    const { refused, calls, ask } = service(1);
    const made = source("made", [], {
      async *iterBatches(_args, ctx) {
        const from = Number((await ctx.checkpoint.get()) ?? 0);
        for (let n = from; n < 4; n++) {
          yield { uid: `b${n}`, payload: n };
          await ctx.checkpoint.set(n + 1);
        }
      },
      processBatch: ask,
    });
    const { engine } = await testEngine([made]);
    const task = await engine.run(graphOf(node("made", [], setsAside)));
    expect(await task.result()).toEqual({ made: [0, 2, 3] });
    refused.clear();
    calls.length = 0;
    expect(await (await engine.retryBatches(task, "made")).result()).toEqual({ made: numbers(4) });
    expect(calls).toEqual([1]);
  });

  test("under 'ordered' goes on from the first of them", async () => {
    const { refused, calls, ask } = service(2);
    const { engine, artifacts } = await testEngine([source("src", numbers(5)), handler("step", { processBatch: ask })]);
    const policy = { ...setsAside, batches: { on_failure: "set_aside", ordered: true } } as const;
    const task = await engine.run(graphOf(node("src"), node("step", ["src"], policy)));
    await task.result();
    refused.clear();
    calls.length = 0;
    const again = await engine.retryBatches(task, "step");
    expect(await again.result()).toEqual({ step: numbers(5) });
    expect(calls).toEqual([2, 3, 4]);
    expect((await artifacts(again.id, "step")).map(({ uid }) => uid)).toEqual(["0", "1", "2", "3", "4"]);
  });

  test("needs a task that has ended, and failed batches", async () => {
    const gate = new Gate();
    const slow = handler("slow", { processBatch: () => gate.pass() });
    const { ask } = service(1);
    const { engine } = await testEngine([source("src", numbers(2)), slow, handler("step", { processBatch: ask })]);
    const running = await engine.run(graphOf(node("src"), node("slow", ["src"])));
    await expect(engine.retryBatches(running, "slow")).rejects.toMatchObject({ code: "TASK_OPEN" });
    gate.open();
    const task = await engine.run(graphOf(node("src"), node("step", ["src"], setsAside)));
    await task.result();
    await expect(engine.retryBatches(task, "src")).rejects.toMatchObject({
      code: "BATCH_UNKNOWN",
      message: `node 'src' of task ${task.id} has no failed batch`,
    });
    await expect(engine.retryBatches(task, "step", { uids: ["1", "0"] })).rejects.toMatchObject({
      code: "BATCH_UNKNOWN",
      message: `node 'step' of task ${task.id} has no failed batch '0'`,
    });
    await expect(engine.retryBatches(task, "step", { uids: [] })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
    await expect(engine.retryBatches(task, "other")).rejects.toMatchObject({ code: "NODE_UNKNOWN" });
    await expect(engine.retryBatches("nobody", "step")).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
  });
});

describe("while batches wait for their next try", () => {
  test("status and explain show them", async () => {
    const time = stillTime();
    const once = handler("once", {
      processBatch: (n, ctx) => {
        if (ctx.tries === 1 && n !== 0) throw new Error("once");
        return n;
      },
    });
    const { engine } = await testEngine([source("src", numbers(3)), once]);
    const task = await engine.run(
      graphOf(node("src"), node("once", ["src"], { retry_policy: { backoff_sec: 60, jitter: 0 } })),
    );
    await time.during(until(async () => (await task.status()).nodes[1]?.status === "deferred"));
    expect((await task.status()).nodes[1]).toMatchObject({
      batches: 1,
      failedBatches: 0,
      waitingBatches: 2,
      failures: 0,
    });
    const { nodes } = await task.explain();
    expect(nodes[1]?.why).toMatchObject({ reason: "waiting_for_batches", batches: 2 });
    expect(nodes[1]?.text).toMatch(/^once retries the first of 2 failed batches in \d+\.\d s$/);
    await time.during(task.result());
    expect((await task.status()).nodes[1]).toMatchObject({ batches: 3, waitingBatches: 0 });
  });
});

describe("a try with a time limit", () => {
  const limited = { retry_policy: { max: 1, ...atOnce }, batches: { timeout_sec: 5 } } as const;

  test("is aborted when it exceeds it, and counts as failed", async () => {
    const time = stillTime();
    const seen: unknown[] = [];
    const slow = source("slow", numbers(2), {
      concurrency: 2,
      processBatch: async (n, ctx) => {
        if (n === 1 && ctx.tries === 1) {
          seen.push(ctx.remainingMs());
          await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
          seen.push(ctx.signal.reason instanceof Error);
          throw ctx.signal.reason;
        }
        return n;
      },
    });
    const { engine, record } = await testEngine([slow]);
    const task = await engine.run(graphOf(node("slow", [], limited)));
    expect(await time.during(task.result())).toEqual({ slow: [0, 1] });
    expect(seen).toEqual([5_000, true]);
    expect(await record(task.id, "slow")).toMatchObject({ epoch: 1, failures: 0 });
  });

  test("names the batch and the limit when it was the last", async () => {
    const time = stillTime();
    const hung = source("hung", [1], {
      processBatch: (_, ctx) =>
        new Promise((_resolve, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
    });
    const { engine } = await testEngine([hung]);
    const task = await engine.run(graphOf(node("hung", [], limited)));
    await expect(time.during(task.result())).rejects.toMatchObject({
      message: expect.stringContaining("batch '0' after 2 tries: timeout: a try exceeded its limit of 5 s"),
    });
  });

  test("occupies its slot until its code returns: another attempt continues if all slots are occupied", async () => {
    const time = stillTime();
    const gate = new Gate();
    const epochs: number[] = [];
    const deaf = source("deaf", numbers(3), {
      processBatch: async (n, ctx) => {
        epochs.push(ctx.epoch);
        if (n === 1 && ctx.tries === 1) await gate.pass(); // ignores its signal
        return n;
      },
    });
    const { engine, record } = await testEngine([deaf], { capacity: 2 });
    const task = await engine.run(graphOf(node("deaf", [], limited)));
    expect(await time.during(task.result())).toEqual({ deaf: numbers(3) });
    expect(epochs).toEqual([1, 1, 2, 2]);
    expect(await record(task.id, "deaf")).toMatchObject({ failures: 0, lost: 0 });
  });
});
