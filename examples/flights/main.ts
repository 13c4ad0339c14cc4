import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { FlowError } from "flowkit";
import { createEngine } from "flowkit/engine";
import { datasetFiles } from "./dataset.ts";
import { flights } from "./flow.ts";
import { showProgress } from "./progress.ts";
import { renderReport } from "./report-table.ts";
import { writeOutput } from "./write-output.ts";

// node examples/flights/main.ts [file.json]
const [flightsFile = datasetFiles.flights] = process.argv.slice(2);
const graph = flights.compile();

await using engine = await createEngine({ handlers: flights.handlers });
const task = await engine.run(flights, { params: { flights: flightsFile, airports: datasetFiles.airports } });

const nodeIds = graph.nodes.map((node) => node.node_id);
await showProgress(task.events({ sampleMs: 50 }), { nodeIds, output: process.stdout });

try {
  for await (const report of task.artifacts("report")) {
    console.log(`\n${renderReport(report)}\n`);
    const folder = fileURLToPath(new URL("out", import.meta.url));
    for (const path of await writeOutput(folder, { report, graph })) console.log(`wrote ${relative(".", path)}`);
  }
} catch (error) {
  if (!FlowError.is(error, "TASK_FAILED")) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}
