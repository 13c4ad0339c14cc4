import type { Command } from "commander";
import { Coordinator } from "../../engine/coordinator.ts";
import type { StopOptions } from "../../engine/lifecycle.ts";
import { definedOf } from "../../engine/options.ts";
import { readAllDefinitions, readAllFlows } from "../loading/read-graph.ts";
import { sendTo, serve } from "../serving/serve.ts";
import { studioFlows } from "../serving/studio.ts";
import { openBus } from "../settings/open-parts.ts";
import { addSettingOptions, flagValues, otherSettings } from "../settings/options.ts";
import { type ReadSettings, readSettings, showSettings } from "../settings/read-settings.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples, jsonOption, printConfigOption, servingPaths } from "./common.ts";

const paths = ["handlers", "types", ...servingPaths, "studio.enabled"];

export function addCoordinator(root: Command, terminal: Terminal): void {
  const command = root
    .command("coordinator")
    .summary("run a coordinator")
    .description(
      "Run a coordinator: it decides which nodes start and when a task ends, and runs coordinator functions; workers run the handlers. It needs the node types, from the files that export the handlers (only coordinator functions in them are called) or by name. On SIGTERM or Ctrl-C it stops, and other coordinators continue its tasks.",
    );
  addSettingOptions(command, paths)
    .addOption(printConfigOption())
    .addOption(jsonOption())
    .addHelpText("after", otherSettings("coordinator", paths))
    .addHelpText(
      "after",
      examples(
        "coordinator --types read,sum --config flowkit.json",
        "coordinator --handlers flow.ts --mongo mongodb://db/shop --kafka-brokers kafka:9092",
        "coordinator --handlers flow.ts --store runs.db --http-port 9464",
      ),
    )
    .action((options: { readonly config?: string; readonly printConfig?: boolean }) => {
      const read = readSettings(terminal, { flags: flagValues({ ...options }), config: options.config });
      return options.printConfig === true ? showSettings(terminal, read) : coordinate(terminal, read);
    });
}

async function coordinate(terminal: Terminal, read: ReadSettings): Promise<void> {
  const { settings } = read;
  const { handlers: files = [], types = [], externalTypes } = settings;
  if (files.length === 0 && types.length === 0) {
    throw new CliError("CLI_NO_HANDLERS", "a coordinator requires the node types", {
      hint: "Pass --handlers FILE, or the names of the types: --types read,sum",
    });
  }
  const { handlers, adapters, fns } = await readAllDefinitions(files);
  const flows = settings.studio?.enabled === true ? studioFlows(await readAllFlows(files)) : [];
  const workerTypes = [...new Set([...handlers.map(({ name }) => name), ...types])];
  const { maxRunning, maxRunningPerType, maxRunningPerTask, ratePerType, leaseMs, pageSize } = settings;
  const { tickMs, sweepMs, maxLostLeases, cancelGraceMs } = settings;
  const limits = { maxRunning, maxRunningPerType, maxRunningPerTask, ratePerType, leaseMs, pageSize };
  await serve(terminal, read, async ({ store, storeName, logger, telemetry }) => {
    const bus = await openBus(read, logger);
    const part = new Coordinator({
      ...(types.length === 0 ? { handlers } : { workerTypes }),
      inputAdapters: adapters,
      coordinatorFns: fns,
      store,
      logger,
      ...definedOf({ bus, telemetry, externalTypes, ...limits, tickMs, sweepMs, maxLostLeases, cancelGraceMs }),
    });
    const where = settings.kafka?.brokers === undefined ? storeName : `${storeName} and Kafka`;
    const served = {
      start: () => part.start(),
      stop: (how: StopOptions) => part.stop(how),
      health: () => part.health(),
      signal: sendTo(part),
      on: part.on.bind(part),
    };
    const shown = definedOf({ maxRunning, maxRunningPerType, maxRunningPerTask, ratePerType });
    const studio = { runs: "coordinator", flows, adapters, fns, bus, externalTypes, limits: shown } as const;
    return { part: served, studio, banner: `coordinator on ${where}: ${workerTypes.join(", ")}` };
  });
}
