/**
 * OpenTelemetry spans and metrics, through the API that the program has configured.
 *
 * @module flowkit/adapters/opentelemetry
 */
export { type OpenTelemetryOptions, openTelemetry } from "./open-telemetry.ts";
