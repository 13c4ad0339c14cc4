/*
 * `npm run bench` measures the built package. `npm run bench -- chain stream` takes only the cases whose names contain
 * one of the words; `--json` prints the numbers for a program; `--rounds 3` is quicker and says less.
 */
import { parseArgs } from "node:util";
import { chains } from "./cases/chain.ts";
import { fanOuts } from "./cases/fan-out.ts";
import { manyTasks } from "./cases/many-tasks.ts";
import { streams } from "./cases/streaming.ts";
import { validations } from "./cases/validation.ts";
import { describeMachine } from "./machine.ts";
import { type Measurement, measure } from "./measure.ts";
import { printTable } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "7" },
    "warm-up": { type: "string", default: "2" },
  },
});

const cases = [...chains, ...streams, ...fanOuts, ...manyTasks, ...validations].filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
);
if (cases.length === 0) throw new Error(`no case contains ${positionals.join(" or ")}`);

const machine = describeMachine();
const measurements: Measurement[] = [];
for (const [name, group] of Map.groupBy(cases, (each) => each.group ?? each.name)) {
  process.stderr.write(`${name}\n`);
  measurements.push(...(await measure(group, { warmUp: Number(values["warm-up"]), rounds: Number(values.rounds) })));
}
if (values.json) console.log(JSON.stringify({ machine, measurements }, undefined, 2));
else printTable(machine, measurements);
