import { defineHandler, flow } from "flowkit";
import * as z from "zod";
import { OpenCalls } from "../../../src/testing/flow/open-calls.ts";
import { RunnableCode } from "../../../src/testing/flow/run-code.ts";
import { isFinishedRun, readRun } from "../../../src/testing/flow/simulated-run.ts";
import { drive } from "../../../src/testing/scheduler/drive.ts";
import { Cluster, type ClusterOptions } from "../../../src/testing/simulation/cluster.ts";

/*
 * Crashes a process at every single point of a small run, one point per run: before each store call, between the
 * records that a call touches, before its answer arrives, around each message. Without other faults, so that a
 * violation belongs to that point. Prints the violations and the points.
 */

const read = defineHandler("read", {
  output: z.object({ rows: z.array(z.number()) }),
  *iterBatches() {
    for (const first of [1, 4]) yield { payload: { rows: [first, first + 1, first + 2] } };
  },
});
const add = defineHandler("add", {
  input: z.array(z.number()),
  output: z.object({ sum: z.number() }),
  result: z.object({ batches: z.number() }),
  processBatch: (rows) => ({ sum: rows.reduce((total, row) => total + row, 0) }),
  finalize: (ctx) => ({ batches: ctx.batchCount }),
});
const small = flow("small")
  .node("read", read)
  .then("add", add, {
    startWhen: "first_batch",
    input: { adapter: "pull.from_artifacts.rechunk:size", size: 2, metaListKey: "rows" },
  })
  .fn("merge", "merge.generic", { after: ["read", "add"], args: { fromNodes: ["read"], target: { key: "all" } } })
  .fn("count", "vars.incr", { after: ["merge"], args: { key: "runs" } });

const code = new RunnableCode({ flow: small.compile(), handlers: small.handlers });
const noFaults = {
  store: false,
  messages: false,
  crashes: false,
  stops: false,
  pauses: false,
  cancels: false,
  clocks: false,
};
/** A seed without a worker in the coordinator's process. */
const seed = 3;
const expected = {
  outputs: { add: [{ sum: 3 }, { sum: 3 }, { sum: 9 }, { sum: 6 }], merge: [{ all: { rows: [1, 2, 3, 4, 5, 6] } }] },
  vars: { runs: 1 },
};

async function run(options: Pick<ClusterOptions, "crashAt" | "trace">) {
  const cluster = new Cluster({
    seed,
    mode: "chaos",
    workload: () => code.workload(undefined, new OpenCalls()),
    faults: noFaults,
    size: { coordinators: 1, workers: 1 },
    ...options,
  });
  await drive(cluster.run());
  return { cluster, outcome: readRun(cluster, { seed, mode: "chaos", outside: undefined }) };
}

const trace: string[] = [];
const calm = await run({ trace });
const broken: string[] = [...calm.cluster.journal.violations];
// Until the task has ended; later points do not matter.
const last = trace.findLastIndex((line) => line.includes("finishTask ->"));
const steps = Number(trace[last]?.split("\t")[0]) + 1;
let runs = 0;
for (const process of ["c1", "w1"]) {
  for (let step = 1; step < steps; step++) {
    const { cluster, outcome } = await run({ crashAt: { step, process } });
    runs++;
    const finished = outcome !== undefined && isFinishedRun(outcome) ? outcome : undefined;
    const got = JSON.stringify({ outputs: pick(finished?.outputs ?? {}), vars: finished?.vars });
    if (cluster.journal.violations.length > 0 || got !== JSON.stringify(expected)) {
      broken.push(`${process} crashes before step ${step}: ${cluster.journal.violations[0] ?? got}`);
    }
  }
}
const points = new Set(trace.map((line) => line.split("\t").at(-1)?.split(" ")[0] ?? ""));
console.log(JSON.stringify({ runs, broken, points: [...points] }));

function pick({ add, merge }: { readonly [nodeId: string]: unknown }) {
  return { add, merge };
}
