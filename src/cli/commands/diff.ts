import type { Command } from "commander";
import type { Json } from "../../errors/index.ts";
import { type Change, diffGraphs, type Graph, type GraphDiff } from "../../graph/index.ts";
import { readGraphFile } from "../loading/read-graph.ts";
import { counted } from "../loading/wording.ts";
import { exitCodes } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples, jsonOption } from "./common.ts";

export function addDiff(root: Command, terminal: Terminal): void {
  root
    .command("diff")
    .summary("compare two graphs")
    .description(
      "Tells what differs between two graphs, in whatever order and words they are written. Ends with 1 when a node can no longer take what it reads, which only graphs with schemas tell.",
    )
    .argument("<before>", "a flow.ts or graph.json")
    .argument("<after>", "a flow.ts or graph.json")
    .addOption(jsonOption())
    .addHelpText("after", examples("diff graph.json flow.ts", "diff old.json new.json --json"))
    .action(async (before: string, after: string) => {
      const options = { schemas: true, mayMisfit: true };
      const sources = [await readGraphFile(before, options), await readGraphFile(after, options)];
      const lacking = sources.filter(({ graph }) => graph.schemas === undefined);
      // Of one side only they would all be a difference, and tell of no edge.
      const [a, b] = sources.map(({ graph }) => (lacking.length === 0 ? graph : withoutSchemas(graph)));
      const diff = diffGraphs(a as Graph, b as Graph);
      const isCompatible = diff.edges.incompatible.length === 0;
      if (!isCompatible) terminal.exitCode = exitCodes.failed;
      if (terminal.isJson) {
        terminal.printJson({
          same: diff.same,
          compatible: isCompatible,
          comparesData: lacking.length === 0,
          ...rest(diff),
        });
        return;
      }
      for (const line of lines(terminal, diff)) terminal.print(line);
      for (const { file } of lacking) terminal.note(`${file} has no schemas: the data on edges is not compared`);
      if (!isCompatible) terminal.note(counted(diff.edges.incompatible.length, "incompatible change"));
    });
}

const rest = ({ nodes, edges, graph }: GraphDiff) => ({ nodes, edges, graph });

function withoutSchemas({ schemas: _, ...graph }: Graph): Graph {
  return graph;
}

function lines(terminal: Terminal, { same, nodes, edges, graph }: GraphDiff): readonly string[] {
  const { stdout } = terminal;
  const red = (text: string) => terminal.styled("red", text, stdout);
  const green = (text: string) => terminal.styled("green", text, stdout);
  const yellow = (text: string) => terminal.styled("yellow", text, stdout);
  if (same) return ["no difference"];
  return [
    ...nodes.removed.map((id) => red(`- node ${id}`)),
    ...nodes.added.map((id) => green(`+ node ${id}`)),
    ...nodes.changed.flatMap(({ nodeId, changes }) => [yellow(`~ node ${nodeId}`), ...changes.map(changeLine)]),
    ...edges.removed.map(([from, to]) => red(`- edge ${from} -> ${to}`)),
    ...edges.added.map(([from, to]) => green(`+ edge ${from} -> ${to}`)),
    ...(graph.length === 0 ? [] : [yellow("~ graph"), ...graph.map(changeLine)]),
    ...edges.incompatible.map(({ message }) => red(`! ${message}`)),
  ];
}

const changeLine = ({ path, before, after }: Change): string => `    ${path}: ${short(before)} -> ${short(after)}`;

const longest = 60;

function short(value: Json | undefined): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length <= longest ? text : `${text.slice(0, longest)}...`;
}
