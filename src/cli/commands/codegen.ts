import type { Command } from "commander";
import { toTypeScript } from "../../codegen/index.ts";
import { readGraphFile } from "../loading/read-graph.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples, writeResult } from "./common.ts";

interface CodegenOptions {
  readonly output?: string;
  readonly handlersFrom?: string;
  readonly force?: boolean;
}

export function addCodegen(root: Command, terminal: Terminal): void {
  root
    .command("codegen")
    .summary("write the TypeScript that builds a graph")
    .description(
      "Writes the TypeScript that builds a graph: with a skeleton of each handler, or with imports of those that there are.",
    )
    .argument("<graph.json>", "the graph")
    .option("-o, --output <file>", "write there instead of to stdout")
    .option("--handlers-from <module>", 'import the handlers from there, such as "./handlers.ts"')
    .option("--force", "replace the output file, if it is there")
    .addHelpText(
      "after",
      examples("codegen graph.json -o flow.ts", "codegen graph.json --handlers-from ./handlers.ts -o flow.ts"),
    )
    .action(async (file: string, { output, handlersFrom, force = false }: CodegenOptions) => {
      const { graph } = await readGraphFile(file);
      const text = toTypeScript(graph, handlersFrom === undefined ? {} : { handlersFrom });
      // Somebody may have filled in the handlers there.
      writeResult(terminal, text, { file: output, mayReplace: force });
    });
}
