/*
 * Fails if a workload needs over 15 % more store calls than recorded: `npm run bench:calls`. Counts, unlike times, do not
 * depend on the machine.
 *
 *   --record   writes the counts of this run to recorded-calls.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { judgeCalls, type RecordedCalls, totalOf } from "./call-budget.ts";
import { engineCase } from "./engine-case.ts";
import { chainOf, fanOutTo, source, step } from "./flows.ts";
import { type Case, countCalls } from "./measure.ts";
import type { StoreCalls } from "./store-calls.ts";
import { aligned } from "./table.ts";

const { values } = parseArgs({ options: { record: { type: "boolean", default: false } } });
const file = fileURLToPath(new URL("recorded-calls.json", import.meta.url));

const branches = Array.from({ length: 200 }, (_, index) => `b${index}`);
const chain = { unit: "node", units: 1000, tasks: 10, handlers: [source, step], graph: chainOf(100, source, step) };
const cases: readonly Case[] = [
  engineCase({ ...chain, name: "chain of 100 nodes" }),
  engineCase({ ...chain, name: "chain of 100 nodes, SQLite", store: "SQLite" }),
  engineCase({
    name: "fan-out to 200 and join",
    unit: "node",
    units: branches.length + 2,
    handlers: [source, step],
    graph: fanOutTo(branches, source, step).node("join", step, { after: branches }).compile(),
  }),
  engineCase({
    name: "100 tasks of 10 nodes at once",
    unit: "task",
    units: 100,
    tasks: 100,
    atOnce: 100,
    handlers: [source, step],
    graph: chainOf(10, source, step),
  }),
];

const found: Record<string, StoreCalls> = {};
for (const each of cases) {
  const calls = Object.entries(await typicalCalls(each)).toSorted(([a], [b]) => a.localeCompare(b));
  found[each.name] = Object.fromEntries(calls.map(([operation, count]) => [operation, count / each.units]));
}
if (values.record) writeFileSync(file, `${JSON.stringify(found, undefined, 2)}\n`);
const judged = judgeCalls(JSON.parse(readFileSync(file, "utf8")) as RecordedCalls, found);
const rows = judged.map(({ name, recorded, found, verdict, why }) => [
  name,
  recorded.toFixed(2),
  found.toFixed(2),
  why === "" ? verdict : `${verdict}: ${why}`,
]);
console.log(aligned([["case", "recorded/unit", "found/unit", "verdict"], ...rows]));
if (judged.some(({ verdict }) => verdict === "worse" || verdict === "not recorded")) process.exitCode = 1;

/** The median of three runs, because the number of queue scans that find nothing depends slightly on timing. */
async function typicalCalls(what: Case): Promise<StoreCalls> {
  const runs = [await countCalls(what), await countCalls(what), await countCalls(what)];
  return runs.toSorted((a, b) => totalOf(a) - totalOf(b))[1] ?? {};
}
