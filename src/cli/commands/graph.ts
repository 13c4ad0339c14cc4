import { extname } from "node:path";
import { type Command, Option } from "commander";
import { type Graph, toMermaid } from "../../graph/index.ts";
import { toHtml } from "../drawing/page.ts";
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

const formatOfExtension: Readonly<Record<string, string>> = {
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
      "Draw a graph for Mermaid or Graphviz, as an SVG, or as an HTML page that can be zoomed and has the settings of each node. A dashed edge means that the node starts with the first batch.",
    )
    .argument("<flow.ts|graph.json>", "graph to draw")
    .addOption(
      new Option(
        "--format <format>",
        "output format (default: the extension of the output file; mermaid on stdout)",
      ).choices(Object.keys(formats)),
    )
    .option("-o, --output <file>", "output file (default: stdout)")
    .addOption(exportOption())
    .addHelpText("after", examples("graph flow.ts", "graph graph.json -o graph.svg", "graph flow.ts --format dot"))
    .action(async (file: string, options: GraphCommandOptions) => {
      const render = rendererOf(options);
      const { graph } = await readGraphFile(file, { export: options.export });
      writeResult(terminal, render(graph), { file: options.output, overwrite: true });
    });
}

/** @throws CliError `CLI_USAGE` if the format cannot be inferred from the file name */
function rendererOf({ format, output }: GraphCommandOptions): (graph: Graph) => string {
  const named = format ?? (output === undefined ? "mermaid" : formatOfExtension[extname(output).slice(1)]);
  const render = named === undefined ? undefined : formats[named];
  if (render !== undefined) return render;
  throw new CliError("CLI_USAGE", `cannot infer the format from '${output}'`, {
    hint: `Pass --format (${Object.keys(formats).join(", ")}), or use an extension (.${Object.keys(formatOfExtension).join(", .")}).`,
  });
}
