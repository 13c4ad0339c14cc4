/*
 * One of the processes on a database: `node mongo-worker.ts URL PREFIX LOG SEED TASKS LEASE_MS`. Runs that many random
 * graphs drawn from the seed, each under an idempotency key of its own, and ends when all have ended. With no tasks it
 * works on those of others until it gets SIGTERM. Every batch that it processes is a line in the log. Prints `ready`, and
 * at the end a line of JSON.
 */
import { appendFileSync } from "node:fs";
import { mongoStore } from "../../../../src/adapters/mongo/index.ts";
import { createEngine } from "../../../../src/embedded/create-engine.ts";
import { randomGraphs } from "../../../helpers/random-graph.ts";
import { randomGraphHandlers } from "../../../helpers/random-graph-handlers.ts";
import { RecordingLogger } from "../../../helpers/recording-logger.ts";

const [url = "", prefix = "", log = "", seed = "", count = "", leaseMs = ""] = process.argv.slice(2);
let processed = 0;
const logger = new RecordingLogger();
const engine = await createEngine({
  handlers: randomGraphHandlers({
    random: Math.random,
    failing: 0,
    pause: () => new Promise((done) => setTimeout(done, Math.random() * 30)),
    onBatch(ctx) {
      processed++;
      appendFileSync(log, `${ctx.idempotencyKey}\n`);
    },
  }),
  store: mongoStore({ url, database: "flowkit_tests", prefix }),
  logger,
  capacity: 4,
  leaseMs: Number(leaseMs),
  maxLostLeases: 1_000,
  keepAlive: true,
});
process.once("SIGTERM", () => void end());

const graphs = randomGraphs(Number(seed), Number(count));
const tasks = await Promise.all(
  graphs.map((nodes, index) => engine.run({ nodes }, { idempotencyKey: `task ${index}` })),
);
console.log("ready");
if (tasks.length > 0) {
  await Promise.all(tasks.map((task) => task.result()));
  await end();
}

async function end(): Promise<void> {
  await engine.stop();
  const problems = logger.lines
    .filter(({ level }) => level === "error" || level === "warn")
    .map(({ level, message, fields }) => ({ level, message, error: String((fields as { err?: unknown }).err) }));
  console.log(JSON.stringify({ processed, problems }));
}
