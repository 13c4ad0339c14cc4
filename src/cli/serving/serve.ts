import type { Store } from "../../core/ports/index.ts";
import type { Logger } from "../../definitions/index.ts";
import type { StopOptions } from "../../engine/lifecycle.ts";
import { FlowError } from "../../errors/index.ts";
import { needStore } from "../settings/open-store.ts";
import type { ReadSettings } from "../settings/read-settings.ts";
import { CliError } from "../terminal/cli-error.ts";
import { onSignals } from "../terminal/interrupts.ts";
import { jsonLogger, notesAsJson, terminalLogger } from "../terminal/logger.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { countedStore } from "./counted-store.ts";
import { type Health, type Metrics, openMetrics } from "./metrics.ts";
import { openProbes, type Probes } from "./probes.ts";

/** What stays: a coordinator, a worker, or both in one. */
export interface Part {
  start(): Promise<void>;
  stop(options: StopOptions): Promise<void>;
  /** `undefined`: it is being started. */
  health(): Health | undefined;
}

export interface Shared {
  readonly store: Store;
  /** What the store is called. */
  readonly storeName: string;
  readonly logger: Logger;
}

const defaultGraceSec = 10;

/**
 * Runs a part until SIGTERM or Ctrl-C: then it hands back what it holds, and the command ends well. A second signal
 * ends at once.
 *
 * @param make - of what it stands on; `says` is what people are told when it is up
 */
export async function serve(
  terminal: Terminal,
  read: ReadSettings,
  make: (shared: Shared) => Promise<{ readonly part: Part; readonly says: string }>,
): Promise<void> {
  const { settings } = read;
  const { format = "text", level = "info" } = settings.log ?? {};
  using _notes = format === "json" ? notesAsJson(terminal) : undefined;
  const logger = format === "json" ? jsonLogger(terminal, level) : terminalLogger(terminal, level);
  const named = await needStore(read);
  const metrics = settings.http?.port === undefined ? undefined : await metricsOrWhy(terminal);
  const store = metrics === undefined || "missing" in metrics ? named.store : countedStore(named.store, metrics.events);
  const { part, says } = await make({ store, storeName: named.name, logger });
  const probes = metrics === undefined ? undefined : await probesOf(read, part, metrics);
  try {
    await untilStopped({ terminal, part, graceMs: (settings.graceSec ?? defaultGraceSec) * 1_000 }, () => {
      terminal.note(probes === undefined ? says : `${says}; /ready, /health and /metrics at ${probes.url}`);
    });
  } finally {
    await probes?.close();
  }
  terminal.note("stopped");
}

/** Probes are worth having without it. */
async function metricsOrWhy(terminal: Terminal): Promise<Metrics | { readonly missing: string }> {
  try {
    return await openMetrics();
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const missing = `metrics need the package prom-client: npm install prom-client`;
    terminal.note(terminal.styled("yellow", `${missing}; until then /metrics answers 501`));
    return { missing };
  }
}

function probesOf(
  { settings: { http } }: ReadSettings,
  part: Part,
  metrics: Metrics | { readonly missing: string },
): Promise<Probes> {
  return openProbes({ port: http?.port ?? 0, host: http?.host, health: () => part.health(), metrics });
}

async function untilStopped(
  { terminal, part, graceMs }: { readonly terminal: Terminal; readonly part: Part; readonly graceMs: number },
  onUp: () => void,
): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  let isStopping = false;
  const stop = () => {
    isStopping = true;
    terminal.note("stopping; once more ends at once");
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
