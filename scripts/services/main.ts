/*
 * Runs a Kafka broker and a MongoDB-wire server until Ctrl-C, on machines with Java and Python but without Docker:
 *
 *   npm run services
 */
import { startKafka } from "./kafka.ts";
import { startMongo } from "./mongo.ts";

const [kafka, mongo] = await Promise.all([startKafka(), startMongo()]);
console.log(`KAFKA_BROKERS=${kafka.address}\nMONGODB_URL=${mongo.url}\nstop with Ctrl-C`);
await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
await Promise.all([kafka.stop(), mongo.stop()]);
