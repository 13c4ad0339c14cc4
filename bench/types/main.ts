/*
 * The same mistakes, and the same large graph, in FlowKit and in comparable libraries: `npm run bench:types`. `npm run
 * bench:types -- mastra` runs only the named libraries; `--json` prints the findings as JSON; `--markdown` stores them
 * in results.json, keeping the results of other libraries, and writes the README's tables; `--nodes` and `--rounds`
 * apply to the graph.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { installPeers } from "../install.ts";
import { checkCases } from "./cases.ts";
import { type GraphCost, measureGraph } from "./large-graph.ts";
import { flowkit } from "./libraries/flowkit.ts";
import { hatchet } from "./libraries/hatchet.ts";
import { langgraph } from "./libraries/langgraph.ts";
import { mastra } from "./libraries/mastra.ts";
import { pgflow } from "./libraries/pgflow.ts";
import type { Library } from "./library.ts";
import { writeBlock } from "./markdown.ts";
import { printResults } from "./print.ts";
import { type LibraryResults, type Results, resultsFile, versionOf } from "./results.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    nodes: { type: "string", default: "200" },
    rounds: { type: "string", default: "5" },
  },
});
const options = { nodes: Number(values.nodes), rounds: Number(values.rounds) };

const all = [flowkit, mastra, langgraph, pgflow, hatchet];
const libraries = all.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const unknown = positionals.filter((word) => !all.some(({ name }) => name === word));
if (unknown.length > 0) throw new Error(`unknown library: ${unknown.join(", ")}`);

if (libraries.some(({ name }) => name !== "flowkit")) installPeers(new URL("./", import.meta.url), "200 MB");
const measured: LibraryResults[] = [];
for (const library of libraries) measured.push(await measure(library));
const results: Results = {
  node: process.versions.node,
  cores: availableParallelism(),
  zod: versionOf("zod"),
  rounds: options.rounds,
  libraries: measured,
};
if (values.json) console.log(JSON.stringify(results, undefined, 2));
else printResults(results);
if (values.markdown) {
  const stored = libraries.length === all.length ? results : beside(results);
  writeFileSync(resultsFile, `${JSON.stringify(stored, undefined, 2)}\n`);
  writeBlock(fileURLToPath(new URL("../../README.md", import.meta.url)), stored);
}

async function measure(library: Library): Promise<LibraryResults> {
  process.stderr.write(`${library.name}: mistakes\n`);
  const { typescript, cases } = await checkCases(library);
  const graphs: GraphCost[] = [];
  for (const form of library.graphs) {
    process.stderr.write(`${library.name}: ${options.nodes} nodes${form.form === undefined ? "" : `, ${form.form}`}\n`);
    graphs.push(await measureGraph(library, form, { ...options, typescript }));
  }
  const { name, title, package: packageName } = library;
  return { name, title, package: packageName, version: versionOf(packageName), typescript, cases, graphs };
}

/** The stored run, with new results replaced. */
function beside({ libraries: news, ...circumstances }: Results): Results {
  const { libraries: stored, ...then } = JSON.parse(readFileSync(resultsFile, "utf8")) as Results;
  if (!isDeepStrictEqual(then, circumstances))
    throw new Error(
      `the stored run used ${JSON.stringify(then)}, this one ${JSON.stringify(circumstances)}: run all libraries`,
    );
  return { ...then, libraries: stored.map((old) => news.find(({ name }) => name === old.name) ?? old) };
}
