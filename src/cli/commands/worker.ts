import type { Command } from "commander";
import { definedOf } from "../../engine/options.ts";
import { Worker } from "../../engine/worker.ts";
import { readAllDefinitions } from "../loading/read-graph.ts";
import { serve } from "../serving/serve.ts";
import { keptLogs, openBus } from "../settings/open-parts.ts";
import { addSettingOptions, flagValues, otherSettings } from "../settings/options.ts";
import { type ReadSettings, readSettings, showSettings } from "../settings/read-settings.ts";
import { CliError } from "../terminal/cli-error.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";
import { examples, jsonOption, printConfigOption, servingPaths } from "./common.ts";

const paths = ["handlers", "roles", "capacity", "keepLogs", ...servingPaths];

export function addWorker(root: Command, terminal: Terminal): void {
  const command = root
    .command("worker")
    .summary("run a worker")
    .description(
      "Run a worker: it claims attempts that coordinators made ready and runs the handlers that its files export. On SIGTERM or Ctrl-C it claims nothing more, waits up to --grace seconds for running batches, and releases the rest. Another worker continues after the last stored batch.",
    );
  addSettingOptions(command, paths)
    .addOption(printConfigOption())
    .addOption(jsonOption())
    .addHelpText("after", otherSettings("worker", paths))
    .addHelpText(
      "after",
      examples(
        "worker --handlers flow.ts --mongo mongodb://db/shop --kafka-brokers kafka:9092",
        "worker --handlers flow.ts --roles render --capacity 2 --config flowkit.json",
        "worker --handlers flow.ts --store runs.db --http-port 9465",
      ),
    )
    .action((options: { readonly config?: string; readonly printConfig?: boolean }) => {
      const read = readSettings(terminal, { flags: flagValues({ ...options }), config: options.config });
      return options.printConfig === true ? showSettings(terminal, read) : work(terminal, read);
    });
}

async function work(terminal: Terminal, read: ReadSettings): Promise<void> {
  const { settings } = read;
  const { handlers: files = [], roles, capacity, capacityPerType } = settings;
  if (files.length === 0) {
    throw new CliError("CLI_NO_HANDLERS", "a worker requires handlers", { hint: "Pass --handlers FILE." });
  }
  const { handlers, adapters } = await readAllDefinitions(files);
  const { maxRunning, maxRunningPerType, maxRunningPerTask, ratePerType, leaseMs, pageSize } = settings;
  const limits = { maxRunning, maxRunningPerType, maxRunningPerTask, ratePerType, leaseMs, pageSize };
  await serve(terminal, read, async ({ store, storeName, logger, telemetry }) => {
    const bus = await openBus(read, logger);
    const part = new Worker({
      handlers,
      inputAdapters: adapters,
      store,
      logger,
      ...definedOf({ bus, telemetry, keepLogs: keptLogs(read), roles, capacity, capacityPerType, ...limits }),
    });
    const where = settings.kafka?.brokers === undefined ? storeName : `${storeName} and Kafka`;
    const served = roles ?? handlers.map(({ name }) => name);
    return { part, banner: `worker on ${where}: ${served.join(", ")}; ${counted(part.health().capacity, "slot")}` };
  });
}
