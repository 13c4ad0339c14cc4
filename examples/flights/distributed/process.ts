/*
 * One process of the demo: `node process.ts coordinator` or `node process.ts worker`, with the addresses in the
 * environment. Exits on SIGTERM, or with the process that started it.
 */
import { Coordinator, Worker } from "flowkit/engine";
import { flights } from "../flow.ts";
import { storeAndBus } from "./servers.ts";

const { KAFKA_BROKERS = "", MONGODB_URL = "", FLIGHTS_PREFIX = "flights" } = process.env;
const shared = storeAndBus({ kafkaBrokers: KAFKA_BROKERS, mongodbUrl: MONGODB_URL, prefix: FLIGHTS_PREFIX });
const { handlers } = flights;
const part =
  process.argv[2] === "coordinator"
    ? new Coordinator({ ...shared, handlers })
    : new Worker({ ...shared, handlers, capacity: 4 });

const stop = async () => {
  await part.stop();
  if (process.connected) process.disconnect(); // otherwise it would keep the process running
};
process.once("SIGTERM", () => void stop());
process.once("disconnect", () => void stop());
await part.start();
process.send?.("ready");
