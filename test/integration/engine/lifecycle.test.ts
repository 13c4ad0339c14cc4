import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { noTicks, type TestEngine, testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { runProcess } from "../../helpers/run-process.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

const stopped = { code: "ENGINE_STOPPED" };
const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;

const recordIfAny = (record: TestEngine["record"], taskId: string, nodeId: string) =>
  record(taskId, nodeId).catch(() => undefined);

describe("stopping an engine", () => {
  test("lets running batches end within the grace period", async () => {
    const gate = new Gate();
    const { engine, record } = await testEngine([source("a", [1], { processBatch: (n) => gate.pass().then(() => n) })]);
    const task = await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    const stop = engine.stop({ graceMs: 60_000 });
    gate.open();
    await stop;
    expect(await record(task.id, "a")).toMatchObject({ status: "finished", count: 1 });
  });

  test.for([1, 3])("begins no further batch, whatever the grace period: concurrency %d", async (concurrency) => {
    const gate = new Gate();
    const { engine, record, artifacts } = await testEngine([
      source("a", numbers(9), { concurrency, processBatch: (n) => gate.pass().then(() => n) }),
    ]);
    const task = await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === concurrency);
    const stop = engine.stop({ graceMs: 600_000 });
    gate.open();
    await stop;
    expect(gate.arrived).toBe(concurrency);
    expect(await record(task.id, "a")).toMatchObject({ yields: 1, failures: 0, lost: 0 });
    expect((await artifacts(task.id, "a")).map(({ meta }) => meta)).toEqual(numbers(concurrency));
  });

  test("does not wait out the grace period for a source that waits for its next batch: its signal is aborted", async () => {
    const waits = new Gate();
    const told: unknown[] = [];
    const { engine, record } = await testEngine([
      source("a", [], {
        async *iterBatches(_args, ctx) {
          yield { payload: 1 };
          ctx.signal.addEventListener("abort", () => told.push("aborted"));
          await waits.pass(ctx.signal);
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("a")));
    await until(() => waits.arrived === 1);
    await engine.stop({ graceMs: 600_000 });
    expect(told).toEqual(["aborted"]);
    expect(await record(task.id, "a")).toMatchObject({ yields: 1, failures: 0, lost: 0 });
  });

  test("does not wait out the grace period for a consumer that waits for its source", async () => {
    const waits = new Gate();
    const { engine, record } = await testEngine([
      source("a", [], {
        async *iterBatches() {
          yield { payload: 1 };
          await waits.pass();
        },
      }),
      handler("b"),
    ]);
    const task = await engine.run(graphOf(node("a"), node("b", ["a"], { start: "first_batch" })));
    await until(() => waits.arrived === 1);
    await until(async () => (await recordIfAny(record, task.id, "b"))?.status === "running");
    await engine.stop({ graceMs: 600_000 });
    for (const id of ["a", "b"]) expect(await record(task.id, id)).toMatchObject({ yields: 1, failures: 0, lost: 0 });
  });

  test("releases a producer that waits for its consumer at once, while a batch of the consumer still runs", async () => {
    const gate = new Gate();
    const isRead = new Gate();
    let processed = 0;
    const { engine, record } = await testEngine([
      source("a", [], {
        iterBatches: () => paced(numbers(9), async (index) => index === 0 || isRead.pass()),
        processBatch: (n) => {
          processed++;
          return n;
        },
      }),
      handler("b", { processBatch: (n) => gate.pass().then(() => n) }),
    ]);
    const a = node("a");
    const limited = { ...a, io: { ...a.io, max_pending_batches: 2 } };
    const task = await engine.run(graphOf(limited, node("b", ["a"], { start: "first_batch" })));
    await until(() => gate.arrived === 1);
    isRead.open();
    await until(() => processed === 3); // two of them are stored
    const stop = engine.stop({ graceMs: 600_000 });
    await until(async () => (await record(task.id, "a")).yields === 1);
    expect((await record(task.id, "b")).status).toBe("running");
    gate.open();
    await stop;
    expect(await record(task.id, "b")).toMatchObject({ yields: 1, failures: 0, lost: 0 });
  });

  test("releases the rest after the grace period, and starts nothing new in the meantime", async () => {
    const gate = new Gate();
    const { engine, record, store } = await testEngine([
      source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
      source("deaf", [1], { processBatch: () => gate.pass() }),
      handler("b"),
    ]);
    const task = await engine.run(graphOf(node("a"), node("deaf"), node("b", ["a"])));
    await until(() => gate.arrived === 2);
    await engine.stop({ graceMs: 5 });
    for (const id of ["a", "deaf"]) {
      expect(await record(task.id, id)).toMatchObject({ failures: 0, lost: 0, yields: 1 });
      expect(["deferred", "queued"]).toContain((await record(task.id, id)).status);
    }
    expect(await store.readShards(task.id, ["b"])).toEqual([]);
  });

  test("rejects all waiters for a task, and all later ones", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([
      source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
    ]);
    const task = await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    const waiting = [task.result(), collect(task.events()), collect(task.artifacts("a"))].map((each) =>
      expect(each).rejects.toMatchObject(stopped),
    );
    await engine.stop({ graceMs: 0 });
    await Promise.all(waiting);
  });

  test("makes all later calls fail at once", async () => {
    const { engine } = await testEngine([source("a", [1])]);
    const task = await engine.run(graphOf(node("a")));
    await task.result();
    await engine.stop();
    stillTime(); // anything that waits now waits forever
    await expect(engine.run(graphOf(node("a")))).rejects.toMatchObject(stopped);
    await expect(task.result()).rejects.toMatchObject(stopped);
    await expect(task.status()).rejects.toMatchObject(stopped);
    await expect(task.cancel()).rejects.toMatchObject(stopped);
    await expect(collect(task.events())).rejects.toMatchObject(stopped);
    await expect(collect(task.artifacts("a"))).rejects.toMatchObject(stopped);
  });

  test("twice is one stop", async () => {
    const { engine } = await testEngine([]);
    expect(engine.stop()).toBe(engine.stop({ graceMs: 1 }));
    await engine.stop();
  });

  test("leaves no timer behind, when idle or at work", async () => {
    const before = timers();
    const gate = new Gate();
    const { engine } = await testEngine([
      source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
      source("later", [1], { processBatch: () => Promise.reject(new Error("again")) }),
      handler("b"),
    ]);
    await engine.run(
      graphOf(
        node("a", [], { timeout_sec: 600 }),
        node("later", [], { retry_policy: { backoff_sec: 600 } }),
        node("b", ["a"], { start: "first_batch" }),
      ),
    );
    await until(() => gate.arrived === 1);
    await engine.stop({ graceMs: 0 });
    expect(timers()).toBeLessThanOrEqual(before);
  });

  test("while a task is being created: it is either stored or refused, and nothing keeps the process running", async () => {
    const before = timers();
    const gate = new Gate();
    const inner = memoryStore();
    const slow: Store = new Proxy(inner, {
      get(target, key: keyof Store) {
        const method = target[key] as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          const answer = await method.apply(target, args);
          if (key === "createTask") await gate.pass();
          return answer;
        };
      },
    });
    const { engine } = await testEngine([source("a", [1])], { store: slow, mayLogErrors: true });
    const run = engine.run(graphOf(node("a"))).then(
      () => "stored",
      (error: unknown) => (error as { code: string }).code,
    );
    await until(() => gate.arrived === 1);
    const stop = engine.stop({ graceMs: 0 });
    await stop;
    gate.open();
    expect(["stored", "ENGINE_STOPPED"]).toContain(await run);
    expect(timers()).toBeLessThanOrEqual(before);
  });

  test.each([
    ["memory", () => memoryStore()],
    ["SQLite", () => sqliteStore(":memory:")],
  ])("while a task is being read: the reader gets that error, not one of a closed store (%s)", async (_, make) => {
    const gate = new Gate();
    const store: Store = new Proxy(make(), {
      get(target, key: keyof Store) {
        const member: unknown = target[key];
        if (typeof member !== "function") return member;
        const method = member.bind(target);
        if (key !== "readTask") return method;
        return async (...args: unknown[]) => {
          await gate.pass();
          return await method(...args);
        };
      },
    });
    const { engine } = await testEngine([], { store, ...noTicks });
    const reading = engine.task("t").status();
    await until(() => gate.arrived === 1);
    await engine.stop({ graceMs: 0 });
    gate.open();
    await expect(reading).rejects.toMatchObject(stopped);
    expect(gate.arrived).toBe(1); // nor asks again
  });

  test("works without a task ever run, and by await using", async () => {
    await using engine = await createEngine({ handlers: [] });
    expect(engine.health().running).toBe(0);
  });
});

describe("a program", () => {
  const program = async (code: string) => {
    const folder = await mkdtemp(join(tmpdir(), "flowkit-lifecycle-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, "program.ts");
    await writeFile(
      file,
      code
        .replaceAll("flowkit/engine", resolve("src/engine/index.ts"))
        .replaceAll("'zod'", `'${import.meta.resolve("zod")}'`),
    );
    return runProcess(process.execPath, [file]);
  };
  const prelude = `
    import * as z from 'zod'
    import { createEngine } from "flowkit/engine"
    const source = (name, more) => ({ kind: "handler", name, output: z.json(), errors: [], resumable: true, iterBatches: () => [{ payload: 1 }], ...more })
    const graph = { nodes: [{ node_id: "a", type: "a", depends_on: [] }] }
    const late = () => new Promise((done) => setTimeout(() => done("late"), 150).unref())
  `;

  test("that does not stop its engine exits when its work is done", async () => {
    const outcome = await program(`${prelude}
      const engine = await createEngine({ handlers: [source("a", {})] })
      console.log(JSON.stringify(await (await engine.run(graph)).result()))
    `);
    expect(outcome).toEqual({ exitCode: 0, output: '{"a":[1]}\n' });
  });

  test("that awaits nothing stays until its tasks have ended", async () => {
    const outcome = await program(`${prelude}
      const engine = await createEngine({ handlers: [source("a", { processBatch: async () => { await late(); console.log("done"); return 1 } })] })
      await engine.run(graph)
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "done\n" });
  });

  test("that starts an engine and runs nothing exits at once", async () => {
    const outcome = await program(`${prelude}
      await createEngine({ handlers: [source("a", {})] })
      console.log("started")
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "started\n" });
  });

  test("whose store is temporarily unreachable waits for it, in run, in cancel and in stop", async () => {
    const outcome = await program(`${prelude}
      import { memoryStore, memoryBus } from "flowkit/engine"
      const inner = memoryStore()
      const failOnce = new Set(["createTask", "cancelTask"])
      const store = new Proxy(inner, { get: (target, key) => async (...args) => {
        if (failOnce.delete(key)) throw unavailable()
        return target[key](...args)
      } })
      const unavailable = () => Object.assign(new Error("down"), { code: "STORE_UNAVAILABLE", [Symbol.for("flowkit.FlowError")]: true })
      const engine = await createEngine({ store, handlers: [source("a", { processBatch: () => new Promise(() => {}) })] })
      const task = await engine.run(graph)
      console.log("stored")
      console.log(await task.cancel())
      await engine.stop({ graceMs: 20 })
      console.log("stopped")
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "stored\nrecorded\nstopped\n" });
  });

  test("that stops an engine working on another process's task waits for the stop", async () => {
    const outcome = await program(`${prelude}
      import { memoryBus, memoryStore } from "flowkit/engine"
      const shared = { store: new Proxy(memoryStore(), { get: (target, key) => key === "close" ? async () => {} : target[key].bind(target) }) }
      let arrived
      const running = new Promise((done) => { arrived = done })
      const hang = source("a", { processBatch: () => { arrived(); return new Promise(() => {}) } })
      const worker = await createEngine({ ...shared, handlers: [hang] })
      const client = await createEngine({ ...shared, handlers: [{ ...hang, name: "other" }, source("a", { processBatch: () => 1 })], capacity: 1 })
      const other = await client.run({ nodes: [{ node_id: "o", type: "other", depends_on: [] }] })
      await running
      await client.run(graph)
      await client.stop({ graceMs: 0 })
      await worker.stop({ graceMs: 30 })
      console.log("stopped")
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "stopped\n" });
  });

  test("whose task fails, or is cancelled, exits too", async () => {
    const outcome = await program(`${prelude}
      const logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger }
      const engine = await createEngine({ logger, handlers: [source("a", { processBatch: () => { throw new TypeError("no") } }), source("b", { processBatch: late })] })
      await (await engine.run(graph)).result().catch((error) => console.log(error.code))
      const task = await engine.run({ nodes: [{ node_id: "b", type: "b", depends_on: [] }] })
      await task.cancel()
      await task.result().catch((error) => console.log(error.code))
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "TASK_FAILED\nTASK_CANCELLED\n" });
  });
});
