import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Telemetry } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import { openTelemetry } from "./open-telemetry.ts";

export interface Sdk {
  readonly telemetry: Telemetry;
  /** Exports what is pending, and stops. */
  close(): Promise<void>;
}

const defaultMetricIntervalMs = 60_000;

/**
 * Configures the SDK of this process from the standard variables `OTEL_*`, to export over OTLP/HTTP. An SDK that the program
 * has already configured is used as it is. Returns `undefined` if `OTEL_SDK_DISABLED` is true.
 *
 * @throws FlowError `ENGINE_OPTIONS` for a value that is not supported
 */
export function startSdk(env: NodeJS.ProcessEnv = process.env): Sdk | undefined {
  if (env.OTEL_SDK_DISABLED === "true") return undefined;
  const sends = (name: "OTEL_TRACES_EXPORTER" | "OTEL_METRICS_EXPORTER"): boolean =>
    oneOf(env, name, ["otlp", "none"]) !== "none";
  oneOf(env, "OTEL_EXPORTER_OTLP_PROTOCOL", ["http/json", "http/protobuf"]); // a receiver that accepts one of them accepts both
  const named = defaultResource().merge(resourceFromAttributes({ "service.name": "flowkit" }));
  const resource = named.merge(detectResources({ detectors: [envDetector] }));
  const interval = Number(env.OTEL_METRIC_EXPORT_INTERVAL);
  const tracers = sends("OTEL_TRACES_EXPORTER")
    ? new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] })
    : undefined;
  const meters = sends("OTEL_METRICS_EXPORTER")
    ? new MeterProvider({
        resource,
        readers: [
          new PeriodicExportingMetricReader({
            exporter: new OTLPMetricExporter(),
            exportIntervalMillis: interval > 0 ? interval : defaultMetricIntervalMs,
          }),
        ],
      })
    : undefined;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  if (tracers !== undefined) trace.setGlobalTracerProvider(tracers);
  if (meters !== undefined) metrics.setGlobalMeterProvider(meters);
  return {
    telemetry: openTelemetry(),
    close: async () => {
      await Promise.all([tracers?.shutdown(), meters?.shutdown()]);
    },
  };
}

/** @throws FlowError `ENGINE_OPTIONS` */
function oneOf(env: NodeJS.ProcessEnv, name: string, known: readonly string[]): string | undefined {
  const value = env[name];
  if (value === undefined || value === "" || known.includes(value)) return value;
  throw new FlowError("ENGINE_OPTIONS", `${name} is '${value}': only ${known.join(" and ")} are supported`);
}
