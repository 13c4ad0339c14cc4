import { type GraphNode, type Layers, type Library, peerFolder } from "../library.ts";

/** The client reads addresses from its token when it is created. This one grants no access. */
const claims = { sub: "nobody", server_url: "http://localhost:1", grpc_broadcast_address: "localhost:1" };

export const hatchet: Library = {
  name: "hatchet",
  title: "Hatchet",
  package: "@hatchet-dev/typescript-sdk",
  folder: peerFolder,
  runsAlone: false,
  environment: { HATCHET_CLIENT_TOKEN: `.${btoa(JSON.stringify(claims))}.` },
  without: { "missing-argument": "a task takes the run's input" },
  graphs: [{ source }],
};

function source(layers: Layers): string {
  return `import { HatchetClient } from "@hatchet-dev/typescript-sdk";

const hatchet = HatchetClient.init();
export const large = hatchet.workflow<{ date: string }>({ name: "large" });

${layers.flat().map(task).join("\n")}`;
}

function task({ n, parents }: GraphNode): string {
  const reads = parents.map((parent) => `    const n${parent}Output = await ctx.parentOutput(n${parent});\n`);
  const sum = parents.map((parent) => `n${parent}Output.v${parent}`).join(" + ");
  return `const n${n} = large.task({
  name: "n${n}",
  parents: [${parents.map((parent) => `n${parent}`).join(", ")}],
  fn: async (input, ctx) => {
${reads.join("")}    return { v${n}: ${sum || "input.date.length"}, name: "n${n}" };
  },
});
`;
}
