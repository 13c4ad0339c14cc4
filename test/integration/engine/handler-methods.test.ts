import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { FlowError, PermanentError } from "../../../src/errors/index.ts";
import { defineHandler, flow } from "../../../src/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import type { LoggedLine } from "../../helpers/recording-logger.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

async function failureOf(definition: HandlerDefinition, more: Parameters<typeof node>[2] = {}): Promise<FlowError> {
  const { engine } = await testEngine([source("src", [1, 2, 3]), definition]);
  const task = await engine.run(
    graphOf(node("src"), node(definition.name, ["src"], { retry_policy: { ...atOnce, max: 1 }, ...more })),
  );
  const error = await task.result().catch((caught: unknown) => caught);
  if (!FlowError.is(error, "TASK_FAILED")) throw new Error(`expected a failure, got ${String(error)}`);
  return error;
}

describe("the methods besides processBatch", () => {
  test("setup that fails is run again by the next attempt, and after that only once for all", async () => {
    let setups = 0;
    const setup = vi.fn(() => {
      if (setups++ === 0) throw new TypeError("no address in the environment");
      return "pool";
    });
    const { engine, record } = await testEngine([
      source("a", [1], { setup, processBatch: (_, ctx) => ctx.services as string }),
    ]);
    const graph = graphOf(node("a", [], { retry_policy: atOnce }));
    const task = await engine.run(graph);
    expect(await task.result()).toEqual({ a: ["pool"] });
    expect((await record(task.id, "a")).history.map(({ reasonCode }) => reasonCode)).toContain("setup_failed");
    await Promise.all(numbers(5).map(async () => (await engine.run(graph)).result()));
    expect(setup).toHaveBeenCalledTimes(2);
  });

  test("loadInput receives the arguments, and every batch of the attempt its return value", async () => {
    const loadInput = vi.fn(async (args: unknown) => ({ table: (args as { t: string }).t }));
    const { engine } = await testEngine([
      source("a", [1, 2], { loadInput, processBatch: (n, ctx) => [n, ctx.loaded] as never }),
    ]);
    const task = await engine.run(graphOf(node("a", [], { args: { t: "x" } })));
    expect(await task.result()).toEqual({
      a: [
        [1, { table: "x" }],
        [2, { table: "x" }],
      ],
    });
    expect(loadInput).toHaveBeenCalledTimes(1);
  });

  test("loadInput that fails is retried", async () => {
    let loads = 0;
    const { engine } = await testEngine([
      source("a", [1], {
        loadInput: () => {
          if (loads++ === 0) throw new Error("not there yet");
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("a", [], { retry_policy: atOnce })));
    expect(await task.result()).toEqual({ a: [1] });
  });

  test("finalize that throws fails the attempt; the next one runs only finalize", async () => {
    const processBatch = vi.fn((n: unknown) => n);
    let finals = 0;
    const finalize = vi.fn((ctx: { batchCount: number }) => {
      if (finals++ === 0) throw new Error("not yet");
      return { batches: ctx.batchCount };
    });
    const { engine } = await testEngine([
      source("a", [1, 2, 3], { processBatch, finalize, result: z.object({ batches: z.number() }) }),
    ]);
    const task = await engine.run(graphOf(node("a", [], { retry_policy: atOnce })));
    expect(await task.result()).toEqual({ a: { batches: 3 } });
    expect(processBatch).toHaveBeenCalledTimes(3);
    expect(finalize).toHaveBeenCalledTimes(2);
  });

  test("a mismatch of finalize's result reports its path", async () => {
    const error = await failureOf(
      handler("bad", { result: z.object({ n: z.number() }), finalize: () => ({ n: "1" }) }),
    );
    expect(error.details).toMatchObject({ reasonCode: "schema_mismatch" });
    expect(error.message).toMatch(/the result of finalize does not match its schema: \.n: expected number/);
  });

  test("thenables of other libraries are awaited like promises", async () => {
    // biome-ignore lint/suspicious/noThenProperty: a query builder's thenable is what this is about
    const thenable = (value: unknown) => ({ then: (resolve: (value: unknown) => void) => resolve(value) }) as never;
    const { engine } = await testEngine([
      source("a", [1], {
        loadInput: () => thenable("loaded"),
        processBatch: (_n, ctx) => thenable(ctx.loaded),
        finalize: () => thenable("final"),
        result: z.string(),
      }),
      handler("b"),
    ]);
    const task = await engine.run(graphOf(node("a"), node("b", ["a"])));
    expect(await task.result()).toEqual({ b: ["loaded"] });
    expect((await task.status()).nodes[0]?.result).toBe("final");
  });
});

describe("cleanups", () => {
  const ofCleanups = (logged: readonly LoggedLine[]) => logged.filter(({ fields }) => "err" in fields);

  test("run in reverse order, even if a batch failed or one of them throws", async () => {
    const order: string[] = [];
    const { engine, logged } = await testEngine(
      [
        source("a", [1], {
          loadInput: (_args, ctx) => {
            ctx.onCleanup(() => void order.push("first"));
            ctx.onCleanup(async () => {
              await Promise.resolve();
              order.push("second");
            });
          },
          processBatch: (_n, ctx) => {
            ctx.onCleanup(() => {
              order.push("third");
              throw new Error("cleanup broken");
            });
            throw new PermanentError("bad_row");
          },
        }),
      ],
      { mayLogErrors: true },
    );
    const task = await engine.run(graphOf(node("a")));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "bad_row" } });
    expect(order).toEqual(["third", "second", "first"]);
    expect(ofCleanups(logged)).toMatchObject([{ level: "error", fields: { err: { message: "cleanup broken" } } }]);
  });

  test("run at once if a handler continues after its attempt was abandoned", async () => {
    const time = stillTime();
    const gate = new Gate();
    const order: string[] = [];
    const { engine, logged } = await testEngine(
      [
        source("a", [1], {
          async processBatch(n, ctx) {
            ctx.onCleanup(() => void order.push("in time"));
            await gate.pass(); // ignores its signal
            ctx.onCleanup(async () => void order.push("late"));
            ctx.onCleanup(() => Promise.reject(new Error("late and broken")));
            order.push("continues");
            return n;
          },
        }),
      ],
      { mayLogErrors: true },
    );
    const task = await engine.run(graphOf(node("a", [], { timeout_sec: 0.05, retry_policy: { max: 0 } })));
    await until(() => gate.arrived === 1);
    await time.pass(50);
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "timeout" } });
    expect(order).toEqual(["in time"]);
    gate.open();
    await until(() => ofCleanups(logged).length > 0);
    expect(order).toEqual(["in time", "late", "continues"]);
    expect(ofCleanups(logged)).toMatchObject([{ level: "error", fields: { err: { message: "late and broken" } } }]);
  });

  test("run before the outcome is announced: when the task has ended, they are done", async () => {
    let open = 0;
    const { engine } = await testEngine([
      source("a", [1], {
        processBatch: (n, ctx) => {
          open++;
          ctx.onCleanup(() => void open--);
          return n;
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("a")));
    await task.result();
    expect(open).toBe(0);
  });
});

test("a cleanup that runs on keeps the slot, and the next node waits for another", async () => {
  const cleaning = new Gate();
  let begun = 0;
  const store = memoryStore();
  const first = defineHandler("first", {
    output: z.int(),
    processBatch: (_, ctx) => {
      ctx.onCleanup(() => cleaning.pass());
      return 1;
    },
  });
  const second = defineHandler("second", { input: z.int(), output: z.int(), processBatch: (n) => n + ++begun });
  const pair = flow("pair").node("a", first).then("b", second);
  await using engine = await createEngine({ handlers: pair.handlers, store, capacity: 1, leaseMs: 300 });
  const task = await engine.run(pair);
  await until(async () => (await store.readShards(task.id, ["b"]))[0]?.epoch === 2, "the release of the next node");
  expect(begun).toBe(0);
  cleaning.open();
  expect(await task.result()).toEqual({ b: [2] });
});
