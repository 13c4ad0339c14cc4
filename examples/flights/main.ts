import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { FlowError } from "flowkit";
import { datasetFiles } from "./dataset.ts";
import { startDistributed } from "./distributed/start.ts";
import { startEmbedded } from "./embedded.ts";
import { flights } from "./flow.ts";
import { showProgress } from "./progress.ts";
import { renderReport } from "./report-table.ts";
import { writeOutput } from "./write-output.ts";

// node examples/flights/main.ts [--distributed] [--out folder] [file.json]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    distributed: { type: "boolean", default: false },
    out: { type: "string", default: fileURLToPath(new URL("out", import.meta.url)) },
  },
});
const [flightsFile = datasetFiles.flights] = positionals;
const graph = flights.compile();

await using engine = values.distributed ? await startDistributed() : await startEmbedded();
const task = await engine.run({ flights: flightsFile, airports: datasetFiles.airports });

const nodeIds = graph.nodes.map((node) => node.node_id);
await showProgress(task.events({ sampleMs: 50 }), { nodeIds, output: process.stdout });

try {
  for await (const report of task.artifacts("report")) {
    console.log(`\n${renderReport(report)}\n`);
    for (const path of await writeOutput(values.out, { report, graph })) console.log(`wrote ${relative(".", path)}`);
  }
} catch (error) {
  if (!FlowError.is(error, "TASK_FAILED")) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}
