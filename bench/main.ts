/*
 * Measures the built package: `npm run bench`.
 *
 *   --only WORDS   cases whose names contain one of these words: --only chain,stream
 *   --quick        fewer rounds, without the slow cases
 *   --rounds N     number of measured rounds; default 7        --warm-up N   number of warm-up rounds; default 2
 *   --json FILE    writes all numbers as JSON
 *   --markdown     writes the tables into docs/performance.md
 *   --compare BASE measures the commit BASE too, in alternation, and prints a verdict for each case
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chains } from "./cases/chain.ts";
import { fanOuts } from "./cases/fan-out.ts";
import { manyTasks } from "./cases/many-tasks.ts";
import { retries } from "./cases/retries.ts";
import { streams } from "./cases/streaming.ts";
import { telemetry } from "./cases/telemetry.ts";
import { validations } from "./cases/validation.ts";
import { compareWith } from "./compare.ts";
import { describeMachine } from "./machine.ts";
import { type Measurement, measure } from "./measure.ts";
import { writeBlock } from "./page-block.ts";
import { aligned, callRows, costRows, machineLine, markdown } from "./table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    "warm-up": { type: "string" },
    json: { type: "string" },
    markdown: { type: "boolean", default: false },
    compare: { type: "string" },
  },
});
if (values.compare !== undefined) {
  const options = ["--only", values.only, ...(values.quick ? ["--quick"] : [])];
  console.log(await compareWith(values.compare, Number(values.rounds ?? 7), options));
  process.exit();
}
const page = "docs/performance.md";
const marks = {
  begin: "<!-- bench:begin: written by `npm run bench -- --markdown` -->",
  end: "<!-- bench:end -->",
};

const words = values.only.split(",").filter((word) => word !== "");
const cases = [...chains, ...fanOuts, ...manyTasks, ...streams, ...retries, ...validations, ...telemetry].filter(
  ({ name, isLong }) =>
    (words.length === 0 || words.some((word) => name.includes(word))) && !(values.quick && isLong === true),
);
if (cases.length === 0) throw new Error(`no case contains ${words.join(" or ")}`);

const machine = describeMachine();
const rounds = Number(values.rounds ?? (values.quick ? 2 : 7));
const warmUp = Number(values["warm-up"] ?? (values.quick ? 1 : 2));
const measurements: Measurement[] = [];
for (const [name, group] of Map.groupBy(cases, (each) => each.group ?? each.name)) {
  process.stderr.write(`${name}\n`);
  measurements.push(...(await measure(group, { warmUp, rounds })));
}
const [costs, calls] = [costRows(measurements), callRows(measurements)];
const about = `${machineLine(machine)}; ${rounds} measured rounds, ${warmUp} warm-up.`;
console.log(`${about}\n\n${aligned(costs)}\n\n${aligned(calls)}`);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ machine, rounds, warmUp, measurements }, undefined, 2)}\n`);
}
if (values.markdown) writeBlock(page, marks, `${about}\n\n${markdown(costs)}\n\n${markdown(calls)}\n`);
