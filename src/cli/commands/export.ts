import type { Command } from "commander";
import { isJsonFile, readGraphFile } from "../loading/read-graph.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples, exportOption, writeResult } from "./common.ts";

interface ExportOptions {
  readonly export?: string;
  readonly output?: string;
  readonly schemas?: boolean;
  readonly primed?: boolean;
}

export function addExport(root: Command, terminal: Terminal): void {
  root
    .command("export")
    .summary("export a flow as graph JSON")
    .description("Export the graph of a flow as JSON, for other programs, languages and engines.")
    .argument("<flow.ts>", "file that exports the flow")
    .option("-o, --output <file>", "output file (default: stdout)")
    .option("--schemas", "include the JSON Schemas of each handler's arguments, input and output")
    .option("--primed", "include the initial run-time values of each node, for external coordinators that expect them")
    .addOption(exportOption())
    .addHelpText("after", examples("export flow.ts", "export flow.ts -o graph.json --schemas"))
    .action(async (file: string, options: ExportOptions) => {
      if (isJsonFile(file)) throw new CliError("CLI_USAGE", `${file} is already a graph JSON`);
      const { schemas = false, primed = false } = options;
      const source = await readGraphFile(file, { export: options.export });
      if (source.kind !== "flow") return;
      const graph = source.box.flow.compile({ schemas, primed });
      writeResult(terminal, `${JSON.stringify(graph, null, 2)}\n`, { file: options.output, overwrite: true });
    });
}
