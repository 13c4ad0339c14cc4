/*
 * One process of the benchmark: `node part.ts coordinator` or `node part.ts worker`, with the addresses in the
 * environment. Exits when its parent disconnects, and then reports its costs.
 */
import { kafkaBus } from "flowkit/adapters/kafka";
import { mongoStore } from "flowkit/adapters/mongo";
import { type Bus, Coordinator, Worker } from "flowkit/engine";
import { MongoClient } from "mongodb";
import { source, step } from "../flows.ts";

/** The costs of a process from start to end. */
export interface Usage {
  readonly cpuMs: number;
  /** Commands sent to MongoDB, and the writes among them. */
  readonly commands: number;
  readonly writes: number;
  /** The sum of their durations; several may run concurrently. */
  readonly waitedMs: number;
  readonly messages: number;
}

const { KAFKA_BROKERS = "", MONGODB_URL = "", BENCH_PREFIX = "" } = process.env;
const client = new MongoClient(MONGODB_URL, { monitorCommands: true });
const used = { commands: 0, writes: 0, waitedMs: 0, messages: 0 };
client.on("commandSucceeded", ({ commandName, duration }) => {
  used.commands++;
  if (["insert", "update", "delete"].includes(commandName)) used.writes++;
  used.waitedMs += duration;
});
const kafka = kafkaBus({ brokers: KAFKA_BROKERS.split(","), prefix: BENCH_PREFIX });
const bus: Bus = {
  publish(topic, key, message) {
    used.messages++;
    return kafka.publish(topic, key, message);
  },
  subscribe: (options) => kafka.subscribe(options),
  close: () => kafka.close(),
};
const shared = { store: mongoStore({ client, prefix: `${BENCH_PREFIX}_` }), bus, handlers: [source, step] };
const part = process.argv[2] === "coordinator" ? new Coordinator(shared) : new Worker(shared);

process.once("message", () => void end());
process.once("disconnect", () => void part.stop({ graceMs: 0 }));
await part.start();
const atStart = process.cpuUsage();
Object.assign(used, { commands: 0, writes: 0, waitedMs: 0, messages: 0 });
process.send?.("ready");

async function end(): Promise<void> {
  const { user, system } = process.cpuUsage(atStart);
  const usage: Usage = { ...used, cpuMs: (user + system) / 1000 };
  process.send?.(usage);
  await part.stop({ graceMs: 0 });
  await client.close();
  if (process.connected) process.disconnect();
}
