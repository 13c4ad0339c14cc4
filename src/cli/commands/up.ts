import type { Command } from "commander";
import { createEngine } from "../../embedded/create-engine.ts";
import { onSignals } from "../interrupts.ts";
import { exportedDefinitions } from "../loading/exported-flow.ts";
import { importModule } from "../loading/import-module.ts";
import { terminalLogger } from "../logger.ts";
import { needStore, type StoreOptions } from "../open-store.ts";
import type { Terminal } from "../terminal.ts";
import { counted } from "../wording.ts";
import { count, examples, graceOption, mongoOption, storeOption } from "./common.ts";

interface UpOptions extends StoreOptions {
  readonly capacity: number;
  readonly grace: number;
}

export function addUp(root: Command, terminal: Terminal): void {
  root
    .command("up")
    .summary("stay, and work on all tasks of a store")
    .description(
      "Stays and works on the tasks of a store, whoever started them, as far as it has their handlers: a coordinator and a worker in one process. SIGTERM and Ctrl-C stop it; what was running goes on elsewhere, or at its next start.",
    )
    .argument("<flow.ts...>", "files that export flows, or handlers")
    .addOption(storeOption())
    .addOption(mongoOption())
    .option("--capacity <count>", "attempts at once", count, 8)
    .addOption(graceOption())
    .addHelpText("after", examples("up flow.ts --store runs.db", "up etl.ts reports.ts --store runs.db --capacity 32"))
    .action((files: readonly string[], options: UpOptions) => up(terminal, files, options));
}

async function up(terminal: Terminal, files: readonly string[], options: UpOptions): Promise<void> {
  const found = [];
  for (const file of files) found.push(exportedDefinitions(await importModule(file), file));
  const { store, name } = await needStore(options);
  const stopped = Promise.withResolvers<void>();
  const engine = await createEngine({
    handlers: [...new Set(found.flatMap(({ handlers }) => handlers))],
    inputAdapters: [...new Set(found.flatMap(({ adapters }) => adapters))],
    coordinatorFns: [...new Set(found.flatMap(({ fns }) => fns))],
    store,
    keepAlive: true,
    capacity: options.capacity,
    logger: terminalLogger(terminal),
  });
  const stop = () => {
    terminal.note("stopping; once more ends at once");
    engine.stop({ graceMs: options.grace * 1_000 }).then(stopped.resolve, stopped.reject);
  };
  using _signals = onSignals(terminal, { interrupt: stop, terminate: stop });
  const types = found.flatMap(({ handlers }) => handlers.map(({ name }) => name));
  terminal.note(`up on ${name}: ${[...new Set(types)].join(", ")}; ${counted(options.capacity, "slot")}`);
  await stopped.promise;
  terminal.note("stopped");
}
