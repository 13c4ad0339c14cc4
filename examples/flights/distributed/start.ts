import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client } from "flowkit/engine";
import { startKafka } from "../../../scripts/services/kafka.ts";
import { startMongo } from "../../../scripts/services/mongo.ts";
import { type FlightFiles, flights } from "../flow.ts";
import { type Addresses, storeAndBus } from "./servers.ts";

const program = fileURLToPath(new URL("process.ts", import.meta.url));
const workers = 2;

/**
 * Starts a coordinator and two workers as separate processes, and a client in this one, which only creates the task.
 * They use `KAFKA_BROKERS` and `MONGODB_URL`, or servers started for this run.
 */
export async function startDistributed() {
  await using started = new AsyncDisposableStack();
  const addresses = await serversOf(started);
  const roles = ["coordinator", ...Array.from({ length: workers }, () => "worker")];
  await Promise.all(roles.map((role) => startProcess(role, { addresses, started })));
  const client = started.use(new Client({ ...storeAndBus(addresses), handlers: flights.handlers }));
  await client.start();
  const all = started.move();
  return {
    run: (params: FlightFiles) => client.run(flights, { params }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function serversOf(started: AsyncDisposableStack): Promise<Addresses> {
  const { KAFKA_BROKERS, MONGODB_URL, FLIGHTS_PREFIX: prefix = "flights" } = process.env;
  if (KAFKA_BROKERS && MONGODB_URL) {
    return { kafkaBrokers: KAFKA_BROKERS, mongodbUrl: MONGODB_URL, prefix };
  }
  const [kafka, mongo] = await Promise.all([startKafka(), startMongo()]);
  for (const server of [kafka, mongo]) started.defer(() => server.stop());
  return { kafkaBrokers: kafka.address, mongodbUrl: mongo.url, prefix };
}

/** Resolves once it is ready. */
async function startProcess(
  role: string,
  { addresses, started }: { readonly addresses: Addresses; readonly started: AsyncDisposableStack },
): Promise<void> {
  const { kafkaBrokers, mongodbUrl, prefix } = addresses;
  const env = { ...process.env, KAFKA_BROKERS: kafkaBrokers, MONGODB_URL: mongodbUrl, FLIGHTS_PREFIX: prefix };
  const child = fork(program, [role], { env });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the ${role} ended with exit code ${code} before it was ready`);
  });
  started.defer(() => stopProcess(child));
  await Promise.race([once(child, "message"), ended]);
  ended.catch(() => {}); // an exit after that is expected
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
