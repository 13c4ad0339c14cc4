import type { Command } from "commander";
import { readingOf } from "../../studio/reading.ts";
import { schemasOf } from "../../studio/views/flows.ts";
import { runReport } from "../../studio/views/report.ts";
import { emptyPage, filledPage } from "../drawing/page.ts";
import { ownVersion } from "../loading/one-flowkit.ts";
import { isJsonFile, readAllDefinitions, readAllFlows } from "../loading/read-graph.ts";
import { requireStore, type StoreOptions, storeSettings } from "../settings/open-parts.ts";
import { several } from "../settings/options.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { configOption, examples, mongoOption, storeOption, writeResult } from "./common.ts";
import { withTask } from "./with-client.ts";

interface ReportOptions extends StoreOptions {
  readonly output?: string;
  readonly force?: true;
  readonly handlers?: readonly string[];
}

/** The maximum size of a report, which is often attached to a ticket. */
const longestFile = 2_000_000;

export function addReport(root: Command, terminal: Terminal): void {
  root
    .command("report")
    .summary("write the page of a task as one file")
    .description(
      "Write what the studio shows of a task as one HTML file of at most 2 MB, which needs no server: its graph, timeline, events, failures with their input, and the first artifacts of each node. Of a large task, the file says what was left out.",
    )
    .argument("<task>", "task id")
    .option("-o, --output <file>", "file to write (default: stdout)")
    .option("--force", "overwrite the file")
    .option("--handlers <file>", "file that exports its flow, for the schemas of its nodes; may be repeated", several)
    .addOption(storeOption())
    .addOption(mongoOption())
    .addOption(configOption())
    .addHelpText("after", examples("report 3f2a --store runs.db -o run.html"))
    .action((given: string, options: ReportOptions) => report(terminal, given, options));
}

async function report(terminal: Terminal, given: string, options: ReportOptions): Promise<void> {
  if (options.output === undefined && terminal.stdout.isTTY)
    throw new CliError("CLI_USAGE", "missing output file: a report is an HTML page of up to 2 MB", {
      hint: "Pass -o run.html, or redirect stdout.",
    });
  const page = emptyPage();
  const files = options.handlers ?? [];
  const { adapters } = await readAllDefinitions(files.filter((file) => !isJsonFile(file)));
  const flows = (await readAllFlows(files)).map(({ graph, file }) => ({ graph, file }));
  const read = storeSettings(terminal, options);
  const { name: storeName } = await requireStore(read);
  const found = await withTask(terminal, { ...options, read }, given, ({ client, store, id: taskId }) =>
    runReport(readingOf(client, store, adapters), {
      taskId,
      info: { version: ownVersion(), readOnly: true, store: storeName, runs: "nothing", now: Date.now() },
      schemas: schemasOf(flows),
      longest: longestFile - Buffer.byteLength(page) - 1_000,
    }),
  );
  writeResult(terminal, filledPage(page, found), { file: options.output, overwrite: options.force === true });
  for (const what of found.omitted) terminal.note(`left out to keep the file small: ${what}`);
}
