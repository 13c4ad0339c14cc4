/**
 * Spans and metrics of OpenTelemetry, by the API that the program has configured.
 *
 * @module flowkit/adapters/opentelemetry
 */
export { type OpenTelemetryOptions, openTelemetry } from "./open-telemetry.ts";
