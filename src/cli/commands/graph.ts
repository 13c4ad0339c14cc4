import { type Command, Option } from "commander";
import { toMermaid } from "../../graph/index.ts";
import { readGraphFile } from "../loading/read-graph.ts";
import type { Terminal } from "../terminal.ts";
import { examples, exportOption, writeResult } from "./common.ts";

interface GraphCommandOptions {
  readonly export?: string;
  readonly format: "mermaid";
  readonly output?: string;
}

export function addGraph(root: Command, terminal: Terminal): void {
  root
    .command("graph")
    .summary("draw a graph")
    .description("Draws a graph.")
    .argument("<flow.ts|graph.json>", "the graph to draw")
    .addOption(new Option("--format <format>", "how").choices(["mermaid"]).default("mermaid"))
    .option("-o, --output <file>", "write there instead of to stdout")
    .addOption(exportOption())
    .addHelpText("after", examples("graph flow.ts", "graph graph.json -o graph.mmd"))
    .action(async (file: string, options: GraphCommandOptions) => {
      const { graph } = await readGraphFile(file, { export: options.export });
      writeResult(terminal, toMermaid(graph), { file: options.output, mayReplace: true });
    });
}
