import { type GraphNode, type Layers, type Library, peerFolder } from "../library.ts";

export const pgflow: Library = {
  name: "pgflow",
  title: "pgflow",
  package: "@pgflow/dsl",
  folder: peerFolder,
  runsAlone: false,
  without: {
    "missing-argument": "a step takes what its parents return",
    "wrong-return": "what a step returns is its type",
  },
  graphs: [{ source }],
};

function source(layers: Layers): string {
  return `import { Flow } from "@pgflow/dsl";

export const large = new Flow<{ date: string }>({ slug: "large" })
${layers.flat().map(step).join("\n")};
`;
}

function step({ n, parents }: GraphNode): string {
  const sum = parents.map((parent) => `input.n${parent}.v${parent}`).join(" + ");
  const dependsOn = parents.length === 0 ? "" : `, dependsOn: [${parents.map((parent) => `"n${parent}"`).join(", ")}]`;
  return `  .step({ slug: "n${n}"${dependsOn} }, async (input) => ({ v${n}: ${sum || "input.run.date.length"}, name: "n${n}" }))`;
}
