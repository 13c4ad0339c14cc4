/*
 * Measures coordinators and workers as processes, on MongoDB with Kafka and on PostgreSQL: `npm run bench:distributed`. Uses the
 * servers at `MONGODB_URL` with `KAFKA_BROKERS`, and at `POSTGRES_URL`, or starts its own. Its own stand-in for MongoDB is slow
 * and dominates the times; writes, commands, messages and processor time are comparable.
 *
 *   --stores L    default mongodb,postgres
 *   --only L      default load,idle,open: tables of running tasks, of idle processes, and of open tasks
 *   --tasks N     chains per round; default 20        --at-once N       how many of them run concurrently; default 10
 *   --chain N     nodes of a chain; default 3
 *   --workers L   default 1,2,4                       --coordinators L  default 1,2
 *   --names       also prints the commands a node by name
 */
import { parseArgs } from "node:util";
import { startKafka } from "../../scripts/services/kafka.ts";
import { startMongo } from "../../scripts/services/mongo.ts";
import { startPostgres } from "../../scripts/services/postgres.ts";
import { chainOf, fanOutTo, source, step } from "../flows.ts";
import { describeMachine } from "../machine.ts";
import { aligned, machineLine } from "../table.ts";
import { type Load, loadColumns, measureLoad } from "./chains.ts";
import type { Servers } from "./connections.ts";
import { idleColumns, measureIdle, measureOpen } from "./idle.ts";

const { values } = parseArgs({
  options: {
    stores: { type: "string", default: "mongodb,postgres" },
    only: { type: "string", default: "load,idle,open" },
    tasks: { type: "string", default: "20" },
    chain: { type: "string", default: "3" },
    "at-once": { type: "string", default: "10" },
    workers: { type: "string", default: "1,2,4" },
    coordinators: { type: "string", default: "1,2" },
    names: { type: "boolean", default: false },
  },
});

const leaves = Array.from({ length: 100 }, (_, index) => `n${index + 1}`);
const loads: readonly Load[] = [
  {
    name: `chain of ${values.chain}`,
    graph: chainOf(Number(values.chain), source, step),
    tasks: Number(values.tasks),
    atOnce: Number(values["at-once"]),
  },
  { name: "fan-out to 100", graph: fanOutTo(leaves, source, step).compile(), tasks: 2, atOnce: 1 },
];
const numbers = (list: string): readonly number[] => list.split(",").map(Number);
const asked = (list: string, name: string): boolean => list.split(",").includes(name);
let fleets = 0;

console.log(`${machineLine(describeMachine())}
6 partitions per topic, capacity 8 per worker; ${values["at-once"]} concurrent chains, one fan-out at a time.
The client, which publishes the first commands, is not included in the counts per node.
p50, p99: from a parent's end to its child's start, by the database's clock. waited: total duration of all commands.
`);
if (asked(values.stores, "mongodb")) await measureStore("MongoDB and Kafka", mongoServers);
if (asked(values.stores, "postgres")) await measureStore("PostgreSQL", postgresServers);

/** Every fleet has its own collections, topics and tables. */
type NewServers = (started: AsyncDisposableStack) => Promise<{ readonly whose: string; of(prefix: string): Servers }>;

async function measureStore(name: string, start: NewServers): Promise<void> {
  await using started = new AsyncDisposableStack();
  const { whose, of } = await start(started);
  const servers = () => of(`bench-${process.pid}-${++fleets}`);
  console.log(`# ${name}: ${whose}\n`);
  if (asked(values.only, "load")) {
    const rows = [loadColumns];
    const names: string[][] = [];
    for (const load of loads) {
      for (const coordinators of numbers(values.coordinators)) {
        for (const workers of numbers(values.workers)) {
          process.stderr.write(`${load.name}, ${coordinators} coordinators, ${workers} workers\n`);
          const { row, byName } = await measureLoad(load, { coordinators, workers }, servers());
          rows.push(row);
          names.push([load.name, `${coordinators}`, `${workers}`, byName]);
        }
      }
    }
    console.log(`${aligned(rows)}\n`);
    if (values.names) console.log(`${aligned([["case", "coordinators", "workers", "commands/node"], ...names])}\n`);
  }
  const rows = [idleColumns];
  const add = async (what: string, measure: () => Promise<readonly string[]>): Promise<void> => {
    process.stderr.write(`${what}\n`);
    rows.push([...(await measure())]);
  };
  if (asked(values.only, "idle")) {
    const fleetsOf = { "1 coordinator": [1, 0], "1 worker": [0, 1], "10 workers": [0, 10] } as const;
    for (const [what, [coordinators, workers]] of Object.entries(fleetsOf))
      await add(what, () => measureIdle(what, { coordinators, workers }, servers()));
  }
  if (asked(values.only, "open"))
    for (const isSwept of [true, false])
      for (const tasks of [10, 1_000]) await add(`${tasks} open tasks`, () => measureOpen(tasks, isSwept, servers()));
  if (rows.length > 1) console.log(`${aligned(rows)}\n`);
}

async function mongoServers(started: AsyncDisposableStack) {
  const { KAFKA_BROKERS, MONGODB_URL } = process.env;
  const of = (brokers: string, url: string) => (prefix: string) => ({
    BENCH_PREFIX: prefix,
    KAFKA_BROKERS: brokers,
    MONGODB_URL: url,
  });
  if (KAFKA_BROKERS && MONGODB_URL) return { whose: "servers as given", of: of(KAFKA_BROKERS, MONGODB_URL) };
  const [kafka, mongo] = await Promise.all([startKafka(), startMongo()]);
  for (const server of [kafka, mongo]) started.defer(() => server.stop());
  const whose = "Apache Kafka and the stand-in for MongoDB on the same machine";
  return { whose, of: of(kafka.address, mongo.url) };
}

async function postgresServers(started: AsyncDisposableStack) {
  const { POSTGRES_URL } = process.env;
  const of = (url: string) => (prefix: string) => ({ BENCH_PREFIX: prefix, POSTGRES_URL: url });
  if (POSTGRES_URL) return { whose: "server as given", of: of(POSTGRES_URL) };
  const server = await startPostgres({ fsync: true });
  started.defer(() => server.stop());
  return { whose: "on the same machine, fsync on", of: of(server.url) };
}
