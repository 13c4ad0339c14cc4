import { KafkaJSProtocolError } from "kafkajs";
import { describe, expect, onTestFinished, test } from "vitest";
import type { BusParts } from "../../../../src/adapters/kafka/client.ts";
import { Publisher } from "../../../../src/adapters/kafka/publisher.ts";
import type { TopicCreation } from "../../../../src/adapters/kafka/topic-creation.ts";
import type { Clock } from "../../../../src/core/ports/index.ts";
import { FlowError } from "../../../../src/errors/index.ts";
import { RecordingLogger } from "../../../helpers/recording-logger.ts";
import { until } from "../../../helpers/waiting.ts";

type Request = readonly { readonly topic: string; readonly messages: readonly { readonly value: Buffer }[] }[];

const protocolError = (type: string, retriable = false) =>
  new KafkaJSProtocolError(Object.assign(new Error(type), { type, retriable, code: 0 }));

/** A publisher with a producer whose requests the test answers, and a clock that the test advances. */
function open(options: Partial<BusParts["options"]> = {}) {
  const time = { now: 1_000 };
  const broker = {
    /** The broker's answer to a request. */
    refuses: (_request: Request): unknown => undefined,
    /** The outcome of looking up topics. */
    lacks: (_topics: readonly string[]): unknown => undefined,
    got: [] as string[],
    slept: [] as number[],
  };
  const producer = {
    connect: async () => {},
    disconnect: async () => {},
    sendBatch: async ({ topicMessages }: { readonly topicMessages: Request }) => {
      const error = broker.refuses(topicMessages);
      if (error !== undefined) throw error;
      for (const { topic, messages } of topicMessages)
        for (const { value } of messages) broker.got.push(`${topic}: ${value}`);
    },
  };
  const clock: Clock = {
    now: () => time.now,
    monotonic: () => time.now,
    yield: () => Promise.resolve(),
    sleep: async (ms) => {
      broker.slept.push(ms);
      time.now += ms;
    },
  };
  const parts = {
    kafka: { producer: () => producer },
    options: { maxMessageBytes: 100, maxBuffered: 100, deliveryTimeoutMs: 60_000, closeTimeoutMs: 1_000, ...options },
    clock,
    logger: new RecordingLogger(),
    redact: (text: string) => text,
  } as unknown as BusParts;
  const topics = {
    ensure: async (names: readonly string[]) => {
      const error = broker.lacks(names);
      if (error !== undefined) throw error;
    },
    forget: () => {},
  } as unknown as TopicCreation;
  const publisher = new Publisher(parts, topics);
  onTestFinished(() => publisher.close());
  const take = (topic: string, text: string) =>
    publisher.send({ topic, key: null, value: Buffer.from(text) }).then(
      () => "sent",
      (error: Error) => error.message,
    );
  return { publisher, broker, time, take };
}

const stateOf = ({ dropped, failingSince }: Publisher) => ({ dropped, failingSince });
const has = (request: Request, topic: string) => request.some((each) => each.topic === topic);

describe("messages that a broker rejects", () => {
  test("because of their topic are reported until one of the topic succeeds, and do not affect other topics", async () => {
    const { publisher, broker, time, take } = open();
    broker.refuses = (request) => (has(request, "closed") ? protocolError("TOPIC_AUTHORIZATION_FAILED") : undefined);
    const began = time.now;
    const outcomes = await Promise.all([
      take("closed", "a"),
      take("open", "b"),
      take("closed", "c"),
      take("open", "d"),
    ]);
    expect(outcomes).toEqual([
      expect.stringMatching(/AUTHORIZATION/),
      "sent",
      expect.stringMatching(/AUTHORIZATION/),
      "sent",
    ]);
    expect(broker.got).toEqual(["open: b", "open: d"]);
    expect(publisher.failingSince).toBe(began);
    expect(publisher.lastError).toMatch(/TOPIC_AUTHORIZATION_FAILED/);
    expect(publisher.dropped).toBe(2);
    time.now += 3_600_000;
    await take("open", "e"); // tells nothing about the other topic
    expect(publisher.failingSince).toBe(began);

    broker.refuses = () => undefined;
    await take("closed", "f");
    expect(publisher.failingSince).toBeUndefined();
  });

  test("for a topic that cannot be created do not block other topics", async () => {
    const { publisher, broker, take } = open();
    const refusal = Object.assign(new Error("Topic creation errors"), {
      errors: [protocolError("TOPIC_AUTHORIZATION_FAILED")],
    });
    const unavailable = new FlowError("BUS_UNAVAILABLE", "topics could not be created", { cause: refusal });
    broker.lacks = (topics) => (topics.includes("absent") ? unavailable : undefined);
    const outcomes = await Promise.all([take("absent", "a"), take("open", "b")]);
    expect(outcomes).toEqual([expect.stringContaining("could not be created"), "sent"]);
    expect(broker.slept).toEqual([]);
    expect(publisher.failingSince).toBeDefined();
  });

  test("because brokers are missing wait for them", async () => {
    const { publisher, broker, take } = open();
    broker.lacks = () => {
      broker.lacks = () => undefined;
      return protocolError("INVALID_REPLICATION_FACTOR");
    };
    expect(await take("absent", "a")).toBe("sent");
    expect(stateOf(publisher)).toEqual({ dropped: 0, failingSince: undefined });
  });

  test("because of their size are counted, and do not affect the health of the bus", async () => {
    const { publisher, broker, take } = open();
    const isLarge = ({ value }: { readonly value: Buffer }) => value.toString() === "large";
    broker.refuses = (request) =>
      request.some(({ messages }) => messages.some(isLarge)) ? protocolError("MESSAGE_TOO_LARGE") : undefined;
    const outcomes = await Promise.all([take("x", "before"), take("x", "large"), take("x", "behind")]);
    expect(outcomes).toEqual(["sent", expect.stringContaining("MESSAGE_TOO_LARGE"), "sent"]);
    expect(stateOf(publisher)).toEqual({ dropped: 1, failingSince: undefined });
  });
});

describe("messages that the publisher rejects", () => {
  test("because too many are waiting are reported for one polling interval", async () => {
    const { publisher, time, take } = open({ maxBuffered: 1 });
    const first = take("x", "a");
    expect(() => publisher.send({ topic: "x", key: null, value: Buffer.from("b") })).toThrow(
      expect.objectContaining({ code: "BUS_UNAVAILABLE", retryable: true }),
    );
    const began = time.now;
    expect(await first).toBe("sent");
    expect(stateOf(publisher)).toEqual({ dropped: 1, failingSince: began });
    time.now += 5_001;
    expect(publisher.failingSince).toBeUndefined();
  });

  test("because of their size have their own code", () => {
    const { publisher } = open();
    expect(() => publisher.send({ topic: "x", key: null, value: Buffer.alloc(101) })).toThrow(
      expect.objectContaining({ code: "MESSAGE_TOO_LARGE", details: { topic: "x", bytes: 101, limit: 100 } }),
    );
    expect(stateOf(publisher)).toEqual({ dropped: 1, failingSince: undefined });
  });
});

test("messages dropped during an outage are reported for a while after it", async () => {
  const { publisher, broker, time, take } = open({ deliveryTimeoutMs: 1 });
  broker.refuses = () => protocolError("NOT_LEADER_FOR_PARTITION", true);
  const lost = take("x", "a");
  await until(() => publisher.dropped === 1, "the message's end");
  expect(await lost).toMatch(/NOT_LEADER/);
  broker.refuses = () => undefined;
  await take("x", "b");
  expect(publisher.failingSince).toBeDefined();
  time.now += 5_001;
  expect(publisher.failingSince).toBeUndefined();
});
