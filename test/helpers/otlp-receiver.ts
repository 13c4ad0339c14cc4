import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type Attributes, context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { onTestFinished } from "vitest";
import type { OpenTelemetryOptions } from "../../src/adapters/opentelemetry/index.ts";

/** A span as it arrived. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** As in the protocol: 1 internal, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly failed: boolean;
  readonly startMs: number;
  readonly endMs: number;
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

type RawSpan = Readonly<Record<"name" | "traceId" | "spanId" | "startTimeUnixNano" | "endTimeUnixNano", string>>;

/** A point of a counter or a histogram as it arrived. */
export interface ReceivedPoint {
  readonly name: string;
  readonly attributes: Attributes;
  readonly value: number;
}

/** An OTLP/HTTP receiver on this machine, and an SDK that exports to it; both are closed at the end of the test. */
export interface OtlpReceiver {
  /** The SDK. */
  readonly providers: Required<Pick<OpenTelemetryOptions, "tracerProvider" | "meterProvider">>;
  /** Flushes the SDK, and returns all spans that have arrived. */
  spans(): Promise<readonly ReceivedSpan[]>;
  /** Flushes the SDK, and returns the latest point of each series. */
  points(): Promise<readonly ReceivedPoint[]>;
}

export async function otlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  let points: ReceivedPoint[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await textOf(request));
    if (request.url === "/v1/traces") spans.push(...spansOf(body));
    else if (request.url === "/v1/metrics") points = pointsOf(body);
    else response.statusCode = 404;
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const contexts = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(contexts);
  const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }), {
    maxQueueSize: 100_000,
  });
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [processor] });
  const exporter = new OTLPMetricExporter({ url: `${url}/v1/metrics` });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  onTestFinished(async () => {
    await tracerProvider.shutdown();
    await meterProvider.shutdown();
    context.disable();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return {
    providers: { tracerProvider, meterProvider },
    async spans() {
      await tracerProvider.forceFlush();
      return [...spans];
    },
    async points() {
      await meterProvider.forceFlush();
      return points;
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

interface TraceBody {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly SpanBody[] }[] }[];
}

interface SpanBody extends RawSpan {
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly attributes: readonly KeyValue[];
  readonly links?: ReceivedSpan["links"];
  readonly events?: readonly { readonly name: string; readonly attributes: readonly KeyValue[] }[];
  readonly status: { readonly code?: number };
}

const spansOf = ({ resourceSpans }: TraceBody): ReceivedSpan[] =>
  resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
    .map(({ name, traceId, spanId, parentSpanId, kind, attributes, links = [], events = [], status, ...times }) => ({
      ...{ name, traceId, spanId, kind, parentSpanId },
      attributes: attributesOf(attributes),
      links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
      events: events.map((event) => ({ name: event.name, attributes: attributesOf(event.attributes) })),
      failed: status.code === 2,
      startMs: Number(BigInt(times.startTimeUnixNano) / 1_000_000n),
      endMs: Number(BigInt(times.endTimeUnixNano) / 1_000_000n),
    }));

interface MetricBody {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly SeriesBody[] }[];
  }[];
}

interface PointBody {
  readonly attributes: readonly KeyValue[];
  readonly asDouble?: number;
  readonly asInt?: number | string;
  readonly count?: number | string;
}

interface SeriesBody {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly PointBody[] };
  readonly histogram?: { readonly dataPoints: readonly PointBody[] };
}

const pointsOf = ({ resourceMetrics }: MetricBody): ReceivedPoint[] =>
  resourceMetrics
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .flatMap(
      ({ name, sum, histogram }) =>
        (sum ?? histogram)?.dataPoints.map(({ attributes, asDouble, asInt, count }) => ({
          name,
          attributes: attributesOf(attributes),
          value: Number(asDouble ?? asInt ?? count),
        })) ?? [],
    );

const attributesOf = (pairs: readonly KeyValue[]): Attributes =>
  Object.fromEntries(
    pairs.map(({ key, value }) => {
      const { stringValue, intValue, doubleValue, boolValue } = value;
      return [key, stringValue ?? (intValue === undefined ? (doubleValue ?? boolValue) : Number(intValue))];
    }),
  );
