import { type GraphNode, type Layers, type Library, peerFolder } from "../library.ts";

export const mastra: Library = {
  name: "mastra",
  title: "Mastra",
  package: "@mastra/core",
  folder: peerFolder,
  runsAlone: true,
  without: {},
  graphs: [
    { form: "steps in the chain only", source: (layers) => sourceOf(layers, false) },
    // Lists the steps twice, which types the results of a run.
    { form: "steps listed too", source: (layers) => sourceOf(layers, true) },
  ],
};

function sourceOf(layers: Layers, listed: boolean): string {
  return `import { createStep, createWorkflow } from "@mastra/core/workflows";
import * as z from "zod";

${layers.flat().map(step).join("\n")}
export const large = createWorkflow({
  id: "large",
  inputSchema: z.object({ date: z.string() }),
  outputSchema: z.object({ ${outputs(layers.at(-1)?.map(({ n }) => n) ?? [])} }),${listed ? `\n  steps: [${layers.flat().map(name).join(", ")}],` : ""}
})
${layers.map((layer) => `  .parallel([${layer.map(name).join(", ")}])`).join("\n")}
  .commit();
`;
}

const name = ({ n }: GraphNode) => `n${n}`;
const outputs = (nodes: readonly number[]) => nodes.map((n) => `n${n}: out${n}`).join(", ");

function step({ n, parents }: GraphNode): string {
  const sum = parents.map((parent) => `inputData.n${parent}.v${parent}`).join(" + ");
  return `const out${n} = z.object({ v${n}: z.number(), name: z.string() });
const n${n} = createStep({
  id: "n${n}",
  inputSchema: z.object({ ${parents.length === 0 ? "date: z.string()" : outputs(parents)} }),
  outputSchema: out${n},
  execute: async ({ inputData }) => ({ v${n}: ${sum || "inputData.date.length"}, name: "n${n}" }),
});
`;
}
