/*
 * Runs a Kafka broker, a MongoDB-wire server and a PostgreSQL server until Ctrl-C, on machines with Java and Python but
 * without Docker:
 *
 *   npm run services
 */
import { startKafka } from "./kafka.ts";
import { startMongo } from "./mongo.ts";
import { startPostgres } from "./postgres.ts";

const [kafka, mongo, postgres] = await Promise.all([startKafka(), startMongo(), startPostgres()]);
const addresses = [`KAFKA_BROKERS=${kafka.address}`, `MONGODB_URL=${mongo.url}`, `POSTGRES_URL=${postgres.url}`];
console.log([...addresses, "stop with Ctrl-C"].join("\n"));
await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
await Promise.all([kafka.stop(), mongo.stop(), postgres.stop()]);
