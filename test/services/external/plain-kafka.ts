import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { inject, onTestFinished } from "vitest";
import { fixIdleTimer } from "../../../src/adapters/kafka/idle-timer-fix.ts";
import { createTopics } from "../topics.ts";

/** An envelope on the wire. */
export interface Envelope {
  readonly v: 1;
  readonly msg_type: string;
  readonly role: string;
  readonly corr_id: string;
  readonly dedup_id: string;
  readonly task_id: string;
  readonly node_id: string;
  readonly step_type: string;
  readonly attempt_epoch: number;
  readonly ts_ms: number;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly target_worker_id?: string;
}

fixIdleTimer(); // otherwise the driver prints a warning

/** The plain driver, without the engine's classes. */
function plainKafka(): Kafka {
  return new Kafka({ brokers: inject("kafkaBrokers").split(","), logLevel: logLevel.NOTHING });
}

/** Creates missing topics: a consumer cannot wait for one. */
export async function makeTopics(topics: readonly string[]): Promise<void> {
  const admin = plainKafka().admin();
  await admin.connect();
  const there = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !there.has(topic)).map((topic) => ({ topic, numPartitions: 1 }));
  if (missing.length > 0) await createTopics(admin, missing);
  await admin.disconnect();
}

/** Forwards new messages of a topic. Resolves once it cannot miss any. */
export async function listen(
  topic: string,
  options: { readonly group?: string; readonly take: (envelope: Envelope, key: string) => Promise<void> | void },
): Promise<void> {
  const consumer = plainKafka().consumer({
    groupId: options.group ?? `plain-${randomUUID()}`,
    maxWaitTimeInMs: 50,
    heartbeatInterval: 300,
  });
  onTestFinished(() => consumer.disconnect());
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message: { key, value } }) =>
      options.take(JSON.parse(String(value)) as Envelope, key?.toString() ?? ""),
  });
  await joined;
}

export interface Sender {
  send(topic: string, key: string, envelope: object): Promise<void>;
}

export async function openSender(): Promise<Sender> {
  const producer = plainKafka().producer({ createPartitioner: () => () => 0 });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  return {
    async send(topic, key, envelope) {
      await producer.send({ topic, acks: -1, messages: [{ key, value: JSON.stringify(envelope) }] });
    },
  };
}
