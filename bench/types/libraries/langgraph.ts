import { type GraphNode, type Layers, type Library, peerFolder } from "../library.ts";

export const langgraph: Library = {
  name: "langgraph",
  title: "LangGraph.js",
  package: "@langchain/langgraph",
  folder: peerFolder,
  runsAlone: true,
  without: { "missing-argument": "a node is a function of the state" },
  graphs: [
    { form: "nodes in one list", source: (layers) => sourceWith(layers, `  .addNode([${listed(layers)}])`) },
    { form: "nodes in a chain", source: (layers) => sourceWith(layers, chained(layers)) },
  ],
};

const sourceWith = (
  layers: Layers,
  nodes: string,
) => `import { END, START, StateGraph, StateSchema } from "@langchain/langgraph";
import * as z from "zod";

const State = new StateSchema({
  date: z.string(),
${layers.flat().map(field).join("\n")}
});

${layers.flat().map(node).join("\n")}

export const large = new StateGraph(State)
${nodes}
${layers.flat().map(edge).join("\n")}
  .addEdge([${ids(layers.at(-1)?.map(({ n }) => n) ?? [])}], END)
  .compile();
`;

const listed = (layers: Layers) =>
  layers
    .flat()
    .map(({ n }) => `["n${n}", n${n}]`)
    .join(", ");
const chained = (layers: Layers) =>
  layers
    .flat()
    .map(({ n }) => `  .addNode("n${n}", n${n})`)
    .join("\n");

const ids = (nodes: readonly number[]) => nodes.map((n) => `"n${n}"`).join(", ");

const field = ({ n }: GraphNode) => `  o${n}: z.object({ v${n}: z.number(), name: z.string() }),`;

function node({ n, parents }: GraphNode): string {
  const sum = parents.map((parent) => `state.o${parent}.v${parent}`).join(" + ");
  const update = `{ o${n}: { v${n}: ${sum || "state.date.length"}, name: "n${n}" } }`;
  return `const n${n}: typeof State.Node = (state) => (${update});`;
}

const edge = ({ n, parents }: GraphNode) =>
  `  .addEdge(${parents.length === 0 ? "START" : `[${ids(parents)}]`}, "n${n}")`;
