/*
 * One of the processes on a store: `node store-worker.ts STORE LOG SEED TASKS LEASE_MS TOGETHER`, where STORE is a
 * SQLite file, or the options of a MongoDB store as JSON; with a schema, those of a store and a bus on PostgreSQL. It
 * runs that many random graphs drawn from the seed, each under its own idempotency key, and ends when all have ended.
 * Without tasks, it works on those of other processes until it receives SIGTERM. No batch is processed before TOGETHER
 * processes have one. Each processed batch is a line in the log. Prints `ready`, and at the end a line of JSON.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bus, Store } from "../../../../src/core/ports/index.ts";
import { createEngine } from "../../../../src/engine/engine.ts";
import { randomGraphs } from "../../../helpers/random-graph.ts";
import { randomGraphHandlers } from "../../../helpers/random-graph-handlers.ts";
import { RecordingLogger } from "../../../helpers/recording-logger.ts";

const [where = "", log = "", seed = "", count = "", leaseMs = "", together = "1"] = process.argv.slice(2);
let processed = 0;
let allHere: Promise<void> | undefined;
const logger = new RecordingLogger();
const engine = await createEngine({
  handlers: randomGraphHandlers({
    random: Math.random,
    failing: 0,
    async pause() {
      allHere ??= untilAllHere();
      await allHere;
      await sleep(Math.random() * 30);
    },
    onBatch(ctx) {
      processed++;
      appendFileSync(log, `${ctx.idempotencyKey}\n`);
    },
  }),
  ...(await partsAt(where)),
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

/** Does not load the drivers of other stores, which takes time. */
async function partsAt(place: string): Promise<{ readonly store: Store; readonly bus?: Bus }> {
  if (!place.startsWith("{")) {
    const { sqliteStore } = await import("../../../../src/adapters/sqlite/index.ts");
    return { store: sqliteStore(place) };
  }
  const options = JSON.parse(place);
  if ("schema" in options) {
    const { postgresBus, postgresStore } = await import("../../../../src/adapters/postgres/index.ts");
    return { store: postgresStore(options), bus: postgresBus(options) };
  }
  return { store: (await import("../../../../src/adapters/mongo/index.ts")).mongoStore(options) };
}

/** Ensures that each process has a batch before the first one ends, however fast one of them is. */
async function untilAllHere(): Promise<void> {
  if (together === "1") return;
  appendFileSync(`${log}.here`, ".");
  while (readFileSync(`${log}.here`, "utf8").length < Number(together)) await sleep(5);
}

async function end(): Promise<void> {
  await engine.stop();
  console.log(JSON.stringify({ processed, problems: logger.problems }));
}
