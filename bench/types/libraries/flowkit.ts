import { type GraphNode, type Layers, type Library, ownFolder } from "../library.ts";

export const flowkit: Library = {
  name: "flowkit",
  title: "FlowKit",
  package: "flowkit",
  folder: ownFolder,
  runsAlone: true,
  without: {},
  graphs: [
    { form: "inputs gathered", source: (layers) => sourceOf(layers, true) },
    { form: "batch by batch", source: (layers) => sourceOf(layers, false) },
  ],
};

/** Gathered, a node receives the outputs of all its parents at once, by name; otherwise each batch separately. */
function sourceOf(layers: Layers, gathered: boolean): string {
  return `import { defineHandler, flow } from "flowkit";
import * as z from "zod";

${layers
  .flat()
  .map((node) => handler(node, gathered))
  .join("\n")}
export const large = flow("large")
${layers
  .flat()
  .map((node) => call(node, gathered))
  .join("\n")};
export const graph = large.compile();
`;
}

function handler({ n, parents }: GraphNode, gathered: boolean): string {
  const sum = parents.map((parent) => `(input.n${parent}[0]?.v${parent} ?? 0)`).join(" + ");
  const members =
    parents.length === 0
      ? [`*iterBatches() { yield { payload: { v${n}: ${n}, name: "n${n}" } }; },`]
      : gathered
        ? [
            `input: z.object({ ${parents.map((parent) => `n${parent}: z.array(out${parent})`).join(", ")} }),`,
            `processBatch: (input) => ({ v${n}: ${sum}, name: "n${n}" }),`,
          ]
        : [
            "input: z.object({ name: z.string() }),",
            `processBatch: (input) => ({ v${n}: input.name.length, name: "n${n}" }),`,
          ];
  return `const out${n} = z.object({ v${n}: z.number(), name: z.string() });
const h${n} = defineHandler("h${n}", {
  output: out${n},
${members.map((member) => `  ${member}`).join("\n")}
});
`;
}

function call({ n, parents }: GraphNode, gathered: boolean): string {
  if (parents.length === 0) return `  .node("n${n}", h${n})`;
  const after = parents.map((parent) => `"n${parent}"`).join(", ");
  return `  .node("n${n}", h${n}, { after: [${after}]${gathered ? ', input: { adapter: "pull.gather" }' : ""} })`;
}
