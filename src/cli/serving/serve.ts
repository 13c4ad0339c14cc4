import type { Store, Telemetry } from "../../core/ports/index.ts";
import type { Logger } from "../../definitions/index.ts";
import type { Coordinator } from "../../engine/coordinator.ts";
import type { Engine } from "../../engine/engine.ts";
import type { StopOptions } from "../../engine/lifecycle.ts";
import { FlowError } from "../../errors/index.ts";
import { requireStore } from "../settings/open-parts.ts";
import type { ReadSettings } from "../settings/read-settings.ts";
import { CliError } from "../terminal/cli-error.ts";
import { onSignals } from "../terminal/interrupts.ts";
import { jsonLogger, notesAsJson, terminalLogger } from "../terminal/logger.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { countedStore } from "./counted-store.ts";
import { type Health, type Metrics, openMetrics } from "./metrics.ts";
import { openProbes, type Probes, type SendSignal } from "./probes.ts";
import { openStudioOf, type StudioParts } from "./studio.ts";
import { closeSdk, openTelemetrySdk } from "./telemetry.ts";
import { Webhook } from "./webhook.ts";

/** A long-running part: a coordinator, a worker, or an engine. */
export interface Part {
  start(): Promise<void>;
  stop(options: StopOptions): Promise<void>;
  /** `undefined`: still starting. */
  health(): Health | undefined;
  /** Only of a coordinator. */
  readonly signal?: SendSignal;
  /** Only of a coordinator: events of ended tasks, once it has started. */
  readonly on?: Engine["on"];
}

export interface Shared {
  readonly store: Store;
  /** The display name of the store. */
  readonly storeName: string;
  readonly logger: Logger;
}

/** The dependencies of parts. */
interface Given extends Shared {
  /** Present if it is enabled. */
  readonly telemetry: Telemetry | undefined;
}

interface Made {
  readonly part: Part;
  readonly banner: string;
  /** Served if it is enabled. */
  readonly studio?: Omit<StudioParts, keyof Shared>;
}

/** Sends a signal through a coordinator. */
export const sendTo =
  (tasks: Pick<Coordinator, "task">): SendSignal =>
  (taskId, nodeId, payload) =>
    tasks.task(taskId).signal(nodeId, payload);

const defaultGraceSec = 10;

/**
 * Runs a part until SIGTERM or Ctrl-C; then it releases its attempts, and the command exits with 0. A second signal exits
 * immediately.
 *
 * @param make - creates the part; `banner` is printed once it has started
 */
export async function serve(
  terminal: Terminal,
  read: ReadSettings,
  make: (given: Given) => Promise<Made>,
): Promise<void> {
  const { settings } = read;
  const { format = "text", level = "info" } = settings.log ?? {};
  using _notes = format === "json" ? notesAsJson(terminal) : undefined;
  const logger =
    format === "json" ? jsonLogger(terminal, level) : terminalLogger(terminal, { least: level, timed: true });
  const named = await requireStore(read);
  const metrics = settings.http?.port === undefined ? undefined : await tryOpenMetrics(terminal);
  const store = metrics === undefined || "missing" in metrics ? named.store : countedStore(named.store, metrics.events);
  const shared = { store, storeName: named.name, logger };
  const sdk = settings.telemetry === true ? await openTelemetrySdk(terminal) : undefined;
  const { part, banner, studio: parts } = await make({ ...shared, telemetry: sdk?.telemetry });
  const studio =
    settings.studio?.enabled === true && parts !== undefined
      ? await openStudioOf(terminal, read, { ...shared, ...parts })
      : undefined;
  const webhook = webhookOf(read, part, { store: named.store, logger });
  const probes = metrics === undefined ? undefined : await startProbes(read, part, metrics);
  const alerting = webhook === undefined ? part : withAlerts(part, webhook);
  try {
    await untilStopped({ terminal, part: alerting, graceMs: (settings.graceSec ?? defaultGraceSec) * 1_000 }, () => {
      const page = studio === undefined ? "" : `; studio at ${studio.url}`;
      const probed = probes === undefined ? "" : `; /ready, /health and /metrics at ${probes.url}`;
      terminal.note(`${banner}${page}${probed}`);
    });
  } finally {
    await probes?.close();
    await studio?.close();
    await closeSdk(sdk, logger);
  }
  terminal.note("stopped");
}

/** @throws CliError `CLI_USAGE` for a URL without a secret, or the reverse */
function webhookOf(
  { settings: { webhook = {} } }: ReadSettings,
  part: Part,
  { store, logger }: Pick<Shared, "store" | "logger">,
): Webhook | undefined {
  const { url, secret } = webhook;
  if (part.on === undefined || (url === undefined && secret === undefined)) return undefined;
  if (url === undefined || secret === undefined) {
    const missing = url === undefined ? "webhook.url" : "webhook.secret";
    throw new CliError("CLI_USAGE", `a webhook requires ${missing}`, {
      hint: "Set FLOWKIT_WEBHOOK_URL and FLOWKIT_WEBHOOK_SECRET, or webhook.url and webhook.secret in the config file.",
    });
  }
  return new Webhook({ options: { ...webhook, url, secret }, store, logger });
}

/** Delivers alerts about tasks that end while the part stops, before its store closes. */
function withAlerts(part: Part, webhook: Webhook): Part {
  return {
    async start() {
      await part.start();
      await webhook.start({ on: (name, listener) => (part.on as Engine["on"])(name, listener) });
    },
    async stop(options) {
      await part.stop(options);
      await webhook.close(alertsMs);
    },
    health: () => part.health(),
  };
}

/** How long a stop waits for alerts. */
const alertsMs = 5_000;

/** Without prom-client, the probes still work. */
async function tryOpenMetrics(terminal: Terminal): Promise<Metrics | { readonly missing: string }> {
  try {
    return await openMetrics();
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const missing = "metrics require the package prom-client: npm install prom-client";
    terminal.note(terminal.styled("yellow", `${missing}; until then, /metrics responds with 501`));
    return { missing };
  }
}

function startProbes(
  { settings: { http } }: ReadSettings,
  part: Part,
  metrics: Metrics | { readonly missing: string },
): Promise<Probes> {
  const { port = 0, host = "127.0.0.1", token } = http ?? {};
  return openProbes({ port, host, token, health: () => part.health(), signal: part.signal, metrics });
}

async function untilStopped(
  { terminal, part, graceMs }: { readonly terminal: Terminal; readonly part: Part; readonly graceMs: number },
  onUp: () => void,
): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  let isStopping = false;
  const stop = () => {
    isStopping = true;
    terminal.note("stopping; send the signal again to exit immediately");
    part.stop({ graceMs }).then(stopped.resolve, stopped.reject);
  };
  using _signals = onSignals(terminal, { interrupt: stop, terminate: stop });
  try {
    await part.start();
    if (!isStopping) onUp();
  } catch (error) {
    if (!isStopping || !FlowError.is(error, "ENGINE_STOPPED")) throw error;
  }
  await stopped.promise;
}
