/*
 * A coordinator or a worker of a chaos run as a separate process: `node chaos-process.ts SPEC`. It reports "ready" to
 * its parent, works until SIGTERM, and exits with its parent. It logs lines of JSON to stderr.
 */
import { kafkaBus } from "../../src/adapters/kafka/index.ts";
import { mongoStore } from "../../src/adapters/mongo/index.ts";
import type { Logger } from "../../src/definitions/index.ts";
import { Coordinator } from "../../src/engine/coordinator.ts";
import { Worker } from "../../src/engine/worker.ts";
import { FlowError } from "../../src/errors/index.ts";
import { partsAdapter } from "../../src/testing/cluster/computation.ts";
import { workerTypes } from "../../src/testing/cluster/random-graph.ts";
import { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { chaosHandlers } from "./chaos-handlers.ts";
import { JournalWriter, machineMs } from "./journal.ts";
import { noServer, type ProcessSpec, shared } from "./process-spec.ts";

const spec = JSON.parse(process.argv[2] ?? "") as ProcessSpec;
const graceMs = 1_000;

process.on("disconnect", () => process.exit(1)); // the driver has exited
const journal = new JournalWriter(spec.journal);
const part = makePart();
process.once("SIGTERM", () => void part.stop({ graceMs }).then(() => process.exit(0)));
journal.watchStalls();
try {
  await part.start();
  process.send?.("ready");
} catch (error) {
  const code = FlowError.is(error) ? error.code : undefined;
  if (code === "STORE_UNAVAILABLE" || code === "BUS_UNAVAILABLE") process.exit(noServer);
  if (code !== "ENGINE_STOPPED") throw error; // stopped before it had started: it exits once it has stopped
}

function makePart(): Coordinator | Worker {
  const { leaseMs, tickMs, sweepMs, cancelGraceMs, maxLostLeases, externalTypes, externalAcceptMs, limits } = shared;
  const logger = stderrLogger({});
  const common = {
    store: mongoStore({
      url: spec.mongoUrl,
      database: spec.database,
      migrate: false,
      timeoutMs: 5_000,
      // For most, only the store prevents a second write after a lost answer.
      clientOptions: { retryWrites: new SeededRandom(spec.seed + 1).chance(0.25) },
    }),
    bus: kafkaBus({
      brokers: spec.brokers,
      topics: { partitions: 3 },
      sessionTimeoutMs: 6_000,
      heartbeatMs: 1_000,
      closeTimeoutMs: 2_000,
      logger,
    }),
    inputAdapters: [partsAdapter],
    leaseMs,
    logger,
    ...limits,
  };
  if (spec.role === "coordinator") {
    const types = [...workerTypes, ...externalTypes];
    const sweeps = { tickMs, sweepMs, cancelGraceMs, maxLostLeases };
    return new Coordinator({ ...common, ...sweeps, workerTypes: types, externalTypes, externalAcceptMs });
  }
  const handlers = chaosHandlers({ journal, random: new SeededRandom(spec.seed), leaseMs });
  return new Worker({ ...common, handlers, capacity: spec.capacity, pageSize: 3 });
}

function stderrLogger(bound: object): Logger {
  const log = (level: string) => (fields: object, message?: string) => {
    const err = (fields as { readonly err?: unknown }).err;
    const entry = {
      level,
      at: Math.round(machineMs()),
      ...bound,
      ...fields,
      ...(err === undefined ? {} : { err: String(err) }),
      message,
    };
    process.stderr.write(`${JSON.stringify(entry)}\n`);
  };
  return {
    debug: () => {},
    info: () => {},
    warn: log("warn"),
    error: log("error"),
    child: (more) => stderrLogger({ ...bound, ...more }),
  };
}
