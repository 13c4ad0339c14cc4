import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import type { HandlerDefinition, Logger } from "../../../src/definitions/index.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { FlowError, PermanentError, RetryableError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node, unchecked } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { hostileErrors } from "../../helpers/hostile-errors.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { until } from "../../helpers/waiting.ts";

/** Runs one node and returns what its result rejects with. */
async function failureOf(definition: HandlerDefinition, more: Parameters<typeof node>[2] = {}): Promise<FlowError> {
  const { engine } = await testEngine([source("src", [1, 2, 3]), definition]);
  const task = await engine.run(
    graphOf(node("src"), node(definition.name, ["src"], { retry_policy: { ...atOnce, max: 1 }, ...more })),
  );
  const error = await task.result().catch((caught: unknown) => caught);
  if (!FlowError.is(error, "TASK_FAILED")) throw new Error(`expected a failure, got ${String(error)}`);
  return error;
}

const throwing = (thrown: unknown, more: Partial<HandlerDefinition> = {}) =>
  handler("bad", {
    processBatch: () => {
      throw thrown;
    },
    ...more,
  });

const thrower = (make: () => unknown) => ({
  processBatch: (): never => {
    throw make();
  },
});

/** Reads its arguments as pino does. */
const readingLogger = (logger: Logger): Logger => {
  const read =
    (level: "debug" | "info" | "warn" | "error") =>
    (fields: object, message?: string): void => {
      const { err } = fields as { readonly err?: Error };
      if (err !== undefined)
        void `${err.name} ${err.message.length} ${err.stack} ${JSON.stringify({ ...err, cause: 0 })}`;
      logger[level](fields, message);
    };
  return {
    debug: read("debug"),
    info: read("info"),
    warn: read("warn"),
    error: read("error"),
    child: () => readingLogger(logger),
  };
};

describe("an error thrown by a handler", () => {
  const lost = new TypeError("fetch failed", { cause: new Error("ECONNRESET") });
  test.for([
    { what: "an error", thrown: new Error("boom"), code: "unexpected_error", tries: 2, message: "boom" },
    {
      what: "an error without words",
      thrown: new RangeError(),
      code: "unexpected_error",
      tries: 2,
      message: "RangeError",
    },
    { what: "a string", thrown: "just words", code: "unexpected_error", tries: 2, message: "just words" },
    { what: "undefined", thrown: undefined, code: "unexpected_error", tries: 2, message: ": undefined was thrown" },
    { what: "null", thrown: null, code: "unexpected_error", tries: 2, message: "null was thrown" },
    {
      what: "an object",
      thrown: { status: 500 },
      code: "unexpected_error",
      tries: 2,
      message: "a value of type object was thrown",
    },
    {
      what: "a TypeError",
      thrown: new TypeError("x is not a function"),
      code: "unexpected_error",
      tries: 1,
      message: "x is not",
    },
    { what: "a TypeError of fetch", thrown: lost, code: "unexpected_error", tries: 2, message: "fetch failed" },
    { what: "a ReferenceError", thrown: new ReferenceError("y"), code: "unexpected_error", tries: 1, message: "y" },
    { what: "a SyntaxError", thrown: new SyntaxError("z"), code: "unexpected_error", tries: 1, message: "z" },
    {
      what: "a zod error",
      thrown: z.object({ a: z.object({ b: z.string() }) }).safeParse({ a: { b: 1 } }).error,
      code: "bad_input",
      tries: 1,
      message: ".a.b: expected string",
    },
    {
      what: "a permanent error",
      thrown: new PermanentError("bad_row", "no price"),
      code: "bad_row",
      tries: 1,
      message: "no price",
    },
    { what: "a retryable error", thrown: new RetryableError("busy"), code: "busy", tries: 2, message: "busy" },
  ])("$what: $code after $tries tries", async ({ thrown, code, tries, message }) => {
    const error = await failureOf(throwing(thrown));
    expect(error.details).toMatchObject({ nodeId: "bad", reasonCode: code, tries, batchUid: "0" });
    expect(error.message).toContain(message);
  });

  test("a rejected promise is treated like a throw", async () => {
    const error = await failureOf(handler("bad", { processBatch: () => Promise.reject(new PermanentError("late")) }));
    expect(error.details).toMatchObject({ reasonCode: "late" });
  });

  test.for([1, 3])(
    "an error of iterBatches does not belong to the batch before it: concurrency %d",
    async (concurrency) => {
      const { engine, record, artifacts } = await testEngine([
        source("a", [], {
          concurrency,
          *iterBatches() {
            yield { payload: 1 };
            yield { payload: 2 };
            throw new PermanentError("no_more");
          },
        }),
      ]);
      const task = await engine.run(graphOf(node("a")));
      const details = { reasonCode: "no_more", method: "iterBatches", lastBatchUid: "1" };
      const message = expect.stringContaining("at node 'a', in iterBatches after batch '1': no_more");
      await expect(task.result()).rejects.toMatchObject({ details, message });
      expect((await record(task.id, "a")).failure).not.toHaveProperty("batchUid");
      expect((await artifacts(task.id, "a")).map(({ meta }) => meta)).toEqual([1, 2]);
    },
  );

  test.for([
    { method: "setup", ...{ setup: () => Promise.reject(new PermanentError("closed")) } },
    { method: "loadInput", ...{ loadInput: () => Promise.reject(new PermanentError("closed")) } },
    { method: "finalize", ...{ finalize: () => Promise.reject(new PermanentError("closed")) } },
    {
      method: "iterBatches",
      ...{
        iterBatches: () => {
          throw new PermanentError("closed");
        },
      },
    },
  ])("an error outside of batches names the method: $method", async ({ method, ...code }) => {
    const error = await failureOf(source("bad", [1, 2], code));
    expect(error.details).toEqual({
      taskId: expect.any(String),
      nodeId: "bad",
      reasonCode: "closed",
      epoch: 1,
      method,
    });
    expect(error.message).toContain(`at node 'bad', in ${method}: closed`);
  });

  test("a method that ended is not named by a later failure", async () => {
    const share = { batches: { on_failure: "set_aside", tolerate_share: 0.1 }, retry_policy: { max: 0 } } as const;
    const processBatch = () => Promise.reject(new PermanentError("no"));
    const { engine } = await testEngine([source("bad", [1, 2], { processBatch, setup: () => {}, loadInput: () => 1 })]);
    const task = await engine.run(graphOf(node("bad", [], share)));
    const error = await task.result().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ details: { reasonCode: "too_many_failed_batches" } });
    expect(error).not.toHaveProperty("details.method");
  });

  test("the stack keeps the chain of causes, and both it and the message are bounded", async () => {
    const thrown = new Error("outer".repeat(10_000), { cause: new Error("inner", { cause: "no error" }) });
    const { engine, record } = await testEngine([throwing(thrown, { iterBatches: () => [{ payload: 1 }] })]);
    const task = await engine.run(graphOf(node("bad", [], { retry_policy: { max: 0 } })));
    await expect(task.result()).rejects.toThrow();
    const { failure } = await record(task.id, "bad");
    expect(failure?.message.length).toBeLessThanOrEqual(4_096);
    expect(failure?.stack?.length).toBeLessThanOrEqual(16_384);
    const short = await testEngine([
      throwing(new Error("outer", { cause: new Error("inner") }), { iterBatches: () => [{ payload: 1 }] }),
    ]);
    const other = await short.engine.run(graphOf(node("bad", [], { retry_policy: { max: 0 } })));
    await expect(other.result()).rejects.toThrow();
    expect((await short.record(other.id, "bad")).failure?.stack).toMatch(
      /Error: outer(?:.|\n)*caused by: Error: inner/,
    );
  });
});

describe("a thrown value that is not a readable error", () => {
  test.for(Object.keys(hostileErrors))("%s fails one attempt, with the available details", async (what) => {
    const { make, says } = hostileErrors[what] as (typeof hostileErrors)[string];
    const { engine, record } = await testEngine([
      throwing("x", { iterBatches: () => [{ payload: 1 }], ...thrower(make) }),
    ]);
    const task = await engine.run(graphOf(node("bad", [], { retry_policy: { max: 0 } })));
    const error: unknown = await task.result().catch((caught: unknown) => caught);
    expect(FlowError.is(error, "TASK_FAILED")).toBe(true);
    const { failure, epoch, lost, failures } = await record(task.id, "bad");
    expect({ epoch, lost, failures }).toEqual({ epoch: 1, lost: 0, failures: 1 });
    expect(failure).toMatchObject({ reasonCode: "unexpected_error", batchUid: "0" });
    expect(failure?.message).toMatch(says);
  });

  test.for(Object.keys(hostileErrors))("%s, of a cleanup, is logged and ends nothing", async (what) => {
    const { make } = hostileErrors[what] as (typeof hostileErrors)[string];
    const recording = new RecordingLogger();
    const a = source("a", [1], {
      processBatch: (n, ctx) => {
        ctx.onCleanup(thrower(make).processBatch);
        return n;
      },
    });
    await using engine = await createEngine({ handlers: [a], logger: readingLogger(recording) });
    expect(await (await engine.run(graphOf(node("a")))).result()).toEqual({ a: [1] });
    await until(() => recording.lines.some(({ message }) => message === "a cleanup of the handler failed"));
  });
});

describe("the handler's own classification", () => {
  test.for([
    { what: "a promise", own: Promise.resolve({ code: "own", permanent: true }), says: "returned a promise: it must" },
    { what: "a promise that rejects", own: () => Promise.reject(new Error("late")), says: "returned a promise" },
    { what: "a code alone", own: "own", says: "returned a string instead of { code, permanent }" },
    { what: "a number as code", own: { code: 502, permanent: true }, says: "returned a number as code" },
    { what: "an empty code", own: { code: "", permanent: true }, says: "returned an empty string as code" },
    { what: "no code", own: { permanent: true }, says: "returned undefined as code" },
    {
      what: "a code of a megabyte",
      own: { code: "x".repeat(1 << 20), permanent: true },
      says: "returned a string of 1048576 characters",
    },
    { what: "no permanent", own: { code: "own" }, says: "returned undefined as permanent" },
    { what: "a word as permanent", own: { code: "own", permanent: "no" }, says: "returned a string as permanent" },
  ])("if invalid, is ignored and reported: $what", async ({ own, says }) => {
    const classifyError = () => (typeof own === "function" ? own() : own) as never;
    const error = await failureOf(throwing(new RetryableError("busy", "come back"), { classifyError }));
    expect(error.details).toMatchObject({ reasonCode: "busy", tries: 2 });
    expect(error.message).toContain("come back (and classifyError ");
    expect(error.message).toContain(says);
    expect(JSON.stringify(error.details).length).toBeLessThan(10_000);
  });

  test("if invalid, is reported after a message of any length", async () => {
    const thrown = new Error("y".repeat(100_000));
    const error = await failureOf(throwing(thrown, { classifyError: () => ({ code: 1, permanent: true }) as never }));
    expect(error.message).toContain("classifyError returned a number as code");
    expect(error.message.length).toBeLessThan(5_000);
  });

  test.for([
    { what: "a number", code: 502, says: "it has a number as code" },
    { what: "a megabyte", code: "x".repeat(1 << 20), says: "it has a string of 1048576 characters" },
  ])("in a thrown error is validated too: $what as code", async ({ code, says }) => {
    const error = await failureOf(throwing(new PermanentError(code as string, "no price")));
    expect(error.details).toMatchObject({ reasonCode: "unexpected_error", epoch: 1 });
    expect(error.message).toContain("no price");
    expect(error.message).toContain(says);
  });

  test.for([
    { permanent: true, tries: 1 },
    { permanent: false, tries: 2 },
  ])("permanent $permanent: $tries tries", async ({ permanent, tries }) => {
    const error = await failureOf(throwing(new TypeError("x"), { classifyError: () => ({ code: "own", permanent }) }));
    expect(error.details).toMatchObject({ reasonCode: "own", tries });
  });

  test("absent: the engine's classification applies", async () => {
    const error = await failureOf(throwing(new PermanentError("bad_row"), { classifyError: () => undefined }));
    expect(error.details).toMatchObject({ reasonCode: "bad_row" });
  });

  test("that throws does not hide the error, and both are reported", async () => {
    const error = await failureOf(
      throwing(new PermanentError("bad_row", "no price"), {
        classifyError: () => {
          throw new Error("classifier broken");
        },
      }),
    );
    expect(error.details).toMatchObject({ reasonCode: "bad_row" });
    expect(error.message).toMatch(/no price.*classifier broken/);
  });

  test("is not requested for the engine's own errors", async () => {
    const classifyError = vi.fn(() => ({ code: "own", permanent: false }));
    const error = await failureOf(handler("bad", { output: z.string(), classifyError }));
    expect(error.details).toMatchObject({ reasonCode: "schema_mismatch", epoch: 1 });
    expect(classifyError).not.toHaveBeenCalled();
  });
});

describe("values that do not match", () => {
  test("a wrong output reports node, batch and path, and is permanent", async () => {
    const error = await failureOf(
      handler("bad", {
        output: z.object({ rows: z.array(z.object({ price: z.number() })) }),
        processBatch: () => ({ rows: [{ price: 1 }, { price: "2" }] }),
      }),
    );
    expect(error.details).toMatchObject({ nodeId: "bad", reasonCode: "schema_mismatch", batchUid: "0", epoch: 1 });
    expect(error.message).toMatch(
      /failed at node 'bad', batch '0': schema_mismatch: output does not match its schema: \.rows\[1\]\.price: expected number/,
    );
  });

  test("a wrong input reports the path too, and the handler is not called", async () => {
    const processBatch = vi.fn();
    const error = await failureOf(handler("bad", { input: z.string(), processBatch }));
    expect(error.details).toMatchObject({ reasonCode: "schema_mismatch", batchUid: "0", epoch: 1 });
    expect(error.message).toMatch(/input .* expected string/);
    expect(processBatch).not.toHaveBeenCalled();
  });

  test.for([
    ["a Date", new Date(0)],
    ["undefined", { a: [undefined] }],
    ["NaN", { a: Number.NaN }],
    ["a function", { a: () => 1 }],
    ["a bigint", 1n],
    ["a Map", new Map()],
  ])("an output that JSON cannot represent, %s, is a mismatch even if the schema accepts it", async ([, value]) => {
    const error = await failureOf(handler("bad", { output: z.unknown(), processBatch: () => value }));
    expect(error.details).toMatchObject({ reasonCode: "schema_mismatch", epoch: 1 });
  });

  test("an output with undefined in a list is not JSON even if its schema accepts it", async () => {
    const error = await failureOf(
      handler("bad", { output: z.array(z.string().optional()), processBatch: () => ["a", undefined] }),
    );
    expect(error.details).toMatchObject({ reasonCode: "schema_mismatch" });
  });

  test("arguments are validated before any handler code runs", async () => {
    const setup = vi.fn();
    const error = await failureOf(handler("bad", { args: z.object({ size: z.int() }), setup }), {
      args: { size: "x" },
    });
    expect(error.details).toMatchObject({ reasonCode: "handler_mismatch", epoch: 1 });
    expect(error.message).toMatch(/arguments .*'bad': \.size: expected (int|number)/);
    expect(setup).not.toHaveBeenCalled();
  });

  test("a root whose arguments are its input fails with bad_input", async () => {
    const { engine } = await testEngine([handler("root", { input: z.object({ n: z.number() }) })]);
    const task = await engine.run(graphOf(node("root", [], { args: { n: "1" } })));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "bad_input", epoch: 1 } });
  });

  test("a batch of iterBatches without a payload, or with an invalid uid", async () => {
    for (const batch of [
      {},
      { uid: "x" },
      undefined,
      7,
      { uid: "", payload: 1 },
      { uid: 3, payload: 1 },
      { uid: "x".repeat(513), payload: 1 },
    ]) {
      const error = await failureOf(handler("bad", { iterBatches: () => [batch] as never }));
      expect(error.details).toMatchObject({ reasonCode: "bad_input", epoch: 1 });
    }
  });

  test("a failure between batches belongs to no batch: the last one is not blamed", async () => {
    const error = await failureOf(
      handler("bad", {
        async *iterBatches() {
          yield { payload: 1 };
          throw new Error("the cursor closed");
        },
      }),
    );
    expect(error.message).toContain("the cursor closed");
    expect(error.details).not.toHaveProperty("batchUid");
  });

  test("the store keeps a copy: neither handler can change it afterwards", async () => {
    const shared = { rows: [1] };
    const { engine, artifacts } = await testEngine([
      handler("src", { output: z.unknown(), iterBatches: () => [{ payload: shared }] }),
      handler("vandal", {
        input: z.unknown(),
        processBatch: (payload) => {
          (payload as { rows: number[] }).rows.push(99);
          return "done";
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("src"), node("vandal", ["src"])));
    await task.result();
    shared.rows.push(7);
    expect((await artifacts(task.id, "src"))[0]?.meta).toEqual({ rows: [1] });
  });
});

describe("missing definitions", () => {
  test("a stored node of an unknown coordinator function", async () => {
    const { engine, store } = await testEngine([]);
    const graph = unchecked(node("f", [], { fn: "no.such" }));
    await store.createTask({ id: "t", graph, params: {}, priority: 0 });
    await expect(engine.task("t").result()).rejects.toMatchObject({ details: { reasonCode: "no_handler" } });
  });

  test("a handler that contradicts the schemas of the graph does not run", async () => {
    const runs = vi.fn(() => "n");
    const reader = (input: z.ZodType) => handler("read", { input, output: z.string(), processBatch: runs });
    const graph = {
      ...unchecked(node("src"), node("read", ["src"], { retry_policy: { ...atOnce, max: 3 } })),
      schemas: { src: { output: { type: "number" } }, read: { input: { type: "number" }, output: { type: "string" } } },
    };
    const run = async (given: HandlerDefinition, taskId: string) => {
      const { engine, store } = await testEngine([source("src", [1]), given]);
      await store.createTask({ id: taskId, graph, params: {}, priority: 0 }); // as of another process
      return engine.task(taskId).result();
    };
    await expect(run(reader(z.number()), "same")).resolves.toEqual({ read: ["n"] });
    await expect(run(reader(z.union([z.number(), z.string()])), "accepts more")).resolves.toEqual({ read: ["n"] });
    runs.mockClear();
    await expect(run(reader(z.string()), "changed")).rejects.toMatchObject({
      message: expect.stringMatching(
        /edge 'src' -> 'read': the whole payload is number, needs string; worker \S+ has another version of handler 'read'/,
      ),
      details: { nodeId: "read", reasonCode: "handler_mismatch", epoch: 1 },
    });
    expect(runs).not.toHaveBeenCalled();
  });

  test("a graph with a type that no handler serves is refused", async () => {
    const { engine } = await testEngine([source("extract", [])]);
    await expect(engine.run(graphOf(node("extrac")))).rejects.toMatchObject({
      code: "GRAPH_INVALID",
      message: expect.stringContaining("extract"),
    });
  });

  test("parameters that do not match are refused before anything is stored", async () => {
    const { engine, writes } = await testEngine([source("a", [])]);
    const graph = {
      ...graphOf(node("a")),
      params_schema: { type: "object", properties: { date: { type: "string" } }, required: ["date"] },
    };
    await expect(engine.run(graph)).rejects.toMatchObject({ code: "PARAMS_INVALID" });
    await expect(engine.run(graph, { params: { date: 3 } })).rejects.toMatchObject({
      code: "PARAMS_INVALID",
      message: expect.stringContaining(".date"),
    });
    expect(writes).toEqual([]);
  });

  test("an unknown task or node", async () => {
    const { engine } = await testEngine([source("a", [])]);
    await expect(engine.task("nope").result()).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
    await expect(engine.task("nope").cancel()).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
    const task = await engine.run(graphOf(node("a")));
    await expect(task.artifacts("b").next()).rejects.toMatchObject({ code: "NODE_UNKNOWN" });
    await task.result();
  });
});
