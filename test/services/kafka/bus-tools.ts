import { randomUUID } from "node:crypto";
import { type Admin, type Consumer, Kafka, logLevel } from "kafkajs";
import { inject, onTestFinished } from "vitest";
import { fixIdleTimer } from "../../../src/adapters/kafka/idle-timer-fix.ts";
import { type KafkaBusOptions, kafkaBus } from "../../../src/adapters/kafka/index.ts";
import type { Bus } from "../../../src/core/ports/index.ts";
import { untilLed } from "../topics.ts";

/** Names that are unique to this test. */
export const uniquePrefix = (): string => `t-${randomUUID().slice(0, 8)}`;

export const sharedBrokers = (): string[] => inject("kafkaBrokers").split(",");

/** A bus that is closed at the end of the test. */
export function openBus(options: Partial<KafkaBusOptions> = {}): Bus {
  const bus = kafkaBus({ brokers: sharedBrokers(), topics: { partitions: 3 }, heartbeatMs: 300, ...options });
  onTestFinished(() => bus.close());
  return bus;
}

function plainKafka(brokers: string[]): Kafka {
  fixIdleTimer(); // otherwise the driver prints a warning
  return new Kafka({ brokers, logLevel: logLevel.NOTHING });
}

/** An admin client of the broker. */
export async function openAdmin(brokers = sharedBrokers()): Promise<Admin> {
  const admin = plainKafka(brokers).admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  return admin;
}

/** Writes arbitrary bytes to a topic that exists or is being created. */
export async function sendRaw(
  topic: string,
  messages: { key: string; value: Buffer | string | null; timestamp?: string }[],
): Promise<void> {
  await untilLed(await openAdmin(), [topic]);
  const producer = plainKafka(sharedBrokers()).producer({ createPartitioner: () => () => 0 });
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** The messages of a topic that exists or is being created, from the beginning. */
export async function readRaw(topic: string): Promise<{ key: string; value: string }[]> {
  const got: { key: string; value: string }[] = [];
  await untilLed(await openAdmin(), [topic]);
  const consumer: Consumer = plainKafka(sharedBrokers()).consumer({
    groupId: `raw-${randomUUID()}`,
    maxWaitTimeInMs: 100,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message: { key, value } }) => {
      got.push({ key: key?.toString() ?? "", value: value?.toString() ?? "" });
    },
  });
  onTestFinished(() => consumer.disconnect());
  return got;
}
