import type { Command } from "commander";
import type { Json } from "../../errors/index.ts";
import { type Change, diffGraphs, type Graph, type GraphDiff, withoutSchemas } from "../../graph/index.ts";
import { readGraphFile } from "../loading/read-graph.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";
import { examples, jsonOption } from "./common.ts";
import { diffRunning } from "./diff-running.ts";

export function addDiff(root: Command, terminal: Terminal): void {
  root
    .command("diff")
    .summary("compare two graphs")
    .description(
      "List the differences between two graphs, regardless of the order in which they are written. Exits with 1 if a node can no longer accept its input, or if data that went to some node no longer does, which only graphs with schemas reveal.",
    )
    .argument("<before>", "flow.ts or graph.json")
    .argument("[after]", "flow.ts or graph.json")
    .option(
      "--running <place>",
      "instead of another graph, the open tasks of the flow in a SQLite file or the database of a URL: exits with 1 if one of them cannot continue with the handlers of the file",
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples("diff graph.json flow.ts", "diff old.json new.json --json", "diff flow.ts --running runs.db"),
    )
    .action(async (before: string, after: string | undefined, { running }: { readonly running?: string }) => {
      if (running !== undefined && after === undefined) return diffRunning(terminal, before, running);
      if (running !== undefined || after === undefined) {
        throw new CliError("CLI_USAGE", "diff requires either a second graph or --running");
      }
      const options = { schemas: true, allowMismatch: true };
      const sources = [await readGraphFile(before, options), await readGraphFile(after, options)];
      const bare = sources.filter(({ graph }) => graph.schemas === undefined);
      // Schemas on one side only would all appear as differences.
      const [a, b] = sources.map(({ graph }) => (bare.length === 0 ? graph : withoutSchemas(graph)));
      const diff = diffGraphs(a as Graph, b as Graph);
      const { incompatible, lostCases } = diff.edges;
      const isCompatible = incompatible.length + lostCases.length === 0;
      if (!isCompatible) terminal.exitCode = exitCodes.failed;
      if (terminal.isJson) {
        terminal.printJson({
          same: diff.same,
          compatible: isCompatible,
          comparesData: bare.length === 0,
          ...rest(diff),
        });
        return;
      }
      for (const line of lines(terminal, diff)) terminal.print(line);
      for (const { file } of bare) terminal.note(`${file} has no schemas: data along edges is not compared`);
      if (!isCompatible) terminal.note(counted(incompatible.length + lostCases.length, "incompatible change"));
    });
}

const rest = ({ nodes, edges, graph }: GraphDiff) => ({ nodes, edges, graph });

function lines(terminal: Terminal, { same, nodes, edges, graph }: GraphDiff): readonly string[] {
  const { stdout } = terminal;
  const red = (text: string) => terminal.styled("red", text, stdout);
  const green = (text: string) => terminal.styled("green", text, stdout);
  const yellow = (text: string) => terminal.styled("yellow", text, stdout);
  if (same) return ["no differences"];
  return [
    ...nodes.removed.map((id) => red(`- node ${id}`)),
    ...nodes.added.map((id) => green(`+ node ${id}`)),
    ...nodes.changed.flatMap(({ nodeId, changes }) => [yellow(`~ node ${nodeId}`), ...changes.map(changeLine)]),
    ...edges.removed.map(([from, to]) => red(`- edge ${from} -> ${to}`)),
    ...edges.added.map(([from, to]) => green(`+ edge ${from} -> ${to}`)),
    ...(graph.length === 0 ? [] : [yellow("~ graph"), ...graph.map(changeLine)]),
    ...[...edges.incompatible, ...edges.lostCases].map(({ message }) => red(`! ${message}`)),
  ];
}

const changeLine = ({ path, before, after }: Change): string => `    ${path}: ${short(before)} -> ${short(after)}`;

const longest = 60;

function short(value: Json | undefined): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length <= longest ? text : `${text.slice(0, longest)}...`;
}
