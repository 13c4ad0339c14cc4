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
    .summary("write a flow as graph JSON")
    .description("Writes the graph of a flow as JSON: what other programs, languages and engines read.")
    .argument("<flow.ts>", "the file that exports the flow")
    .option("-o, --output <file>", "write there instead of to stdout")
    .option("--schemas", "add the JSON Schemas of each handler's arguments, input and output")
    .option("--primed", "add the first run-time values of each node, for coordinators that expect them")
    .addOption(exportOption())
    .addHelpText("after", examples("export flow.ts", "export flow.ts -o graph.json --schemas"))
    .action(async (file: string, options: ExportOptions) => {
      if (isJsonFile(file)) throw new CliError("CLI_USAGE", `${file} is a graph JSON already`);
      const { schemas = false, primed = false } = options;
      const source = await readGraphFile(file, { export: options.export });
      if (source.kind !== "flow") return;
      const graph = source.box.flow.compile({ schemas, primed });
      writeResult(terminal, `${JSON.stringify(graph, null, 2)}\n`, { file: options.output, mayReplace: true });
    });
}
