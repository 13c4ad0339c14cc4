import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import type { AttemptContext, HandlerDefinition } from "../../../src/definitions/index.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { handlerContext, withServices } from "../../../src/testing/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const seen = (_payload: unknown, ctx: AttemptContext) => ctx.services as never;

describe("what setup returns", () => {
  test("is ctx.services in every method, made once for attempts that start at once", async () => {
    const gate = new Gate();
    const setup = vi.fn(async () => {
      await gate.pass();
      return { pool: 7 };
    });
    const inMethods: unknown[] = [];
    const look = (ctx: AttemptContext) => void inMethods.push(ctx.services);
    const a = source("a", [1], {
      setup,
      result: z.json(),
      loadInput: (_args, ctx) => look(ctx),
      *iterBatches(_args, ctx) {
        look(ctx);
        yield { payload: 1 };
      },
      processBatch: (_payload, ctx) => {
        look(ctx);
        return 1;
      },
      finalize: (ctx) => {
        look(ctx);
        return null;
      },
    });
    const { engine } = await testEngine([a]);
    const tasks = await Promise.all([engine.run(graphOf(node("a"))), engine.run(graphOf(node("a")))]);
    await until(() => engine.health().running === 2);
    gate.open();
    for (const task of tasks) await task.result();
    expect(setup).toHaveBeenCalledTimes(1);
    expect(inMethods).toEqual(Array.from({ length: 8 }, () => ({ pool: 7 })));
  });

  test("is undefined without a setup", async () => {
    const processBatch = vi.fn((_payload: unknown, ctx: AttemptContext) => [ctx.services === undefined]);
    const { engine } = await testEngine([source("a", [1], { processBatch })]);
    expect(await (await engine.run(graphOf(node("a")))).result()).toEqual({ a: [[true]] });
  });

  test("is shared by handlers with the same functions, and torn down once", async () => {
    let made = 0;
    const shared = { setup: vi.fn(() => ({ id: ++made })), teardown: vi.fn() };
    const other = vi.fn();
    const { engine } = await testEngine([
      source("a", [1], { ...shared, processBatch: seen }),
      handler("b", { ...shared, processBatch: seen }),
      handler("c", { ...shared, teardown: other, processBatch: seen }),
    ]);
    const graph = graphOf(node("a"), node("b", ["a"]), node("c", ["b"]));
    const task = await engine.run(graph);
    expect(await task.result()).toEqual({ c: [{ id: 2 }] });
    await engine.stop();
    expect(shared.setup).toHaveBeenCalledTimes(2);
    expect(shared.teardown.mock.calls).toEqual([[{ id: 1 }]]);
    expect(other.mock.calls).toEqual([[{ id: 2 }]]);
  });

  test("is each instance's own if setup is a method of a class", async () => {
    class Connected implements HandlerDefinition {
      readonly kind = "handler";
      readonly output = z.json();
      readonly errors = [];
      readonly resumable = true;
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
      setup() {
        return this.name;
      }
      processBatch(_payload: unknown, ctx: AttemptContext) {
        return ctx.services;
      }
    }
    const { engine } = await testEngine([new Connected("a"), new Connected("b")]);
    expect(await (await engine.run(graphOf(node("a"), node("b")))).result()).toEqual({ a: ["a"], b: ["b"] });
  });
});

describe("teardown", () => {
  test("runs after the running batches, the last set up first, whatever another one throws", async () => {
    const order: string[] = [];
    const gate = new Gate();
    const definition = (name: string): Partial<HandlerDefinition> => ({
      setup: () => name,
      async teardown(services) {
        order.push(`${services}`);
        if (name === "b") throw new Error("already closed");
      },
    });
    const logger = new RecordingLogger();
    const engine = await createEngine({
      logger,
      handlers: [
        source("a", [1], definition("a")),
        handler("b", definition("b")),
        handler("c", {
          ...definition("c"),
          async processBatch() {
            await gate.pass();
            order.push("batch");
            return 1;
          },
        }),
        handler("never", definition("never")),
      ],
    });
    onTestFinished(() => engine.stop());
    await engine.run(graphOf(node("a"), node("b", ["a"]), node("c", ["b"])));
    await until(() => gate.arrived === 1);
    const stopping = engine.stop();
    expect(order).toEqual([]);
    gate.open();
    await stopping;
    expect(order).toEqual(["batch", "c", "b", "a"]);
    expect(logger.problems).toEqual([
      { level: "error", message: "the teardown of a handler failed", error: "Error: already closed" },
    ]);
  });

  test("that does not return delays a stop for a limited time only, and prevents no other teardown", async () => {
    const time = stillTime();
    const ended = vi.fn();
    const logger = new RecordingLogger();
    const engine = await createEngine({
      logger,
      handlers: [
        source("a", [1], { setup: () => 1, teardown: ended }),
        handler("b", { setup: () => 2, teardown: () => new Promise(() => {}) }),
      ],
    });
    const task = await time.during(engine.run(graphOf(node("a"), node("b", ["a"]))));
    await time.during(task.result());
    await time.during(engine.stop());
    expect(ended).toHaveBeenCalledTimes(1);
    expect(logger.problems.map(({ message }) => message)).toContain("a teardown takes too long: not waited for");
  });

  test("receives what a setup returns after its attempt was abandoned", async () => {
    const gate = new Gate();
    const teardown = vi.fn();
    const setup = async () => {
      await gate.pass();
      return "late";
    };
    const { engine } = await testEngine([source("a", [1], { setup, teardown })]);
    await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    const stopping = engine.stop({ graceMs: 0 });
    await until(() => engine.health().running === 0);
    gate.open();
    await stopping;
    expect(teardown.mock.calls).toEqual([["late"]]);
  });

  test("does not run for a setup that failed", async () => {
    const teardown = vi.fn();
    const setup = () => {
      throw new Error("no route");
    };
    const { engine } = await testEngine([source("a", [1], { setup, teardown })]);
    const task = await engine.run(graphOf(node("a", [], { retry_policy: { ...atOnce, max: 2 } })));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "setup_failed" } });
    await engine.stop();
    expect(teardown).not.toHaveBeenCalled();
  });
});

describe("fakes", () => {
  const setup = vi.fn(() => "the real one");
  const teardown = vi.fn();
  const handlers = [source("a", [1], { setup, teardown, processBatch: seen })];

  test("replace what setup would return, and nothing is set up or torn down", async () => {
    const { engine } = await testEngine(withServices(handlers, { a: "fake" }));
    expect(await (await engine.run(graphOf(node("a")))).result()).toEqual({ a: ["fake"] });
    await engine.stop();
    expect(setup).not.toHaveBeenCalled();
    expect(teardown).not.toHaveBeenCalled();
  });

  test("are given to a method that is called directly", () => {
    expect(handlers[0]?.processBatch?.(1, handlerContext({ services: "fake" }))).toBe("fake");
  });

  test("need a handler with a setup", () => {
    expect(() => withServices([...handlers, handler("b")], { b: 1 })).toThrow("handler 'b' has no setup");
    expect(() => withServices({ a: handlers[0] as HandlerDefinition }, { z: 1 })).toThrow("no handler 'z'");
  });
});
