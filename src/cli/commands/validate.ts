import type { Command } from "commander";
import { findingLines, InvalidGraphFile } from "../loading/invalid-graph-file.ts";
import { type GraphFile, readDefinitions, readGraphFile } from "../loading/read-graph.ts";
import { exitCodes } from "../terminal/cli-error.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";
import { examples, exportOption, handlersOption, jsonOption } from "./common.ts";

interface ValidateCommandOptions {
  readonly export?: string;
  readonly handlers?: string;
}

export function addValidate(root: Command, terminal: Terminal): void {
  root
    .command("validate")
    .summary("find every mistake in a graph")
    .description(
      "Find every mistake in a graph, each with a code, a JSON pointer, and its line and column in the file. A flow is checked while its file builds it.",
    )
    .argument("<graph.json|flow.ts>", "graph to check")
    .addOption(handlersOption())
    .addOption(exportOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("validate graph.json", "validate graph.json --handlers handlers.ts --json"))
    .action(async (file: string, options: ValidateCommandOptions) => {
      const definitions = await readDefinitions(options.handlers);
      let source: GraphFile;
      try {
        source = await readGraphFile(file, { definitions, export: options.export });
      } catch (error) {
        if (!(error instanceof InvalidGraphFile)) throw error;
        terminal.exitCode = exitCodes.usage;
        if (terminal.isJson) terminal.printJson({ ok: false, file, findings: error.findings });
        else {
          for (const line of findingLines(terminal, error)) terminal.print(line);
          terminal.note(error.message);
        }
        return;
      }
      const { nodes, edges } = source.graph;
      if (terminal.isJson) terminal.printJson({ ok: true, file, nodes: nodes.length, edges: edges.length });
      else terminal.print(`${file} is valid: ${counted(nodes.length, "node")}, ${counted(edges.length, "edge")}`);
    });
}
