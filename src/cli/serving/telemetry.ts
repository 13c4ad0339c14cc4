import type { Sdk } from "../../adapters/opentelemetry/sdk.ts";
import type { Logger } from "../../definitions/index.ts";
import { FlowError, loggable, thrownMessage } from "../../errors/index.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The optional peers of `@opentelemetry` that the adapter's `sdk.ts` imports, in versions that fit each other. */
const packages = [
  ...["api@1", "context-async-hooks@2", "exporter-metrics-otlp-http@0.223", "exporter-trace-otlp-http@0.223"],
  ...["resources@2", "sdk-metrics@2", "sdk-trace-base@2"],
];

/**
 * Starts the SDK of OpenTelemetry, which no command without telemetry loads.
 *
 * @throws CliError `CLI_IMPORT_FAILED` without its packages, `CLI_CONFIG` for a variable that is not supported
 */
export async function openTelemetrySdk(terminal: Terminal): Promise<Sdk | undefined> {
  try {
    const { startSdk } = await import("../../adapters/opentelemetry/sdk.ts");
    const sdk = startSdk();
    if (sdk === undefined) terminal.note("telemetry is off: OTEL_SDK_DISABLED is true");
    return sdk;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") {
      const missing = /@opentelemetry\/[\w-]+/.exec(error.message)?.[0] ?? "OpenTelemetry";
      const all = packages.map((name) => `@opentelemetry/${name}`).join(" ");
      throw new CliError("CLI_IMPORT_FAILED", `missing package: ${missing}, which telemetry requires`, {
        cause: error,
        hint: `Install what is missing: npm install ${all}`,
      });
    }
    if (FlowError.is(error, "ENGINE_OPTIONS")) throw new CliError("CLI_CONFIG", thrownMessage(error), { cause: error });
    throw error;
  }
}

/** A receiver that does not answer must not keep the command from exiting. */
export async function closeSdk(sdk: Sdk | undefined, logger: Logger): Promise<void> {
  try {
    await sdk?.close();
  } catch (error) {
    logger.warn({ err: loggable(error) }, "could not send the last spans and metrics");
  }
}
