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
    .summary("generate the TypeScript that builds a graph")
    .description(
      "Generate the TypeScript that builds a graph, with skeletons of its handlers or imports of existing ones.",
    )
    .argument("<graph.json>", "graph to build")
    .option("-o, --output <file>", "output file (default: stdout)")
    .option("--handlers-from <module>", 'import the handlers from a module, such as "./handlers.ts"')
    .option("--force", "overwrite an existing output file")
    .addHelpText(
      "after",
      examples("codegen graph.json -o flow.ts", "codegen graph.json --handlers-from ./handlers.ts -o flow.ts"),
    )
    .action(async (file: string, { output, handlersFrom, force = false }: CodegenOptions) => {
      const { graph } = await readGraphFile(file);
      const text = toTypeScript(graph, handlersFrom === undefined ? {} : { handlersFrom });
      // The handlers in an existing file may have been implemented.
      writeResult(terminal, text, { file: output, overwrite: force });
    });
}
