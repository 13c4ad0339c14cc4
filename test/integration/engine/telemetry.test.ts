import { trace } from "@opentelemetry/api";
import { describe, expect, test } from "vitest";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import { openTelemetry } from "../../../src/adapters/opentelemetry/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { Store, Telemetry, TracedAttempt } from "../../../src/core/ports/index.ts";
import { Client, Coordinator, Worker } from "../../../src/engine/index.ts";
import { FlowError, PermanentError, RetryableError, silentLogger } from "../../../src/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { type OtlpReceiver, otlpReceiver, type ReceivedSpan } from "../../helpers/otlp-receiver.ts";
import { until } from "../../helpers/waiting.ts";

const etl = { ...graphOf(node("src"), node("step", ["src"])), name: "etl" };
const given = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const traceparent = `00-${given.traceId}-${given.spanId}-01`;

/** Waits for the span of a task, which is created after the task has ended. */
async function spansOf(otlp: OtlpReceiver, taskId: string, name = "task etl"): Promise<readonly ReceivedSpan[]> {
  let spans: readonly ReceivedSpan[] = [];
  const isOfTask = ({ attributes }: ReceivedSpan) => attributes["flowkit.task.id"] === taskId;
  await until(async () => {
    spans = await otlp.spans();
    return spans.some((span) => span.name === name && isOfTask(span));
  });
  return spans;
}

const named = (spans: readonly ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);

describe("a task's spans", () => {
  test("are one trace: its creation, and within it the task, its attempts, their batches, and what handlers trace", async () => {
    const otlp = await otlpReceiver();
    const step = handler("step", {
      processBatch: (n) => {
        const tracer = otlp.providers.tracerProvider.getTracer("a database driver");
        return tracer.startActiveSpan("query", (span) => {
          span.end();
          return n;
        });
      },
    });
    const { engine } = await testEngine([source("src", numbers(2)), step], {
      telemetry: openTelemetry(otlp.providers),
    });
    const task = await engine.run(etl);
    await task.result();
    const spans = await spansOf(otlp, task.id);
    const [created] = named(spans, "create etl");
    expect(created).toMatchObject({
      kind: 4,
      parentSpanId: undefined,
      failed: false,
      attributes: {
        "flowkit.task.id": task.id,
        "flowkit.flow": "etl",
        "messaging.system": "flowkit",
        "messaging.operation.type": "create",
        "messaging.destination.name": "etl",
        "messaging.message.id": task.id,
      },
    });
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([created?.traceId]));

    const [ended, ...others] = named(spans, "task etl");
    const { createdAt, endedAt } = await task.status();
    expect(others).toEqual([]);
    expect(ended).toMatchObject({ parentSpanId: created?.spanId, startMs: createdAt, endMs: endedAt, failed: false });
    expect(ended?.attributes).toMatchObject({ "flowkit.task.status": "finished" });

    const attempts = ["src", "step"].flatMap((id) => named(spans, `process ${id}`));
    expect(attempts).toHaveLength(2);
    for (const attempt of attempts)
      expect(attempt).toMatchObject({ kind: 5, parentSpanId: created?.spanId, failed: false });
    expect(attempts[1]?.attributes).toMatchObject({
      "messaging.operation.type": "process",
      "messaging.destination.name": "step",
      "messaging.client.id": expect.stringMatching(/^worker-/),
      "flowkit.node.id": "step",
      "flowkit.shard": 0,
      "flowkit.epoch": 1,
      "flowkit.attempt.outcome": "finished",
      "flowkit.attempt.processed": 2,
    });

    const [produced, consumed] = ["src", "step"].map((id) => named(spans, `batch ${id}`));
    expect(produced?.map(({ attributes }) => attributes["flowkit.batch.uid"])).toEqual(["0", "1"]);
    expect(consumed?.map(({ parentSpanId }) => parentSpanId)).toEqual([attempts[1]?.spanId, attempts[1]?.spanId]);
    // Each batch of a consumer is linked with the one that it was made from.
    expect(consumed?.map(({ links }) => links)).toEqual(produced?.map(({ traceId, spanId }) => [{ traceId, spanId }]));
    expect(produced?.map(({ links }) => links)).toEqual([[], []]);
    expect(named(spans, "query").map(({ parentSpanId }) => parentSpanId)).toEqual(
      consumed?.map(({ spanId }) => spanId),
    );
  });

  test("continue the trace of the caller: the active span, or the given context", async () => {
    const otlp = await otlpReceiver();
    const { engine } = await testEngine([source("src", [1]), handler("step")], {
      telemetry: openTelemetry(otlp.providers),
    });
    const tracer = otlp.providers.tracerProvider.getTracer("a web server");
    const [task, requestSpan] = await tracer.startActiveSpan("POST /orders", async (span) => {
      const running = await engine.run(etl);
      span.end();
      return [running, span.spanContext()] as const;
    });
    await task.result();
    const other = await engine.run(etl, { traceparent });
    await other.result();
    await spansOf(otlp, task.id);
    const spans = await spansOf(otlp, other.id);
    const createOf = (id: string) =>
      named(spans, "create etl").find(({ attributes }) => attributes["flowkit.task.id"] === id);
    expect(createOf(task.id)).toMatchObject({ traceId: requestSpan.traceId, parentSpanId: requestSpan.spanId });
    expect(createOf(other.id)).toMatchObject({ traceId: given.traceId, parentSpanId: given.spanId });
    expect(
      named(spans, "process step")
        .map(({ traceId }) => traceId)
        .toSorted(),
    ).toEqual([requestSpan.traceId, given.traceId].toSorted());
  });

  test("are one trace also if a client, a coordinator and a worker share only the store", async () => {
    const otlp = await otlpReceiver();
    const telemetry = () => openTelemetry(otlp.providers);
    const store = sqliteStore(":memory:");
    const parts = { store, logger: silentLogger };
    const handlers = [source("src", numbers(3)), handler("step")];
    await using client = new Client({ ...parts, workerTypes: ["src", "step"], telemetry: telemetry() });
    await using coordinator = new Coordinator({ ...parts, workerTypes: ["src", "step"], telemetry: telemetry() });
    await using worker = new Worker({ ...parts, handlers, roles: ["src"], telemetry: telemetry() });
    await using another = new Worker({ ...parts, handlers, roles: ["step"], telemetry: telemetry() });
    for (const part of [client, coordinator, worker, another]) await part.start();
    const { id } = await client.run(etl);
    await client.task(id).result();
    const spans = await spansOf(otlp, id);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(named(spans, "batch step").map(({ links }) => links.length)).toEqual([1, 1, 1]);
    const workers = ["process src", "process step"].map(
      (name) => named(spans, name)[0]?.attributes["messaging.client.id"],
    );
    expect(new Set(workers).size).toBe(2);
  });

  test("are one trace also if the task was created without telemetry", async () => {
    const otlp = await otlpReceiver();
    const parts = { store: sqliteStore(":memory:"), logger: silentLogger };
    const handlers = [source("src", numbers(2)), handler("step")];
    await using client = new Client({ ...parts, workerTypes: ["src", "step"] });
    await using coordinator = new Coordinator({ ...parts, handlers, telemetry: openTelemetry(otlp.providers) });
    await using worker = new Worker({ ...parts, handlers, telemetry: openTelemetry(otlp.providers) });
    for (const part of [client, coordinator, worker]) await part.start();
    const { id } = await client.run(etl);
    await client.task(id).result();
    const spans = await spansOf(otlp, id);
    const names = ["task etl", "process src", "process step", "batch src"];
    expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([id.replaceAll("-", "")]));
    expect(
      new Set(spans.filter(({ name }) => !name.startsWith("batch")).map(({ parentSpanId }) => parentSpanId)).size,
    ).toBe(1);
  });

  test("show what failed: each try of a batch, and each attempt", async () => {
    const otlp = await otlpReceiver();
    let tries = 0;
    const { engine } = await testEngine(
      [
        source("src", [1]),
        handler("step", {
          processBatch: () => {
            tries++;
            throw tries === 1 ? new RetryableError("busy", "not now") : new PermanentError("refused", "never");
          },
        }),
      ],
      // Tries that fail have a span even if no others have.
      { telemetry: openTelemetry({ ...otlp.providers, batchesPerSec: 0 }) },
    );
    const policy = { retry_policy: { max: 3, ...atOnce } } as const;
    const task = await engine.run({ ...graphOf(node("src"), node("step", ["src"], policy)), name: "etl" });
    await task.wait();
    const spans = await spansOf(otlp, task.id);
    expect(named(spans, "batch src")).toEqual([]);
    expect(
      named(spans, "batch step").map(({ failed, attributes, events }) => ({
        failed,
        type: attributes["error.type"],
        tries: attributes["flowkit.batch.tries"],
        message: events[0]?.attributes["exception.message"],
      })),
    ).toEqual([
      { failed: true, type: "busy", tries: 1, message: "not now" },
      { failed: true, type: "refused", tries: 2, message: "never" },
    ]);
    const [attempt] = named(spans, "process step");
    expect(attempt).toMatchObject({ failed: true, events: [{ name: "exception" }] });
    expect(attempt?.attributes).toMatchObject({ "flowkit.attempt.outcome": "failed", "error.type": "refused" });
    expect(named(spans, "task etl")[0]).toMatchObject({
      failed: true,
      attributes: { "flowkit.task.status": "failed" },
    });
  });

  test("have one link to the batch that an only batch was made from, however often it is tried", async () => {
    const otlp = await otlpReceiver();
    let tries = 0;
    const step = handler("step", {
      processBatch: (n) => {
        if (++tries < 3) throw new RetryableError("busy", "not now");
        return n;
      },
    });
    const { engine } = await testEngine([source("src", [1]), step], { telemetry: openTelemetry(otlp.providers) });
    const policy = { retry_policy: { max: 2, ...atOnce } } as const;
    const { id } = await engine.run({ ...graphOf(node("src"), node("step", ["src"], policy)), name: "etl" });
    expect(named(await spansOf(otlp, id), "process step").map(({ links }) => links.length)).toEqual([1]);
  });

  test("of handlers whose attempts have none belong to the creation of their own task", async () => {
    const otlp = await otlpReceiver();
    const traced = (name: string, wait: () => Promise<void> | undefined) =>
      handler(name, {
        processBatch: (n) =>
          otlp.providers.tracerProvider.getTracer("a database driver").startActiveSpan(`query ${name}`, (span) => {
            span.end();
            return wait()?.then(() => n) ?? n;
          }),
      });
    // Nodes that follow each other in one slot, in the same step and after a wait.
    const names = ["a", "b", "c", "d"];
    const pause = () => new Promise<void>((done) => setImmediate(done));
    const handlers = names.map((name) => traced(name, name === "b" ? pause : () => undefined));
    const telemetry = openTelemetry({ ...otlp.providers, attemptsPerSec: 0, batchesPerSec: 0 });
    const { engine } = await testEngine([source("src", [1]), ...handlers], { telemetry });
    const chain = [node("src"), ...names.map((name, index) => node(name, [names[index - 1] ?? "src"]))];
    const tasks = await Promise.all([1, 2].map(() => engine.run({ ...graphOf(...chain), name: "etl" })));
    for (const task of tasks) await task.result();
    for (const { id } of tasks) {
      const spans = await spansOf(otlp, id);
      const created = named(spans, "create etl").find(({ attributes }) => attributes["flowkit.task.id"] === id);
      const own = spans.filter(({ traceId }) => traceId === created?.traceId);
      expect(named(spans, "process a")).toEqual([]);
      expect(names.map((name) => named(own, `query ${name}`).map(({ parentSpanId }) => parentSpanId))).toEqual(
        names.map(() => [created?.spanId]),
      );
    }
  });

  test("above the rate cover only failures, in the trace of the caller or of the task's id", async () => {
    const otlp = await otlpReceiver();
    const step = handler("step", {
      processBatch: () => {
        throw new PermanentError("refused", "never");
      },
    });
    const telemetry = openTelemetry({ ...otlp.providers, tasksPerSec: 0, attemptsPerSec: 0 });
    const broken = handler("broken", {
      iterBatches: () => {
        throw new PermanentError("no_source", "nothing to read");
      },
    });
    const { engine } = await testEngine([source("src", [1]), step, broken], { telemetry });
    using _ = engine.on("taskFinished", () => {}); // for which the task is read, though not traced
    const fine = await engine.run({ ...graphOf(node("src")), name: "etl" });
    await fine.result();
    const own = await engine.run(etl);
    await own.wait();
    const called = await otlp.providers.tracerProvider
      .getTracer("a web server")
      .startActiveSpan("POST /orders", async (span) => {
        const running = await engine.run(etl);
        span.end();
        return { task: running, context: span.spanContext() };
      });
    await called.task.wait();
    await spansOf(otlp, own.id);
    const spans = await spansOf(otlp, called.task.id);
    expect(named(spans, "create etl")).toEqual([]);
    expect(spans.filter(({ attributes }) => attributes["flowkit.task.id"] === fine.id)).toEqual([]);
    expect(new Set(named(spans, "process step").map(({ traceId }) => traceId))).toEqual(
      new Set([own.id.replaceAll("-", ""), called.context.traceId]),
    );
    expect(named(spans, "task etl").map(({ parentSpanId }) => parentSpanId)).toContain(called.context.spanId);
    // Failures are recorded completely, even outside of batches.
    const { id } = await engine.run({ ...graphOf(node("broken")), name: "etl" });
    const [failed] = named(await spansOf(otlp, id), "process broken");
    expect(failed).toMatchObject({ failed: true, attributes: { "error.type": "no_source" } });
    const tried = { "error.type": "refused", "flowkit.batch.uid": "0", "flowkit.batch.tries": 1 };
    for (const batch of named(spans, "batch step")) expect(batch).toMatchObject({ failed: true, attributes: tried });
    expect(named(spans, "batch step")).toHaveLength(2);
    const counts = { "flowkit.attempt.processed": 0, "flowkit.attempt.failed_tries": 1 };
    const outcome = { "flowkit.attempt.outcome": "failed", "error.type": "refused", "flowkit.batch.uid": "0" };
    for (const { attributes } of named(spans, "process step"))
      expect(attributes).toMatchObject({ ...outcome, ...counts });
  });

  test("cover batches even if their attempts have none", async () => {
    const otlp = await otlpReceiver();
    const telemetry = openTelemetry({ ...otlp.providers, attemptsPerSec: 0 });
    const { engine } = await testEngine([source("src", numbers(3)), handler("step")], { telemetry });
    const { id } = await engine.run(etl);
    const spans = await spansOf(otlp, id);
    const [created] = named(spans, "create etl");
    const parents = named(spans, "batch step").map(({ parentSpanId }) => parentSpanId);
    expect(parents).toEqual([created?.spanId, created?.spanId, created?.spanId]);
    expect(named(spans, "process step")).toEqual([]);
  });

  test("cover a limited number of batches per second", async () => {
    const otlp = await otlpReceiver();
    const batches = 500;
    const { engine } = await testEngine([source("src", numbers(batches)), handler("step")], {
      telemetry: openTelemetry({ ...otlp.providers, batchesPerSec: 5 }),
    });
    const task = await engine.run(etl);
    await task.result();
    const { createdAt, endedAt = 0 } = await task.status();
    const spans = await spansOf(otlp, task.id);
    const count = [...named(spans, "batch src"), ...named(spans, "batch step")].length;
    expect(count).toBeGreaterThanOrEqual(5);
    expect(count).toBeLessThanOrEqual(5 + (5 * (endedAt - createdAt + 1_000)) / 1_000);
    expect(named(spans, "process step")[0]?.attributes["flowkit.attempt.processed"]).toBe(batches);
  });
});

describe("log lines", () => {
  test("have the ids of the span within which they were logged, in the logger and in the store", async () => {
    const otlp = await otlpReceiver();
    const { engine, logged } = await testEngine(
      [
        source("src", [1]),
        handler("step", {
          processBatch: (n, ctx) => {
            ctx.logger.info({ n }, "got one");
            throw new PermanentError("refused", "never");
          },
        }),
      ],
      { telemetry: openTelemetry(otlp.providers) },
    );
    const task = await engine.run(etl);
    await task.wait();
    const spans = await spansOf(otlp, task.id);
    const [attempt] = named(spans, "process step"); // whose span is also that of its only batch
    const ids = { trace_id: attempt?.traceId, span_id: attempt?.spanId };
    expect(logged.find(({ message }) => message === "got one")?.fields).toEqual({ n: 1, ...ids });
    expect((await task.logs()).lines[0]?.fields).toEqual({ batchUid: "0", n: 1, ...ids });
    expect(logged.find(({ message }) => message === "a node failed")?.fields).toMatchObject({
      trace_id: attempt?.traceId,
      span_id: attempt?.spanId,
    });
    const ofTask = logged.filter(({ fields }) => (fields as { taskId?: string }).taskId === task.id);
    expect(ofTask.map(({ message }) => message)).toEqual(["a task started", "a node failed", "a task failed"]);
    for (const { fields } of ofTask) expect(fields).toMatchObject({ trace_id: attempt?.traceId });
  });
});

test("metrics count what the process changed in the store", async () => {
  const otlp = await otlpReceiver();
  const { engine } = await testEngine([source("src", numbers(3)), handler("step")], {
    telemetry: openTelemetry(otlp.providers),
  });
  await (await engine.run(etl)).result();
  const points = await otlp.points();
  const countOf = (name: string, attributes: object) =>
    points.find(
      (point) =>
        point.name === name && Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
    )?.value;
  const ofStep = { "flowkit.node.type": "step" };
  expect(countOf("flowkit.tasks.ended", { "flowkit.task.status": "finished" })).toBe(1);
  expect(countOf("flowkit.attempts.started", ofStep)).toBe(1);
  expect(countOf("flowkit.attempts.ended", { ...ofStep, "flowkit.attempt.outcome": "finished" })).toBe(1);
  expect(countOf("flowkit.attempts.running", ofStep)).toBe(0);
  expect(countOf("flowkit.batches.processed", ofStep)).toBe(3);
  expect(countOf("messaging.process.duration", { "messaging.destination.name": "step" })).toBe(1);
});

test.for([1, 2])("with %i batches, a try that a cancel ends does not count as failed", async (batches) => {
  const otlp = await otlpReceiver();
  const began = Promise.withResolvers<void>();
  const step = handler("step", {
    processBatch: (_, { signal }) => {
      began.resolve();
      return new Promise((__, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  const telemetry = openTelemetry(otlp.providers);
  const { engine } = await testEngine([source("src", numbers(batches)), step], { telemetry });
  const task = await engine.run(etl);
  await began.promise;
  await task.cancel({ reason: "enough" });
  await task.wait();
  const ofStep = async (name: string) =>
    (await otlp.points()).filter((point) => point.name === name && point.attributes["flowkit.node.type"] === "step");
  await until(async () => (await ofStep("flowkit.attempts.ended")).length > 0);
  expect((await ofStep("flowkit.attempts.ended"))[0]?.attributes["flowkit.attempt.outcome"]).toBe("cancelled");
  expect(await ofStep("flowkit.tries.failed")).toEqual([]);
  const spans = await spansOf(otlp, task.id);
  expect(spans.filter(({ failed }) => failed)).toEqual([]);
  const tries = named(spans, "batch step").map(({ attributes }) => attributes["flowkit.ended"]);
  expect(tries).toEqual(batches === 1 ? [] : ["the attempt must stop: cancelling"]); // an only batch has no own span
  const ended = { "flowkit.attempt.outcome": "cancelled" };
  expect(named(spans, "process step").map(({ attributes }) => attributes)).toEqual([expect.objectContaining(ended)]);
});

test("an attempt that ends without a write, since the store is unreachable, counts as fenced", async () => {
  const otlp = await otlpReceiver();
  const fail = async () => {
    throw new FlowError("STORE_UNAVAILABLE", "no route to the store");
  };
  const store: Store = Object.assign(memoryStore(), { fail });
  const refusing = handler("step", {
    processBatch: () => {
      throw new PermanentError("refused", "never");
    },
  });
  const telemetry = openTelemetry({ ...otlp.providers, attemptsPerSec: 0 });
  const { engine } = await testEngine([source("src", [1]), refusing], { telemetry, store });
  await engine.run(etl);
  const ofStep = async (name: string) =>
    (await otlp.points()).filter((point) => point.name === name && point.attributes["flowkit.node.type"] === "step");
  await until(async () => (await ofStep("flowkit.attempts.ended")).length > 0);
  expect((await ofStep("flowkit.attempts.ended")).map(({ attributes, value }) => ({ ...attributes, value }))).toEqual([
    { "flowkit.node.type": "step", "flowkit.attempt.outcome": "fenced", value: 1 },
  ]);
  expect((await ofStep("flowkit.attempts.running"))[0]?.value).toBe(0);
  expect((await ofStep("flowkit.tries.failed"))[0]?.value).toBe(1);
});

test("an SDK that throws when the span of an attempt ends prevents no node from running", async () => {
  const telemetry: Telemetry = {
    ...openTelemetry(),
    attemptEnded() {
      throw new Error("no exporter");
    },
  };
  const handlers = [source("src", [1]), handler("step")];
  const { engine, logged } = await testEngine(handlers, { telemetry, capacity: 1, mayLogErrors: true });
  const task = await engine.run(etl);
  expect(await task.result()).toEqual({ step: [1] });
  expect(logged.filter(({ fields }) => (fields as { part?: string }).part === "telemetry")).toHaveLength(2);
});

/** An attempt of a task that was created without telemetry. `looks`: how often its type was read. */
function attemptAfter(sec: number): { readonly of: TracedAttempt; readonly looks: () => number } {
  const attempt = { taskId: "task", nodeId: "step", shard: 0, epoch: 1, claimId: "claim" };
  let looks = 0;
  const of = {
    attempt,
    get type() {
      looks++;
      return "step";
    },
    flow: undefined,
    workerId: "worker",
    traceparent: undefined,
    began: performance.now() + sec * 1_000,
    trace: undefined,
    processed: 1,
    failedTries: 0,
    ending: undefined,
  };
  return { of, looks: () => looks };
}

/** Whether an attempt is observed when it begins, when one of several batches is tried, and when it ends. */
function isObserved(telemetry: Telemetry, afterSec: number): readonly boolean[] {
  const { of, looks } = attemptAfter(afterSec);
  telemetry.attempt(of);
  const begun = looks();
  const traced = telemetry.trace(of) !== undefined;
  telemetry.attemptEnded(of);
  return [begun > 0, traced, looks() > begun];
}

const always = [true, true, true];

describe("without an SDK, or without telemetry", () => {
  test.for([
    ["without an SDK", { telemetry: openTelemetry() }],
    ["without telemetry", {}],
  ] as const)("%s, nothing is stored about traces", async ([, options]) => {
    expect(trace.getActiveSpan()).toBeUndefined();
    const store = memoryStore();
    const { engine } = await testEngine([source("src", [1]), handler("step")], { ...options, store });
    const task = await engine.run(etl);
    await task.result();
    expect(await store.readTask(task.id)).not.toHaveProperty("traceparent");
    const [ref] = await store.readShards(task.id, ["src"]);
    if (ref === undefined) throw new Error("no shard");
    const [artifact] = await store.readArtifacts(ref, 0, 0, 1);
    expect(artifact?.origin).toEqual({ source: "", seq: 0, chunk: 0 });
  });

  test("without an SDK, only the attempts within the rate are observed", () => {
    const telemetry = openTelemetry({ attemptsPerSec: 1 });
    const beginnings = [0, 0, 1, 60, 60].map((afterSec) => isObserved(telemetry, afterSec)[0]);
    expect(beginnings).toEqual([true, false, true, true, false]);
  });

  test.for(["tracerProvider", "meterProvider"] as const)("with a %s alone, each attempt is observed", async (given) => {
    const telemetry = openTelemetry({ [given]: (await otlpReceiver()).providers[given], attemptsPerSec: 1 });
    expect([0, 0, 0].map((afterSec) => isObserved(telemetry, afterSec))).toEqual([always, always, always]);
  });

  test("an option that is not telemetry is refused", async () => {
    await expect(testEngine([], { telemetry: {} as never })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
    expect(() => openTelemetry({ batchesPerSec: -1 })).toThrow("batchesPerSec must be 0 or more, got -1");
  });
});
