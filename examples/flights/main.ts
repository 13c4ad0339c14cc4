import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { FlowError } from "flowkit";
import { datasetFiles } from "./dataset.ts";
import { startDistributed } from "./distributed/start.ts";
import { startEmbedded } from "./embedded.ts";
import { flights } from "./flow.ts";
import { showProgress } from "./progress.ts";
import { renderReport } from "./report-table.ts";
import { serveStudio, writeRunPage } from "./studio.ts";
import { writeOutput } from "./write-output.ts";

// node examples/flights/main.ts [--distributed] [--studio] [--out folder] [file.json]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    distributed: { type: "boolean", default: false },
    studio: { type: "boolean", default: false },
    out: { type: "string", default: fileURLToPath(new URL("out", import.meta.url)) },
  },
});
const [flightsFile = datasetFiles.flights] = positionals;
if (values.distributed && values.studio) {
  console.error("error: --studio shows runs of this process: omit --distributed");
  process.exit(2);
}
const graph = flights.compile();

const store = join(values.out, "runs.db");
await using engine = values.distributed ? await startDistributed() : await startEmbedded(store);
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

if (!values.distributed) {
  const page = join(values.out, "run.html");
  // Prints the path of the file that it has written.
  await writeRunPage({ store, taskId: task.id, file: relative(".", page) });
  if (values.studio) await serveStudio({ store, taskId: task.id });
  else console.log(`the run in the studio (npm run demo -- --studio serves it): ${pathToFileURL(page)}`);
}
