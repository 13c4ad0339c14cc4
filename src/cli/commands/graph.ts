import { extname } from "node:path";
import { type Command, Option } from "commander";
import { type Graph, toMermaid } from "../../graph/index.ts";
import { toHtml } from "../drawing/html.ts";
import { toDot, toSvg } from "../drawing/svg.ts";
import { readGraphFile } from "../loading/read-graph.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples, exportOption, writeResult } from "./common.ts";

const formats: Readonly<Record<string, (graph: Graph) => string>> = {
  mermaid: toMermaid,
  dot: toDot,
  svg: toSvg,
  html: toHtml,
};

const formatOfEnding: Readonly<Record<string, string>> = {
  mmd: "mermaid",
  mermaid: "mermaid",
  dot: "dot",
  gv: "dot",
  svg: "svg",
  html: "html",
};

interface GraphCommandOptions {
  readonly export?: string;
  readonly format?: string;
  readonly output?: string;
}

export function addGraph(root: Command, terminal: Terminal): void {
  root
    .command("graph")
    .summary("draw a graph")
    .description(
      "Draws a graph: for Mermaid or Graphviz, as an SVG, or as a page with a table of its nodes. Dashed edges deliver batches as they come.",
    )
    .argument("<flow.ts|graph.json>", "the graph to draw")
    .addOption(
      new Option("--format <format>", "how; without it, as the output file's ending says; mermaid on stdout").choices(
        Object.keys(formats),
      ),
    )
    .option("-o, --output <file>", "write there instead of to stdout")
    .addOption(exportOption())
    .addHelpText("after", examples("graph flow.ts", "graph graph.json -o graph.svg", "graph flow.ts --format dot"))
    .action(async (file: string, options: GraphCommandOptions) => {
      const draw = drawing(options);
      const { graph } = await readGraphFile(file, { export: options.export });
      writeResult(terminal, draw(graph), { file: options.output, mayReplace: true });
    });
}

/** @throws CliError `CLI_USAGE` when a file's name doesn't say */
function drawing({ format, output }: GraphCommandOptions): (graph: Graph) => string {
  const named = format ?? (output === undefined ? "mermaid" : formatOfEnding[extname(output).slice(1)]);
  const draw = named === undefined ? undefined : formats[named];
  if (draw !== undefined) return draw;
  throw new CliError("CLI_USAGE", `the name ${output} doesn't say how to draw`, {
    hint: `Say --format ${Object.keys(formats).join(", ")}, or end it with .${Object.keys(formatOfEnding).join(", .")}.`,
  });
}
