/*
 * The same workloads in FlowKit and in comparable libraries: `npm run bench:peers`. Takes about half an hour.
 *
 *   --only WORDS     suites with these names: --only process,postgres
 *   --rounds N       default 5         --warm-ms N   how long each program warms up and is measured; default 1500
 *   --json FILE      writes the measurements as JSON
 *   --markdown       stores it in results.json, beside the stored results of suites that were not run, and writes the tables
 *                    of README.md and docs/performance.md
 *   --stored         writes the tables of the stored results, without measuring
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installPeers } from "../install.ts";
import { writeBlock } from "../page-block.ts";
import { measureSuite } from "./measure.ts";
import { resultsFile, type SuiteResults } from "./results.ts";
import { suites } from "./suites.ts";
import { fullTables, marks, pages } from "./tables.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    "warm-ms": { type: "string", default: "1500" },
    json: { type: "string" },
    markdown: { type: "boolean", default: false },
    stored: { type: "boolean", default: false },
  },
});

const words = values.only.split(",").filter((word) => word !== "");
const chosen = suites.filter(({ name }) => words.length === 0 || words.includes(name));
const unknown = words.filter((word) => !suites.some(({ name }) => name === word));
if (unknown.length > 0) throw new Error(`unknown suite: ${unknown.join(", ")}`);

const stored = (): readonly SuiteResults[] =>
  existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, "utf8")) as SuiteResults[]) : [];
const measured: SuiteResults[] = [];
if (!values.stored) {
  installPeers(new URL("libraries/", import.meta.url), "480 MB");
  const measuring = { rounds: Number(values.rounds), warmMs: Number(values["warm-ms"]), limitMs: 60_000 };
  for (const suite of chosen) measured.push(await measureSuite(suite, measuring));
  console.log(fullTables(measured));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(measured, undefined, 2)}\n`);
}
if (values.markdown || values.stored) {
  const all = [...measured, ...stored()];
  const results = suites.flatMap(({ name }) => all.find((each) => each.name === name) ?? []);
  writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`);
  for (const [page, tables] of Object.entries(pages))
    writeBlock(fileURLToPath(new URL(`../../${page}`, import.meta.url)), marks, tables(results));
}
