/*
 * An external worker as a process of a chaos run: `node external-process.ts SPEC`. It implements docs/wire.md with
 * plain calls of the two drivers, without FlowKit. It reports "ready" to its parent and works until SIGTERM, when it
 * leaves its work unfinished.
 */
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { type Db, MongoClient } from "mongodb";
import { fixIdleTimer } from "../../src/adapters/kafka/idle-timer-fix.ts";
import { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { type Command, type Envelope, ExternalAttempt } from "./external-attempt.ts";
import { JournalWriter } from "./journal.ts";
import { noServer, type ProcessSpec, shared } from "./process-spec.ts";

const partitions = 3;
const mostRemembered = 1_000;

process.on("disconnect", () => process.exit(1)); // the driver has exited
const spec = JSON.parse(process.argv[2] ?? "") as ProcessSpec;
const journal = new JournalWriter(spec.journal);
journal.watchStalls();
fixIdleTimer(); // otherwise the driver prints a warning
const kafka = new Kafka({
  brokers: [...spec.brokers],
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 100, retries: 8 },
});
const mongo = new MongoClient(spec.mongoUrl, { serverSelectionTimeoutMS: 5_000, socketTimeoutMS: 6_000 });
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
const random = new SeededRandom(spec.seed);
const running = new Map<string, ExternalAttempt>();
/** A repeated command is the same work. */
const seen = new Set<string>();

process.once("SIGTERM", () => process.exit(0));
try {
  await mongo.connect();
  await producer.connect();
  await makeTopics();
  const db = mongo.db(spec.database);
  const [type] = shared.externalTypes;
  await listen(`external.${type}`, `cmd.${type}.v1`, (envelope) => onCommand(db, envelope));
  await listen(`external.signals.${spec.name}`, "signals.v1", onSignal);
  process.send?.("ready");
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exit(noServer);
}

async function makeTopics(): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const there = new Set(await admin.listTopics());
  const wanted = shared.externalTypes.flatMap((type) => [`cmd.${type}.v1`, `status.${type}.v1`]);
  const topics = [...wanted, "signals.v1"].filter((topic) => !there.has(topic));
  // Coordinators may create them at the same time.
  if (topics.length > 0) {
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: partitions })) }).catch(() => {});
  }
  await admin.disconnect();
}

async function listen(groupId: string, topic: string, take: (envelope: Envelope) => void): Promise<void> {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6_000, heartbeatInterval: 1_000, maxWaitTimeInMs: 100 });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) process.exit(noServer);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic] });
  await consumer.run({
    eachMessage: async ({ message }) => take(JSON.parse(String(message.value)) as Envelope),
  });
}

function onCommand(db: Db, command: Envelope): void {
  if (command.payload.cmd !== "TASK_START" || seen.has(command.dedup_id)) return;
  seen.add(command.dedup_id);
  const [oldest] = seen;
  if (seen.size > mostRemembered && oldest !== undefined) seen.delete(oldest);
  const attempt = new ExternalAttempt({
    workerId: spec.name,
    command: command as Command,
    db,
    producer,
    journal,
    random,
  });
  const key = keyOf(command);
  running.set(key, attempt);
  void attempt.run().finally(() => running.delete(key));
}

function onSignal({ target_worker_id, ...signal }: Envelope): void {
  if (target_worker_id === spec.name && signal.payload.sig === "CANCEL") running.get(keyOf(signal))?.cancel();
}

function keyOf({ task_id, node_id, attempt_epoch }: Pick<Envelope, "task_id" | "node_id" | "attempt_epoch">): string {
  return `${task_id}:${node_id}:${attempt_epoch}`;
}
