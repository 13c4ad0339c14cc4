import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { type JsonObject, RetryableError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

describe("capacity", () => {
  test.for([1, 2, 5])("%i concurrent attempts, never more, and all of them run eventually", async (capacity) => {
    let running = 0;
    let most = 0;
    const work = source("a", [1, 2], {
      processBatch: async (n) => {
        most = Math.max(most, ++running);
        await new Promise((done) => setImmediate(done));
        running--;
        return n;
      },
    });
    const { engine } = await testEngine([work, { ...work, name: "b" }], { capacity });
    const graph = graphOf(node("a"), node("b"), node("c", ["a"], { type: "b" }));
    const tasks = await Promise.all(numbers(8).map(() => engine.run(graph)));
    for (const task of tasks) await task.result();
    expect(most).toBe(capacity);
    expect(engine.health().running).toBe(0);
  });

  test("of one: the highest priority first, then in order of arrival", async () => {
    const gate = new Gate();
    const order: string[] = [];
    const { engine } = await testEngine(
      [
        source("blocker", [1], { processBatch: () => gate.pass().then(() => 1) }),
        handler("a", { processBatch: (args) => order.push((args as { name: string }).name) }),
      ],
      { capacity: 1 },
    );
    await engine.run(graphOf(node("blocker")));
    await until(() => gate.arrived === 1);
    const run = (name: string, priority: number) =>
      engine.run(graphOf(node("a", [], { args: { name } })), { priority });
    const tasks = [];
    for (const [name, priority] of [
      ["low", -100],
      ["first", 0],
      ["second", 0],
      ["high", 100],
      ["higher than none", 1],
    ] as const) {
      tasks.push(await run(name, priority));
    }
    gate.open();
    for (const task of tasks) await task.result();
    expect(order).toEqual(["high", "higher than none", "first", "second", "low"]);
  });

  test("a queued node that is in no graph blocks nothing behind it", async () => {
    const { engine, store } = await testEngine([source("a", [1])]);
    const { id } = await engine.run(graphOf(node("a")));
    await store.dispatch({ taskId: id, nodeId: "ghost", shard: 0 }, { type: "a", priority: 100 });
    expect(await (await engine.run(graphOf(node("a")))).result()).toEqual({ a: [1] });
    expect((await store.readShards(id, ["ghost"]))[0]?.status).toBe("queued");
  });

  test.for([101, -101, 1.5, Number.NaN])("priority %d is refused", async (priority) => {
    const { engine } = await testEngine([source("a", [])]);
    await expect(engine.run(graphOf(node("a")), { priority })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
  });
});

describe("starving consumers release their slots", () => {
  const quick = { leaseMs: 1_000, tickMs: 5 };

  test("at capacity one, a consumer whose source waits for a retry", async () => {
    const time = stillTime();
    const consumer = new Gate();
    const { engine, record } = await testEngine(
      [
        handler("src", {
          *iterBatches(_args, ctx) {
            yield { payload: 1 };
            if (ctx.epoch === 1) throw new Error("once");
            yield { payload: 2 };
          },
        }),
        handler("sink", {
          processBatch: (n) => {
            consumer.open();
            return n;
          },
        }),
      ],
      { capacity: 1, ...quick },
    );
    const task = await engine.run(
      graphOf(
        node("src", [], { retry_policy: { backoff_sec: 0.03, jitter: 0 } }),
        node("sink", ["src"], { start: "first_batch" }),
      ),
    );
    expect(await time.during(task.result())).toEqual({ sink: [1, 2] });
    expect(await record(task.id, "sink")).toMatchObject({ failures: 0, lost: 0 });
    expect((await record(task.id, "sink")).yields).toBeGreaterThan(0);
  });

  test("but not one that would have to start over, while no other node needs the slot", async () => {
    const time = stillTime();
    const leaseMs = 1_000; // it starves after a tenth of it
    const seen: number[] = [];
    const { engine, record } = await testEngine(
      [
        handler("src", {
          *iterBatches(_args, ctx) {
            yield { payload: 1 };
            yield { payload: 2 };
            if (ctx.epoch === 1) throw new Error("once");
            yield { payload: 3 };
          },
        }),
        handler("sink", {
          resumable: false,
          processBatch: (n) => {
            seen.push(n as number);
            return n;
          },
        }),
      ],
      { capacity: 1, leaseMs, tickMs: 5 },
    );
    const task = await engine.run(
      graphOf(
        node("src", [], { retry_policy: { backoff_sec: 0.8, jitter: 0 } }),
        node("sink", ["src"], { start: "first_batch" }),
      ),
    );
    expect(await time.during(task.result())).toEqual({ sink: [1, 2, 3] });
    // Once while the source waits for its retry, and once more when that needed the slot.
    expect(seen).toEqual([1, 2, 1, 2, 3]);
    expect(await record(task.id, "sink")).toMatchObject({ failures: 0, lost: 0, yields: 1 });
  });

  test("and one that was released starts over only once its sources run or have finished", async () => {
    const time = stillTime();
    const values = [1, 2, 3, 4, 5, 6];
    const seen: number[] = [];
    const { engine, record } = await testEngine(
      [
        // Each batch requires another pause: the output grows by one batch each time.
        source("src", values, {
          processBatch: (n, ctx) => {
            if (ctx.tries < (n as number)) throw new Error("not yet");
            return n;
          },
        }),
        handler("sink", {
          resumable: false,
          processBatch: (n) => {
            seen.push(n as number);
            return n;
          },
        }),
      ],
      { capacity: 1, leaseMs: 1_000, tickMs: 5 },
    );
    const task = await engine.run(
      graphOf(
        node("src", [], { retry_policy: { max: values.length, backoff_sec: 1, jitter: 0 } }),
        node("sink", ["src"], { start: "first_batch" }),
      ),
    );
    expect(await time.during(task.result())).toEqual({ sink: values });
    expect(seen).toEqual([1, ...values]); // once when it starts, and once when its source had ended
    expect(await record(task.id, "sink")).toMatchObject({ failures: 0, lost: 0 });
  });

  test("even one that would have to start over, if a limit over all workers blocks the others", async () => {
    const time = stillTime();
    let isLate = false;
    const { engine, record } = await testEngine(
      [
        source("src", [1, 2]),
        handler("sink", {
          resumable: false,
          processBatch: (n) => {
            isLate = true;
            return n;
          },
        }),
      ],
      {
        ...quick,
        maxRunning: 1,
        coordinatorFns: [
          {
            kind: "coordinatorFn",
            name: "late",
            args: z.object({}),
            output: z.json(),
            async run() {
              if (isLate) return "late";
              throw new RetryableError("early");
            },
          },
        ],
      },
    );
    // The function waits for its retry while the consumer uses the only slot of the worker, which the function does not need.
    const task = await engine.run(
      graphOf(
        node("late", [], { fn: "late", retry_policy: { max: 100, backoff_sec: 0.2, jitter: 0 } }),
        node("src"),
        node("sink", ["src", "late"], { start: "first_batch", fan_in: "any" }),
      ),
    );
    expect(((await time.during(task.result())).sink as unknown[]).toSorted()).toEqual([1, 2, "late"]);
    expect((await record(task.id, "sink")).yields).toBeGreaterThan(0);
  });

  test("at capacity one, consumers of any of two sources, of which the second has no slot", async () => {
    const time = stillTime();
    const { engine } = await testEngine([source("a", [1]), source("b", [2]), handler("sink")], {
      capacity: 1,
      ...quick,
    });
    const graph = graphOf(node("a"), node("b"), node("sink", ["a", "b"], { fan_in: "any", start: "first_batch" }));
    const tasks = await Promise.all(numbers(3).map((n) => engine.run(graph, { priority: n })));
    for (const task of tasks) expect(((await time.during(task.result())).sink as number[]).toSorted()).toEqual([1, 2]);
  });

  test("a chain of them unwinds from the top", async () => {
    const time = stillTime();
    let failures = 0;
    const { engine } = await testEngine(
      [
        source("src", [1, 2], {
          processBatch: (n) => {
            if (n === 2 && failures++ === 0) throw new Error("once");
            return n;
          },
        }),
        ...["c1", "c2", "c3"].map((name) => handler(name)),
      ],
      { capacity: 1, ...quick },
    );
    const first = { start: "first_batch" } as const;
    const task = await engine.run(
      graphOf(
        node("src", [], { retry_policy: { backoff_sec: 0.05, jitter: 0 } }),
        node("c1", ["src"], first),
        node("c2", ["c1"], first),
        node("c3", ["c2"], first),
      ),
    );
    expect(await time.during(task.result())).toEqual({ c3: [1, 2] });
  });

  test("but not one whose source is running, however slowly", async () => {
    const time = stillTime();
    const gate = new Gate();
    const { engine, record } = await testEngine(
      [
        handler("src", { iterBatches: () => paced([1, 2], (nth) => (nth === 0 ? Promise.resolve() : gate.pass())) }),
        handler("sink"),
      ],
      { capacity: 2, ...quick },
    );
    const task = await engine.run(graphOf(node("src"), node("sink", ["src"], { start: "first_batch" })));
    const deadlines = new Set<number | undefined>();
    await time.during(
      until(async () => {
        deadlines.add((await record(task.id, "src")).lease?.deadline);
        return deadlines.size > 4;
      }, "a lease's length to have passed"),
    );
    gate.open();
    expect(await time.during(task.result())).toEqual({ sink: [1, 2] });
    expect(await record(task.id, "sink")).toMatchObject({ yields: 0 });
  });
});

describe("an idempotency key", () => {
  test("returns the first run's task, also for concurrent runs and after its end", async () => {
    const { engine, writes } = await testEngine([source("a", [1])]);
    const run = () => engine.run(graphOf(node("a")), { idempotencyKey: "today" });
    const tasks = await Promise.all(numbers(5).map(run));
    await tasks[0]?.result();
    tasks.push(await run());
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(1);
    expect(await tasks.at(-1)?.result()).toEqual({ a: [1] });
    expect(writes.filter((event) => event.kind === "task" && event.from === "absent")).toHaveLength(1);
  });

  test("of a task with another graph is refused, with advice", async () => {
    const { engine } = await testEngine([source("a", [1])]);
    const etl = { ...graphOf(node("a")), name: "etl" };
    const task = await engine.run(etl, { idempotencyKey: "today" });
    for (const other of [
      { ...etl, name: "shop" },
      graphOf(node("a")),
      { ...etl, ...graphOf(node("a", [], { timeout_sec: 9 })) }, // a new version of the same flow
      { ...etl, ...graphOf(node("a", [], { args: { day: { $ref: "params.day" } } })) },
    ]) {
      await expect(engine.run(other, { idempotencyKey: "today", params: { day: 1 } })).rejects.toMatchObject({
        code: "TASK_EXISTS",
        message: expect.stringMatching(
          /^idempotency key 'today' belongs to task .* of 'etl', .*graph differs.*new key/,
        ),
        details: { taskId: task.id, differs: expect.arrayContaining(["graph"]) },
      });
    }
    expect(await task.result()).toEqual({ a: [1] });
    expect((await engine.run(etl, { idempotencyKey: "today" })).id).toBe(task.id);
  });

  test("of a task with other parameters is refused, without their values", async () => {
    const { engine } = await testEngine([source("a", [1])]);
    const graph = {
      ...graphOf(node("a", [], { args: { token: { $ref: "params.token" } } })),
      params_schema: {
        type: "object",
        properties: { token: { type: "string" }, limit: { type: "integer", default: 10 } },
      },
    };
    const run = (params: JsonObject) => engine.run(graph, { idempotencyKey: "today", params });
    const task = await run({ token: "hunter2" });
    expect((await run({ limit: 10, token: "hunter2" })).id).toBe(task.id); // the default, in another order
    const refused = await run({ token: "swordfish", limit: 11 }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "TASK_EXISTS",
      details: { taskId: task.id, differs: ["params"], params: ["limit", "token"] },
    });
    expect(inspect(refused, { depth: 9 })).not.toMatch(/hunter2|swordfish/);
    await expect(run({ token: "hunter2", limit: 11 })).rejects.toThrow("params differ (limit); use a new key");
    await task.result();
  });

  test("returns the existing task whatever its priority and deadline", async () => {
    const { engine } = await testEngine([source("a", [1])]);
    const task = await engine.run(graphOf(node("a")), { idempotencyKey: "today", priority: 1 });
    const again = await engine.run(graphOf(node("a")), { idempotencyKey: "today", priority: 2, deadlineSec: 60 });
    expect(again.id).toBe(task.id);
    await again.result();
  });

  test.for([{ key: null }, { key: "" }, { key: 7 }])("cannot be $key", async ({ key }) => {
    const { engine } = await testEngine([source("a", [1])]);
    await expect(engine.run(graphOf(node("a")), { idempotencyKey: key as string })).rejects.toMatchObject({
      code: "ENGINE_OPTIONS",
      message: "idempotencyKey must be a non-empty string; omit it to run without one",
    });
    expect((await engine.list()).items).toEqual([]);
  });

  test("used by two coordinators concurrently with different parameters: one task, the other run is refused", async () => {
    const state = new MemoryState();
    const engines = await Promise.all([1, 2].map(() => testEngine([source("a", [1])], { state })));
    const answers = await Promise.allSettled(
      engines.map(({ engine }, day) => engine.run(graphOf(node("a")), { idempotencyKey: "today", params: { day } })),
    );
    const [started] = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    const [refused] = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : []));
    expect(refused).toMatchObject({ code: "TASK_EXISTS", details: { taskId: started?.id, params: ["day"] } });
    await started?.result();
  });

  test("of a task that is deleted between two store calls is free again", async () => {
    const state = new MemoryState();
    const store = memoryStore({ state });
    const create = store.createTask.bind(store);
    store.createTask = async (task) => {
      const answer = await create(task);
      if (answer.outcome === "exists") await store.deleteTask(answer.id);
      return answer;
    };
    const { engine } = await testEngine([source("a", [1])], { state, store });
    const first = await engine.run(graphOf(node("a")), { idempotencyKey: "today" });
    await first.result();
    const second = await engine.run(graphOf(node("a")), { idempotencyKey: "today" });
    expect(second.id).not.toBe(first.id);
    expect(await second.result()).toEqual({ a: [1] });
  });

  test("with another text belongs to another task", async () => {
    const { engine } = await testEngine([source("a", [1])]);
    const [one, two] = [
      await engine.run(graphOf(node("a")), { idempotencyKey: "x" }),
      await engine.run(graphOf(node("a")), { idempotencyKey: "y" }),
    ];
    expect(one?.id).not.toBe(two?.id);
    await Promise.all([one?.result(), two?.result()]);
  });

  test("of a batch is the same in every try, and no other batch's", async () => {
    const keys: string[] = [];
    const { engine } = await testEngine([
      source("a", [1, 2], {
        processBatch: (n, ctx) => {
          keys.push(ctx.idempotencyKey);
          if (ctx.tries === 1 && n === 2) throw new Error("once");
          return n;
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("a", [], { retry_policy: { backoff_sec: 0 } })));
    await task.result();
    expect(keys).toEqual(["0", "1", "1"].map((uid) => `${task.id}:a:${uid}`));
  });
});
