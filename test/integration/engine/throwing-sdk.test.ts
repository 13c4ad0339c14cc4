import { context, type Histogram, type Span, type Tracer } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { openTelemetry } from "../../../src/adapters/opentelemetry/index.ts";
import { PermanentError, RetryableError } from "../../../src/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { type OtlpReceiver, otlpReceiver } from "../../helpers/otlp-receiver.ts";

/** The methods of an SDK that are called while a program runs; the last two are those of its context manager. */
const methods = [
  ...["startSpan", "spanContext", "isRecording", "setAttribute", "setAttributes", "addLink", "setStatus"],
  ...["recordException", "end", "record", "active", "with"],
] as const;
type Method = (typeof methods)[number];

/** An SDK of which these methods throw. `thrown`: which of them were called. */
function throwingSdk({ providers }: OtlpReceiver, throwing: ReadonlySet<string>) {
  const thrown = new Set<string>();
  const withThrowing = <T extends object>(of: T, more: Partial<T> = {}): T =>
    new Proxy(of, {
      get(target, name) {
        const value = (more as Record<PropertyKey, unknown>)[name] ?? Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (!throwing.has(String(name))) return value.bind(target);
        return () => {
          thrown.add(String(name));
          throw new Error(`no ${String(name)}`);
        };
      },
    });
  const tracer = providers.tracerProvider.getTracer("flowkit");
  const startSpan = (...args: Parameters<Tracer["startSpan"]>): Span => withThrowing(tracer.startSpan(...args));
  const meter = providers.meterProvider.getMeter("flowkit");
  const createHistogram = (...args: Parameters<typeof meter.createHistogram>): Histogram =>
    withThrowing(meter.createHistogram(...args));
  context.disable();
  context.setGlobalContextManager(withThrowing(new AsyncLocalStorageContextManager().enable()));
  onTestFinished(() => context.disable()); // before the providers shut down, which use it
  const telemetry = openTelemetry({
    tracerProvider: { getTracer: () => withThrowing(tracer, { startSpan }) },
    meterProvider: { getMeter: () => withThrowing(meter, { createHistogram }) },
  });
  return { telemetry, thrown };
}

/** What tasks do whose batches succeed, are tried again, are set aside, fail the task, and log. */
async function outcomes(telemetry: ReturnType<typeof openTelemetry> | undefined) {
  const tries = { step: 0, only: 0, failing: 0 };
  const flaky = handler("step", {
    processBatch: (n, ctx) => {
      ctx.logger.info({ n }, "a try");
      if (tries.step++ === 1) throw new RetryableError("busy", "not now");
      if (n === 3) throw new PermanentError("refused", "never three");
      return n;
    },
  });
  const only = handler("only", {
    processBatch: (n) => {
      if (tries.only++ === 0) throw new RetryableError("busy", "not now");
      return n;
    },
  });
  const failing = handler("failing", {
    processBatch: () => {
      tries.failing++;
      throw new PermanentError("refused", "never");
    },
  });
  const handlers = [source("src", numbers(4)), source("one", [1]), flaky, only, failing];
  const { engine, logged } = await testEngine(handlers, {
    ...(telemetry === undefined ? {} : { telemetry }),
    mayLogErrors: true,
  });
  const policy = { retry_policy: { max: 2, ...atOnce } } as const;
  const aside = { ...policy, batches: { on_failure: "set_aside" } } as const;
  const run = async (graph: ReturnType<typeof graphOf>) => {
    const task = await engine.run(graph);
    const { status, failure, nodes } = await task.wait();
    const reasons = { status, reasonCode: failure?.reasonCode, nodes: nodes.map((each) => each.status) };
    return status === "finished" ? { ...reasons, result: await task.result() } : reasons;
  };
  return {
    many: await run(graphOf(node("src"), node("step", ["src"], aside))),
    only: await run(graphOf(node("one"), node("only", ["one"], policy))),
    failed: await run(graphOf(node("one"), node("failing", ["one"]))),
    tries,
    errors: logged.filter(({ level }) => level === "error").length,
    lines: logged.filter(({ message }) => message === "a try").length,
  };
}

describe("an SDK that throws", () => {
  test.each<Method | "everything">([...methods, "everything"])("in %s changes no outcome", async (method) => {
    const otlp = await otlpReceiver();
    const throwing = new Set<string>(method === "everything" ? methods : [method]);
    const { telemetry, thrown } = throwingSdk(otlp, throwing);
    expect(await outcomes(telemetry)).toEqual(await outcomes(undefined));
    expect(thrown.size).toBeGreaterThan(0);
    if (method !== "everything") expect([...thrown]).toEqual([method]);
  });
});

test("an SDK that throws when a failed try gets its span changes neither the failure nor the tries", async () => {
  const otlp = await otlpReceiver();
  const tracer = otlp.providers.tracerProvider.getTracer("flowkit");
  const startSpan: typeof tracer.startSpan = (name, ...rest) => {
    if (name.startsWith("batch")) throw new Error("no processor");
    return tracer.startSpan(name, ...rest);
  };
  const tracerProvider = { getTracer: () => Object.assign(Object.create(tracer), { startSpan }) };
  let tries = 0;
  const step = handler("step", {
    processBatch: (n) => {
      if (++tries < 3) throw new RetryableError("busy", "not now");
      return n;
    },
  });
  // One batch, whose attempt has no span.
  const telemetry = openTelemetry({ ...otlp.providers, tracerProvider, attemptsPerSec: 0, batchesPerSec: 0 });
  const { engine, logged } = await testEngine([source("src", [1]), step], { telemetry, mayLogErrors: true });
  const policy = { retry_policy: { max: 2, ...atOnce } } as const;
  const task = await engine.run({ ...graphOf(node("src"), node("step", ["src"], policy)), name: "etl" });
  expect(await task.result()).toEqual({ step: [1] });
  expect(tries).toBe(3);
  expect(logged.filter(({ message }) => message === "a batch failed; will retry")).toHaveLength(2);
});
