import { describe, expect, test, vi } from "vitest";
import { PermanentError, RetryableError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { until } from "../../helpers/waiting.ts";

const failing = (name: string, error: () => unknown) => {
  const processBatch = vi.fn(() => {
    throw error();
  });
  return { processBatch, definition: source(name, [1], { processBatch }) };
};

describe("a retry", () => {
  test("of a batch takes place in the same attempt: no other batch is processed again", async () => {
    const processed: [tries: number, n: unknown][] = [];
    const flaky = handler("flaky", {
      processBatch: (n, ctx) => {
        processed.push([ctx.tries, n]);
        if (ctx.tries === 1 && n === 3) throw new Error("once");
        return n;
      },
    });
    const { engine, record } = await testEngine([source("src", numbers(6)), flaky]);
    const task = await engine.run(graphOf(node("src"), node("flaky", ["src"], { retry_policy: atOnce })));
    expect(await task.result()).toEqual({ flaky: numbers(6) });
    expect(processed.toSorted()).toEqual([...numbers(6).map((n) => [1, n]), [2, 3]]);
    expect(await record(task.id, "flaky")).toMatchObject({ epoch: 1, failures: 0, count: 6 });
  });

  test("after a long wait is made by a later attempt, of the open chunk of an artifact alone", async () => {
    const time = stillTime();
    const processed: string[] = [];
    const flaky = handler("flaky", {
      processBatch: (payload, ctx) => {
        processed.push(`${ctx.epoch}:${payload}`);
        if (ctx.tries === 1 && String(payload) === "4,5") throw new Error("once");
        return payload;
      },
    });
    const { engine, record } = await testEngine([
      source("src", [{ items: [0, 1] }, { items: [2, 3, 4, 5, 6] }]),
      flaky,
    ]);
    const task = await engine.run(
      graphOf(
        node("src"),
        node("flaky", ["src"], {
          adapter: "pull.rechunk",
          adapterArgs: { size: 2, meta_list_key: "items" },
          retry_policy: { backoff_sec: 60, jitter: 0 },
        }),
      ),
    );
    await time.during(until(async () => (await task.status()).nodes[1]?.status === "deferred"));
    expect(await time.during(task.result())).toEqual({ flaky: [[0, 1], [2, 3], [4, 5], [6]] });
    expect(processed).toEqual(["1:0,1", "1:2,3", "1:4,5", "1:6", "2:4,5"]);
    expect(await record(task.id, "flaky")).toMatchObject({ failures: 0, lost: 0 });
  });

  test("after a long wait frees the slot of its node, and takes place when it is due", async () => {
    const time = stillTime();
    const flaky = source("flaky", numbers(3), {
      processBatch: (n, ctx) => {
        if (ctx.tries === 1 && n !== 1) throw new Error("once");
        return n;
      },
    });
    const { engine, record } = await testEngine([flaky, source("other", [1])], { capacity: 1 });
    const task = await engine.run(graphOf(node("flaky", [], { retry_policy: { backoff_sec: 60, jitter: 0 } })));
    await time.during(until(async () => (await task.status()).nodes[0]?.status === "deferred"));
    const { dueAt = 0, history, tries } = await record(task.id, "flaky");
    expect(dueAt - (history.at(-1)?.at ?? 0)).toBeGreaterThan(50_000);
    expect(Object.keys(tries ?? {})).toEqual(["0", "2"]);
    const other = await engine.run(graphOf(node("other")));
    expect(await time.during(other.result())).toEqual({ other: [1] });
    await time.pass(60_000);
    expect(await time.during(task.result())).toEqual({ flaky: numbers(3) });
    expect(await record(task.id, "flaky")).toMatchObject({ failures: 0, lost: 0, count: 3 });
  });

  test("of a source skips stored batches in whatever order they come, and processes new ones", async () => {
    const processed: [number, string][] = [];
    const src = handler("src", {
      *iterBatches(_args, ctx) {
        for (const uid of ctx.epoch === 1 ? ["a", "b"] : ["d", "new", "b", "a", "c"]) yield { uid, payload: uid };
        if (ctx.epoch === 1) throw new Error("once");
      },
      processBatch: (payload, ctx) => {
        processed.push([ctx.epoch, payload as string]);
        return payload;
      },
    });
    const { engine, artifacts } = await testEngine([src, handler("sink")], { pageSize: 2 });
    const task = await engine.run(
      graphOf(node("src", [], { retry_policy: atOnce }), node("sink", ["src"], { start: "first_batch" })),
    );
    await task.result();
    expect((await artifacts(task.id, "sink")).map(({ meta }) => meta)).toEqual(["a", "b", "d", "new", "c"]);
    expect(processed.filter(([epoch]) => epoch === 2).map(([, uid]) => uid)).toEqual(["d", "new", "c"]);
  });

  test("of a source that uses a uid twice still ends as duplicate_uid", async () => {
    const src = handler("src", {
      iterBatches: () => ["a", "b", "c", "a"].map((uid) => ({ uid, payload: uid })),
      processBatch: (payload, ctx) => {
        if (ctx.tries === 1 && payload === "b") throw new Error("once");
        return payload;
      },
    });
    const { engine } = await testEngine([src], { pageSize: 2 });
    const task = await engine.run(graphOf(node("src", [], { retry_policy: atOnce })));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "duplicate_uid", batchUid: "a" } });
  });

  test("upstream never delivers batches again that a consumer has read", async () => {
    const got: unknown[] = [];
    const src = source("src", [], {
      async *iterBatches(_args, ctx) {
        for (const n of numbers(9)) {
          if (ctx.epoch < 4 && n === ctx.epoch * 2) {
            await until(() => got.length === n, "the consumer to have read what there is");
            throw new Error("again");
          }
          yield { payload: n };
        }
      },
    });
    const { engine, record } = await testEngine([
      src,
      handler("sink", {
        processBatch: (n) => {
          got.push(n);
          return n;
        },
      }),
    ]);
    const task = await engine.run(
      graphOf(
        node("src", [], { retry_policy: { ...atOnce, max: 5 } }),
        node("sink", ["src"], { start: "first_batch" }),
      ),
    );
    await task.result();
    expect(got).toEqual(numbers(9));
    expect(await record(task.id, "src")).toMatchObject({ epoch: 4 });
    expect(await record(task.id, "sink")).toMatchObject({ failures: 0, generation: 0 });
  });

  test("keeps metrics exact: a batch counts once, however often it was attempted", async () => {
    const flaky = source("flaky", numbers(10), {
      processBatch: (n, ctx) => {
        ctx.metrics.add("seen", 1);
        ctx.metrics.add("sum", n as number);
        if ((n as number) % 3 === 0 && ctx.tries * 3 <= (n as number)) throw new Error("again");
        return n;
      },
      finalize: async (ctx) => {
        ctx.metrics.add("total", (await ctx.metrics.totals()).sum ?? Number.NaN);
        ctx.metrics.add("batches", ctx.batchCount);
      },
    });
    const { engine } = await testEngine([flaky]);
    const task = await engine.run(
      graphOf(
        node("flaky", [], { retry_policy: { ...atOnce, max: 9 } }),
        node("agg", ["flaky"], { fn: "metrics.aggregate", fnArgs: { node_id: "flaky" } }),
      ),
    );
    expect(await task.result()).toEqual({
      agg: {
        node_id: "flaky",
        mode: "sum",
        batches: 10,
        metrics: { seen: 10, sum: 45 },
        finalize: { total: 45, batches: 10 },
      },
    });
  });
});

describe("the number of retries", () => {
  test.for([
    { policy: { max: 0 }, tries: 1 },
    { policy: { max: 1 }, tries: 2 },
    { policy: { max: 4 }, tries: 5 },
    { policy: {}, tries: 3 },
    { policy: { max: 4, permanent_on: ["busy"] }, tries: 1 },
    { policy: { max: 1, permanent_on: ["other"] }, tries: 2 },
  ])(
    "$policy: $tries tries of a batch, and the task fails with the reason of the last one",
    async ({ policy, tries }) => {
      const { processBatch, definition } = failing("busy", () => new RetryableError("busy", "come back"));
      const after = vi.fn();
      const { engine } = await testEngine([definition, handler("after", { processBatch: after })]);
      const task = await engine.run(
        graphOf(node("busy", [], { retry_policy: { ...atOnce, ...policy } }), node("after", ["busy"])),
      );
      await expect(task.result()).rejects.toMatchObject({
        code: "TASK_FAILED",
        details: { nodeId: "busy", reasonCode: "busy", epoch: 1, batchUid: "0", tries },
      });
      expect(processBatch).toHaveBeenCalledTimes(tries);
      expect(after).not.toHaveBeenCalled();
      expect((await task.status()).nodes[0]).toMatchObject({ status: "failed", epoch: 1 });
    },
  );

  test.for([{ max: 0 }, { max: 2 }])("%o also limits the attempts that fail outside of batches", async ({ max }) => {
    const finalize = vi.fn(() => {
      throw new RetryableError("busy");
    });
    const { engine } = await testEngine([source("src", [1], { finalize })]);
    const task = await engine.run(graphOf(node("src", [], { retry_policy: { ...atOnce, max } })));
    const error = await task.result().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ details: { reasonCode: "busy", epoch: max + 1 } });
    expect(error).not.toHaveProperty("details.batchUid");
    expect(finalize).toHaveBeenCalledTimes(max + 1);
    expect((await task.status()).nodes[0]).toMatchObject({ failures: max + 1 });
  });

  test("a permanent failure is not retried, and nothing downstream starts", async () => {
    const { processBatch, definition } = failing("bad", () => new PermanentError("bad_row", "row 7 has no price"));
    const { engine, store } = await testEngine([definition, handler("child"), handler("grandchild")]);
    const task = await engine.run(graphOf(node("bad"), node("child", ["bad"]), node("grandchild", ["child"])));
    await expect(task.result()).rejects.toMatchObject({
      message: expect.stringMatching(/bad_row: row 7 has no price/),
      details: { reasonCode: "bad_row" },
    });
    expect(processBatch).toHaveBeenCalledTimes(1);
    const records = await store.readShards(task.id, ["child", "grandchild"]);
    expect(records.map(({ history }) => history.map(({ to }) => to))).toEqual([["cancelled"], ["cancelled"]]);
  });
});

describe("the delay of a retry", () => {
  test("backoff_sec 0 means no delay", async () => {
    stillTime();
    const { definition, processBatch } = failing("busy", () => new Error("again"));
    const { engine } = await testEngine([definition], { tickMs: 60_000 });
    const task = await engine.run(graphOf(node("busy", [], { retry_policy: { ...atOnce, max: 5 } })));
    await expect(task.result()).rejects.toThrow();
    expect(processBatch).toHaveBeenCalledTimes(6);
  });

  test("the delay grows by its factor up to its cap", async () => {
    const time = stillTime();
    const { definition, processBatch } = failing("busy", () => new Error("again"));
    const { engine, record } = await testEngine([definition], { tickMs: 60_000 });
    const task = await engine.run(
      graphOf(
        node("busy", [], {
          retry_policy: { max: 4, backoff_sec: 0.02, backoff_factor: 3, backoff_max_sec: 0.1, jitter: 0 },
        }),
      ),
    );
    const failed = async () => (await record(task.id, "busy")).tries?.["0"]?.failed;
    for (const [nth, delay] of [20, 60, 100, 100].entries()) {
      await until(async () => (await failed()) === nth + 1);
      await time.pass(delay - 1);
      expect(processBatch).toHaveBeenCalledTimes(nth + 1);
      await time.pass(1);
    }
    await expect(task.result()).rejects.toThrow();
    expect(processBatch).toHaveBeenCalledTimes(5);
  });

  test("afterSec replaces a shorter backoff, but not a longer one", async () => {
    stillTime();
    const dueIn = async (afterSec: number, backoffSec: number) => {
      const { definition } = failing("busy", () => new RetryableError("busy", "later", { afterSec }));
      const { engine, record } = await testEngine([definition]);
      const task = await engine.run(
        graphOf(node("busy", [], { retry_policy: { backoff_sec: backoffSec, jitter: 0 } })),
      );
      await until(async () => (await task.status()).status === "deferred");
      const { dueAt, history } = await record(task.id, "busy");
      await task.cancel();
      return (dueAt ?? Number.NaN) - (history.at(-1)?.at ?? Number.NaN);
    };
    expect(await dueIn(60, 1)).toBe(60_000);
    expect(await dueIn(1, 60)).toBe(60_000);
  });

  test.for([Number.NaN, -5, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])(
    "afterSec %d, as parsed from an invalid header, is ignored",
    async (afterSec) => {
      const flaky = source("flaky", [1], {
        processBatch: (n, ctx) => {
          if (ctx.tries === 1) throw new RetryableError("busy", "later", { afterSec });
          return n;
        },
      });
      const { engine } = await testEngine([flaky]);
      const task = await engine.run(graphOf(node("flaky", [], { retry_policy: atOnce })));
      expect(await task.result()).toEqual({ flaky: [1] });
    },
  );
});
