import { describe, expect, test } from "vitest";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { overlaid } from "../../../src/cli/serving/counted-store.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import type { AttemptContext } from "../../../src/definitions/index.ts";
import { FlowError, RetryableError } from "../../../src/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const talking = (say: (ctx: AttemptContext) => void) =>
  source("src", [1], {
    processBatch: (payload, ctx) => {
      say(ctx);
      return payload;
    },
  });

/** A memory store whose writes of logs are replaced. */
function withLogs(updateLog: (write: () => Promise<unknown>) => Promise<unknown>): Store {
  const store = memoryStore();
  const updateEntry: Store["updateEntry"] = (key, judge) => {
    const write = () => store.updateEntry(key, judge);
    return (key.kind === "task_log" ? updateLog(write) : write()) as ReturnType<typeof write>;
  };
  return overlaid(store, { updateEntry });
}

describe("what a handler logs", () => {
  test("is kept with its task, by the end of the task at the latest, and still goes to the logger", async () => {
    const step = handler("step", {
      setup: () => undefined,
      processBatch: (n, ctx) => {
        ctx.logger.child({ part: "a" }).warn({ n }, `got ${n}`);
        return n;
      },
      finalize: (ctx) => ctx.logger.info({ batches: ctx.batchCount }, "finalized"),
    });
    const { engine, logged } = await testEngine([source("src", numbers(2)), step]);
    const task = await engine.run(graphOf(node("src"), node("step", ["src"])));
    await task.wait();
    const { lines, ...page } = await task.logs();
    const at = { at: expect.any(Number), nodeId: "step", shard: 0, epoch: 1 };
    expect(lines).toEqual([
      { ...at, seq: 0, n: 1, level: "warn", message: "got 0", fields: { batchUid: "0", part: "a", n: 0 } },
      { ...at, seq: 1, n: 2, level: "warn", message: "got 1", fields: { batchUid: "1", part: "a", n: 1 } },
      { ...at, seq: 2, n: 3, level: "info", message: "finalized", fields: { batches: 2 } },
    ]);
    expect(page).toEqual({ next: 2, hasMore: false, dropped: 0 });
    expect(logged).toContainEqual({ level: "warn", fields: { n: 0 }, message: "got 0" });
  });

  test("is read in pages, by node, and by what follows", async () => {
    const { engine } = await testEngine([
      talking(({ logger }) => [1, 2, 3].map((n) => logger.info({}, `line ${n}`))),
      handler("step", { processBatch: (_, { logger }) => logger.info({}, "step") ?? null }),
    ]);
    const task = await engine.run(graphOf(node("src"), node("step", ["src"])));
    await task.wait();
    const messages = async (options: Parameters<typeof task.logs>[0]) =>
      (await task.logs(options)).lines.map(({ message }) => message);
    expect(await messages({ nodeId: "step" })).toEqual(["step"]);
    const first = await task.logs({ limit: 2, nodeId: "src" });
    expect(first).toMatchObject({ hasMore: true, lines: [{ message: "line 1" }, { message: "line 2" }] });
    expect(await messages({ nodeId: "src", after: first.next })).toEqual(["line 3"]);
    const { next } = await task.logs();
    expect(await task.logs({ after: next })).toEqual({ lines: [], next, hasMore: false, dropped: 0 });
    await expect(task.logs({ nodeId: "other" })).rejects.toMatchObject({ code: "NODE_UNKNOWN" });
    await expect(task.logs({ limit: 0 })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
    await expect(engine.task("none").logs()).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
  });

  test("is kept of each attempt, also of one that failed", async () => {
    let tries = 0;
    const { engine } = await testEngine([
      source("src", [1], {
        iterBatches: (_, ctx) => {
          ctx.logger.info({}, `attempt ${++tries}`);
          if (tries === 1) throw new RetryableError("later", "not yet");
          return [{ payload: 1 }];
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("src", [], { retry_policy: { max: 1, ...atOnce } })));
    await task.result();
    const { lines } = await task.logs();
    expect(lines.map(({ epoch, n, message }) => [epoch, n, message])).toEqual([
      [1, 1, "attempt 1"],
      [2, 1, "attempt 2"],
    ]);
  });

  test("is bounded: the oldest lines are dropped and counted, long ones are cut", async () => {
    const { engine } = await testEngine([
      talking(({ logger }) => {
        for (let n = 1; n <= 10_000; n++) logger.info({}, `line ${n}`);
        logger.info({ text: "x".repeat(100_000) }, "y".repeat(100_000));
      }),
    ]);
    const task = await engine.run(graphOf(node("src")));
    await task.wait();
    const { lines, dropped } = await task.logs();
    expect(dropped).toBe(10_001 - 250);
    expect(lines.map(({ n }) => n)).toEqual(numbers(250).map((n) => n + 9_752));
    expect(JSON.stringify(lines.at(-1)).length).toBeLessThan(3_500);
    expect(lines.at(-1)?.fields?.truncated).toMatch(/^\{"batchUid":"0","text":"xxx/);
  });

  test("may be anything", async () => {
    const cyclic: Record<string, unknown> = { big: 1n, date: new Date(0) };
    cyclic.self = cyclic;
    const { engine } = await testEngine([
      talking(({ logger }) => {
        logger.warn({ err: new RetryableError("broken", "it broke") }, "failed");
        logger.info(cyclic);
        logger.info("a message alone" as never);
        logger.info({
          get trap() {
            throw new Error("not readable");
          },
        });
      }),
    ]);
    const task = await engine.run(graphOf(node("src")));
    await task.result();
    const { lines } = await task.logs();
    expect(lines[0]?.fields?.err).toMatchObject({ message: "it broke", stack: expect.stringContaining("it broke") });
    expect(lines[1]?.fields).toMatchObject({ big: "1", date: "1970-01-01T00:00:00.000Z", self: { big: "1" } });
    expect(lines[2]).toMatchObject({ message: "a message alone", fields: { batchUid: "0" } });
    expect(lines[3]).toMatchObject({ fields: { unreadable: "not readable" } });
  });

  test.for([
    ["debug", ["d", "i", "w", "e"]],
    [undefined, ["i", "w", "e"]],
    ["error", ["e"]],
    [false, []],
  ] as const)("is kept from the level %s on", async ([keepLogs, kept]) => {
    const say = ({ logger }: AttemptContext) => {
      logger.debug({}, "d");
      logger.info({}, "i");
      logger.warn({}, "w");
      logger.error({}, "e");
    };
    const step = source("src", [1], { loadInput: (_, ctx) => say(ctx) });
    const options = keepLogs === undefined ? {} : { keepLogs };
    const { engine } = await testEngine([step], { ...options, mayLogErrors: true });
    const task = await engine.run(graphOf(node("src")));
    await task.result();
    expect((await task.logs()).lines.map(({ message }) => message)).toEqual(kept);
  });
});

describe("if log lines cannot be stored", () => {
  test("nothing fails, one warning is logged, and they are stored once the store is reachable", async () => {
    let isReachable = false;
    let refused = 0;
    const store = withLogs((write) => {
      if (isReachable) return write();
      refused++;
      return Promise.reject(new FlowError("STORE_UNAVAILABLE", "no connection", { retryable: true }));
    });
    const gate = new Gate();
    const { engine, logged } = await testEngine(
      [
        talking(({ logger }) => logger.info({}, "first")),
        handler("wait", {
          processBatch: async (payload) => {
            await gate.pass();
            return payload;
          },
        }),
      ],
      { store },
    );
    const task = await engine.run(graphOf(node("src"), node("wait", ["src"])));
    await until(() => refused > 2 && gate.arrived === 1);
    const warnings = () => logged.filter(({ message = "" }) => message.startsWith("log lines of handlers"));
    expect(warnings()).toHaveLength(1);
    isReachable = true;
    await until(async () => (await task.logs()).lines.length === 1);
    gate.open();
    await task.result();
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatchObject({ level: "warn", fields: { taskId: task.id } });
  });

  test("for another reason, they are lost, and nothing else is", async () => {
    let isRefused = true;
    const store = withLogs((write) => {
      if (!isRefused) return write();
      isRefused = false;
      return Promise.reject(new Error("out of space"));
    });
    const say = ({ logger }: AttemptContext) => logger.info({}, "line");
    const { engine, logged } = await testEngine([talking(say)], { store });
    const lost = await engine.run(graphOf(node("src")));
    await lost.result();
    await until(() => logged.some(({ message = "" }) => message.endsWith("they are lost")));
    const kept = await engine.run(graphOf(node("src")));
    await kept.result();
    expect((await kept.logs()).lines).toHaveLength(1);
  });
});

test("lines that arrive after their task was deleted leave nothing behind", async () => {
  const store = overlaid(memoryStore(), { close: async () => {} });
  const cleaned = new Gate();
  const { engine } = await testEngine(
    [
      source("src", [1], {
        loadInput: async (_, { logger, signal }) => {
          await new Promise((done) => signal.addEventListener("abort", done));
          await cleaned.pass(); // ignores its signal
          logger.info({}, "late");
        },
      }),
    ],
    { store, cancelGraceMs: 0, tickMs: 5 },
  );
  const task = await engine.run(graphOf(node("src")));
  await until(async () => (await task.status()).status === "running");
  await task.cancel();
  await task.wait();
  await engine.delete(task.id);
  cleaned.open();
  await engine.stop();
  expect((await store.listEntries("task_log", { limit: 5 })).items).toEqual([]);
});

test("the lines of an engine that stops are stored, on SQLite too", async () => {
  const store = sqliteStore(":memory:");
  await store.open();
  const gate = new Gate();
  const { engine } = await testEngine(
    [
      source("src", [1], {
        processBatch: async (payload, ctx) => {
          ctx.logger.info({}, "before the stop");
          await gate.pass(ctx.signal);
          return payload;
        },
      }),
    ],
    { store: overlaid(store, { open: async () => {}, close: async () => {} }) },
  );
  const task = await engine.run(graphOf(node("src")));
  await until(() => gate.arrived === 1);
  await engine.stop({ graceMs: 0 });
  const log = await store.updateEntry({ kind: "task_log", id: task.id }, (entry) => ({ answer: entry?.value }));
  expect(log).toMatchObject({ lines: [{ message: "before the stop" }] });
  await store.close();
});
