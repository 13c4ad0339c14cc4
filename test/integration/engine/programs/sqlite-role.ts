/*
 * One of the processes on a SQLite file, which share nothing else: `node sqlite-role.ts FILE coordinator SEED TASKS` runs
 * that many random graphs drawn from the seed, each under its own idempotency key, and ends when all have ended; `... FILE
 * client SEED TASKS` only starts them, and waits; `... FILE worker TYPE,TYPE` works until it receives SIGTERM, as does a
 * coordinator of no tasks. LEASE_MS may follow, after `0` tasks. Prints `ready`, and at the end a line of JSON.
 */
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import { Client } from "../../../../src/engine/client.ts";
import { Coordinator } from "../../../../src/engine/coordinator.ts";
import { Worker } from "../../../../src/engine/worker.ts";
import { randomGraphs } from "../../../helpers/random-graph.ts";
import { randomGraphHandlers } from "../../../helpers/random-graph-handlers.ts";
import { RecordingLogger } from "../../../helpers/recording-logger.ts";

const [path = "", role = "", first = "", count = "0", lease = "60000"] = process.argv.slice(2);
const leaseMs = Number(lease);
let processed = 0;
const logger = new RecordingLogger();
const handlers = randomGraphHandlers({
  random: Math.random,
  failing: 0,
  pause: () => new Promise((done) => setTimeout(done, Math.random() * 5)),
  onBatch: () => void processed++,
});
const common = { store: sqliteStore(path), handlers, logger };
const part = start();
await part.start();
process.once("SIGTERM", () => void end());
if (part instanceof Worker) console.log("ready");
else {
  const graphs = randomGraphs(Number(first), Number(count));
  const started = graphs.map((nodes, index) => part.run({ nodes }, { idempotencyKey: `task ${index}` }));
  const tasks = await Promise.all(started);
  console.log("ready");
  if (tasks.length > 0) {
    await Promise.all(tasks.map((task) => task.result()));
    await end();
  }
}

function start(): Coordinator | Client | Worker {
  if (role === "worker") return new Worker({ ...common, roles: first.split(","), capacity: 4, leaseMs });
  return role === "client" ? new Client(common) : new Coordinator({ ...common, leaseMs });
}

async function end(): Promise<void> {
  await part.stop();
  console.log(JSON.stringify({ processed, problems: logger.problems }));
}
