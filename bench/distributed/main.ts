/*
 * Measures coordinators and workers as processes on Kafka and MongoDB: `npm run bench:distributed`. Uses the servers at
 * `KAFKA_BROKERS` and `MONGODB_URL`, or starts its own. Its own stand-in for MongoDB is slow and dominates the times;
 * writes, messages and processor time per node are comparable.
 *
 *   --tasks N     chains per round; default 20        --at-once N   how many of them run concurrently; default 10
 *   --workers L   default 1,2,4
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import type { Graph } from "flowkit";
import { kafkaBus } from "flowkit/adapters/kafka";
import { mongoStore } from "flowkit/adapters/mongo";
import { Client } from "flowkit/engine";
import { startKafka } from "../../scripts/services/kafka.ts";
import { startMongo } from "../../scripts/services/mongo.ts";
import { flowOf } from "../engine-case.ts";
import { chainOf, fanOutTo, source, step } from "../flows.ts";
import { describeMachine } from "../machine.ts";
import { quantile } from "../measure.ts";
import { aligned, machineLine } from "../table.ts";
import { Fleet } from "./fleet.ts";

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "20" },
    "at-once": { type: "string", default: "10" },
    workers: { type: "string", default: "1,2,4" },
  },
});

interface Load {
  readonly name: string;
  readonly graph: Graph;
  readonly tasks: number;
  readonly atOnce: number;
}

const leaves = Array.from({ length: 100 }, (_, index) => `n${index + 1}`);
const loads: readonly Load[] = [
  {
    name: "chain of 3",
    graph: chainOf(3, source, step),
    tasks: Number(values.tasks),
    atOnce: Number(values["at-once"]),
  },
  { name: "fan-out to 100", graph: fanOutTo(leaves, source, step).compile(), tasks: 2, atOnce: 1 },
];

await using servers = new AsyncDisposableStack();
const { kafkaBrokers, mongodbUrl, whose } = await addresses();
const head = [
  "case",
  "workers",
  "tasks/s",
  "nodes/s",
  "p50 ms",
  "p99 ms",
  "writes/node",
  "commands/node",
  "messages/node",
];
const rows = [[...head, "cpu ms/node", "waited ms/node"]];
for (const load of loads)
  for (const workers of values.workers.split(",").map(Number)) rows.push(await measure(load, workers));
console.log(`${machineLine(describeMachine())}; ${whose}
6 partitions per topic, capacity 8 per worker, one coordinator; ${values["at-once"]} concurrent chains, one fan-out at a time.
The client, which publishes the first commands, is not included in the counts per node.
p50, p99: from a parent's end to its child's start, by the database's clock. waited: total duration of all commands.

${aligned(rows)}`);

async function measure({ name, graph, tasks, atOnce }: Load, workers: number): Promise<string[]> {
  process.stderr.write(`${name}, ${workers} workers\n`);
  const prefix = `bench-${process.pid}-${workers}-${graph.nodes.length}`;
  const env = { KAFKA_BROKERS: kafkaBrokers, MONGODB_URL: mongodbUrl, BENCH_PREFIX: prefix };
  const fleet = await Fleet.start(workers, env);
  const store = mongoStore({ url: mongodbUrl, prefix: `${prefix}_` });
  const bus = kafkaBus({ brokers: kafkaBrokers.split(","), prefix });
  await using client = new Client({ store, bus, handlers: [source, step] });
  await client.start();
  const flow = flowOf(graph);
  const ids: string[] = [];
  const started = performance.now();
  for (let begun = 0; begun < tasks; begun += atOnce) {
    const running = await Promise.all(Array.from({ length: atOnce }, () => client.run(flow)));
    await Promise.all(running.map((task) => task.result()));
    ids.push(...running.map(({ id }) => id));
  }
  const seconds = (performance.now() - started) / 1000;
  const usage = await fleet.stop();
  const latencies: number[] = [];
  for (const id of ids) {
    const records = new Map((await store.readShards(id)).map((record) => [record.nodeId, record]));
    const at = (nodeId: string, to: string) =>
      records.get(nodeId)?.history.find((entry) => entry.to === to)?.at ?? Number.NaN;
    for (const { node_id: id, depends_on: parents } of graph.nodes) {
      if (parents.length > 0)
        latencies.push(at(id, "running") - Math.max(...parents.map((parent) => at(parent, "finished"))));
    }
  }
  latencies.sort((a, b) => a - b);
  const nodes = ids.length * graph.nodes.length;
  const perNode = (number: number) => (number / nodes).toFixed(2);
  return [
    name,
    `${workers}`,
    (ids.length / seconds).toFixed(2),
    (nodes / seconds).toFixed(1),
    quantile(latencies, 0.5).toFixed(0),
    quantile(latencies, 0.99).toFixed(0),
    perNode(usage.writes),
    perNode(usage.commands),
    perNode(usage.messages),
    perNode(usage.cpuMs),
    perNode(usage.waitedMs),
  ];
}

async function addresses() {
  const { KAFKA_BROKERS, MONGODB_URL } = process.env;
  if (KAFKA_BROKERS && MONGODB_URL)
    return { kafkaBrokers: KAFKA_BROKERS, mongodbUrl: MONGODB_URL, whose: "servers as given" };
  const [kafka, mongo] = await Promise.all([startKafka(), startMongo()]);
  for (const server of [kafka, mongo]) servers.defer(() => server.stop());
  const whose = "Apache Kafka and the stand-in for MongoDB on the same machine";
  return { kafkaBrokers: kafka.address, mongodbUrl: mongo.url, whose };
}
