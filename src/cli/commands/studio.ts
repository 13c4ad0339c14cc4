import { existsSync } from "node:fs";
import type { Command } from "commander";
import { findFile } from "../loading/find-file.ts";
import { isJsonFile, readAllDefinitions, readAllFlows } from "../loading/read-graph.ts";
import { openStudioOf, studioFlows } from "../serving/studio.ts";
import { openBus, requireStore } from "../settings/open-parts.ts";
import { readSettings } from "../settings/read-settings.ts";
import { onSignals } from "../terminal/interrupts.ts";
import { terminalLogger } from "../terminal/logger.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { configOption, examples, mongoOption, storeOption } from "./common.ts";

interface StudioCommandOptions {
  readonly store?: string;
  readonly mongo?: string;
  readonly config?: string;
  readonly port?: string;
  readonly host?: string;
  readonly token?: string;
  readonly auth?: true;
  readonly readOnly?: true;
}

export function addStudio(root: Command, terminal: Terminal): void {
  root
    .command("studio")
    .summary("show the tasks of a store in the browser")
    .description(
      "Serve a web page that shows the tasks of a store while they run: their graphs, nodes, attempts, failures and artifacts. It can cancel, retry and signal tasks, and start those of the given files. It runs nothing; `flowkit up` does, which serves the same page with --studio.",
    )
    .argument("[flow.ts...]", "files that export the flows to start, or graph JSONs")
    .addOption(storeOption())
    .addOption(mongoOption())
    .addOption(configOption())
    .option("--port <port>", "port (default: 4477); 0: any free port [FLOWKIT_STUDIO_PORT]")
    .option("--host <address>", "bind address (default: 127.0.0.1); others require a token [FLOWKIT_STUDIO_HOST]")
    .option("--token <token>", "token that requests must present; other users can see it [FLOWKIT_STUDIO_TOKEN]")
    .option("--auth", "require a token, and print a new one if none is set")
    .option("--read-only", "offer no actions [FLOWKIT_STUDIO_READ_ONLY]")
    .addHelpText(
      "after",
      examples(
        "studio --store runs.db",
        "studio flow.ts --store runs.db --port 8080",
        "studio --config flowkit.json --host 0.0.0.0 --auth --read-only",
      ),
    )
    .action((files: readonly string[], options: StudioCommandOptions) => studio(terminal, files, options));
}

async function studio(terminal: Terminal, files: readonly string[], options: StudioCommandOptions): Promise<void> {
  const { port, host, token, readOnly } = options;
  const flags = {
    store: options.store,
    "mongo.url": options.mongo,
    "studio.port": port,
    "studio.host": host,
    "studio.token": token,
    "studio.readOnly": readOnly && "true",
  };
  const given = Object.entries(flags).flatMap(([path, value]) => (value === undefined ? [] : [[path, value] as const]));
  const read = readSettings(terminal, { flags: Object.fromEntries(given), config: options.config });
  const { store, name: storeName, file } = await requireStore(read);
  if (file !== undefined && files.length === 0 && !existsSync(file)) findFile(file);
  const modules = files.filter((each) => !isJsonFile(each));
  const { adapters, fns } = await readAllDefinitions(modules);
  const flows = studioFlows(await readAllFlows(files));
  const logger = terminalLogger(terminal, { timed: true });
  const bus = await openBus(read, logger);
  const { externalTypes } = read.settings;
  const parts = { store, storeName, logger, runs: "nothing", adapters, fns, bus, externalTypes, flows } as const;
  const stopped = Promise.withResolvers<void>();
  using _signals = onSignals(terminal, { interrupt: stopped.resolve, terminate: stopped.resolve });
  const opened = await openStudioOf(terminal, read, parts, { makesToken: options.auth === true });
  terminal.note(`studio of ${storeName}, which runs no tasks itself, at ${opened.url}`);
  await stopped.promise;
  await opened.close();
  terminal.note("stopped");
}
