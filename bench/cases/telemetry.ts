import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { defineHandler } from "flowkit";
import { openTelemetry } from "flowkit/adapters/opentelemetry";
import { engineCase, type Observer } from "../engine-case.ts";
import { chainOf, source, step, Tick } from "../flows.ts";
import type { Case } from "../measure.ts";
import { atMostTimesFirst } from "../targets.ts";

/** The API without an SDK, as in a program that configures none. */
const api = (): Observer => ({ telemetry: openTelemetry(), [Symbol.dispose]() {} });

/** An SDK that neither keeps nor sends anything, to measure only the work of the SDK and FlowKit for a span or a value. */
function sdk(attemptsPerSec?: number): Observer & ReturnType<typeof providers> {
  const made = providers();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const rates = attemptsPerSec === undefined ? {} : { attemptsPerSec, batchesPerSec: attemptsPerSec };
  return {
    ...made,
    telemetry: openTelemetry({ ...made, ...rates }),
    [Symbol.dispose]() {
      context.disable();
      void made.meterProvider.shutdown();
    },
  };
}

function providers() {
  const idle = async () => {};
  const spanProcessor = { onStart() {}, onEnd() {}, forceFlush: idle, shutdown: idle };
  const exporter = {
    export: (_: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
    forceFlush: idle,
    shutdown: idle,
  };
  return {
    tracerProvider: new BasicTracerProvider({ spanProcessors: [spanProcessor] }),
    meterProvider: new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] }),
  };
}

const workMs = 1;

/** Computes for 1 ms, and passes its batches on unchanged. */
const busy = defineHandler("busy", {
  input: Tick,
  output: Tick,
  processBatch(tick) {
    const until = performance.now() + workMs;
    while (performance.now() < until);
    return tick;
  },
});

/** `before` uses up the initial allowance of spans of attempts, and in memory also of tasks. */
const chains = [
  { name: "empty nodes", next: step, tasks: 400, before: 120 },
  { name: "nodes of 1 ms", next: busy, tasks: 3, isLong: true },
  { name: "SQLite", next: step, tasks: 40, before: 20, isLong: true, store: "SQLite" },
] as const;

/** The cost of one of these in the SDK alone. */
const ofSdk = (unit: "span" | "value", make: (made: ReturnType<typeof sdk>) => () => void): Case => {
  const units = 20_000;
  return {
    name: `telemetry: the SDK, a ${unit}`,
    group: "telemetry: the SDK",
    unit,
    units,
    async prepare() {
      const made = sdk();
      const one = make(made);
      return {
        async run() {
          for (let n = 0; n < units; n++) one();
          return undefined;
        },
        async [Symbol.asyncDispose]() {
          made[Symbol.dispose]();
        },
      };
    },
  };
};

/** The attributes of an attempt's span, and of its value in the histogram. */
const attributes = {
  "flowkit.task.id": "e143e805-7ec1-48ed-865c-64d3bf4a66fe",
  "flowkit.flow": "chain",
  "messaging.system": "flowkit",
  "messaging.operation.type": "process",
  "messaging.operation.name": "attempt",
  "messaging.destination.name": "step",
  "messaging.client.id": "worker-1",
  "flowkit.node.id": "n1",
  "flowkit.node.type": "step",
  "flowkit.shard": 0,
  "flowkit.epoch": 1,
};

/**
 * A chain without telemetry twice, whose ratio shows how exact the other ratios are; with the API alone, and with an
 * SDK; then with a span for every attempt, and the SDK alone.
 */
export const telemetry: readonly Case[] = [
  ...chains.flatMap(({ name, next, tasks, ...more }) => {
    const chain = {
      ...{ group: `telemetry: ${name}`, unit: "node", units: 100 * tasks, tasks },
      ...{ handlers: [source, next], graph: chainOf(100, source, next), ...more },
    };
    const target = atMostTimesFirst(1.1);
    return [
      engineCase({ ...chain, name: `telemetry: ${name}, without` }),
      engineCase({ ...chain, name: `telemetry: ${name}, without, again` }),
      engineCase({ ...chain, name: `telemetry: ${name}, API only`, observe: api, target }),
      engineCase({ ...chain, name: `telemetry: ${name}, SDK`, observe: () => sdk(), target }),
      engineCase({
        ...chain,
        name: `telemetry: ${name}, SDK, every span`,
        observe: () => sdk(Number.POSITIVE_INFINITY),
      }),
    ];
  }),
  ofSdk("span", ({ tracerProvider }) => {
    const tracer = tracerProvider.getTracer("bench");
    return () => tracer.startSpan("process n1", { attributes }).end();
  }),
  ofSdk("value", ({ meterProvider }) => {
    const histogram = meterProvider.getMeter("bench").createHistogram("messaging.process.duration", { unit: "s" });
    const { "messaging.destination.name": type } = attributes;
    const values = { "messaging.system": "flowkit", "messaging.operation.name": "attempt" };
    return () => histogram.record(0.001, { ...values, "messaging.destination.name": type });
  }),
];
