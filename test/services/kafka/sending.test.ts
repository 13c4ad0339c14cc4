import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { freePort } from "../../../scripts/services/free-port.ts";
import { startKafka } from "../../../scripts/services/kafka.ts";
import { type KafkaBusOptions, kafkaBus } from "../../../src/adapters/kafka/index.ts";
import { messageOf, noting } from "../../contract/bus/fixture.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { openBus, uniquePrefix } from "./bus-tools.ts";

needsServices("kafka");

const patience = 60_000;
const unreachable = async () => [`127.0.0.1:${await freePort()}`];

test("publishing never waits for a broker; messages beyond the buffer are rejected, and close drops the rest", async () => {
  const logger = new RecordingLogger();
  const bus = openBus({ brokers: await unreachable(), maxBuffered: 3, closeTimeoutMs: 500, logger });
  for (const id of ["a", "b", "c"]) await bus.publish("x", "k", messageOf(id));
  await expect(bus.publish("x", "k", messageOf("d"))).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
  await until(() => bus.health?.().status === "unreachable", "the bad news", patience);
  await bus.close();
  expect(bus.health?.()).toMatchObject({ dropped: 4 });
  expect(logger.lines.some(({ message }) => message === "dropped messages")).toBe(true);
});

test("a message that waits too long is dropped", async () => {
  const bus = openBus({ brokers: await unreachable(), deliveryTimeoutMs: 1, closeTimeoutMs: 500 });
  await bus.publish("x", "k", messageOf("a"));
  await until(() => bus.health?.().dropped === 1, "the message's end", patience);
});

test("a message that is too large is rejected, and a rejected one does not affect others", async () => {
  const prefix = uniquePrefix();
  const bus = openBus({ prefix, maxMessageBytes: 4_000_000 });
  const { got, handle } = noting();
  await bus.subscribe({ group: "g", topics: ["x"], handle });
  const large = (bytes: number) => ({ ...messageOf("large"), cancelToken: "x".repeat(bytes) }) as const;
  await expect(bus.publish("x", "k", large(4_000_001))).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
  await bus.publish("x", "k", messageOf("before"));
  await bus.publish("x", "k", large(2_000_000)); // more than a topic accepts by default
  await bus.publish("x", "k", messageOf("behind"));
  await until(() => got.includes("before") && got.includes("behind"), "the others", patience);
  expect(new Set(got)).toEqual(new Set(["before", "behind"]));
  expect(bus.health?.()).toMatchObject({ status: "ok", dropped: 2 });
});

test("subscribing with failFast rejects if no broker answers", async () => {
  const bus = openBus({ brokers: await unreachable(), connectTimeoutMs: 1_000, closeTimeoutMs: 500, failFast: true });
  const { handle } = noting();
  const subscribing = bus.subscribe({ group: "g", topics: ["x"], handle });
  await expect(subscribing).rejects.toMatchObject({ code: "BUS_UNAVAILABLE", retryable: true });
});

test("subscribing continues without a broker, reports it, and receives messages once one is available", async () => {
  const port = await freePort();
  const bus = openBus({ brokers: [`127.0.0.1:${port}`], connectTimeoutMs: 3_600_000, closeTimeoutMs: 2_000 });
  const { got, handle } = noting();
  const began = Date.now();
  await bus.subscribe({ group: "g", topics: ["x"], handle });
  expect(bus.health?.()).toMatchObject({ status: "connecting", lastError: expect.stringContaining("ECONNREFUSED") });
  expect(bus.health?.().since).toBeGreaterThanOrEqual(began);
  await bus.publish("x", "k", messageOf("a"));
  const broker = await startKafka({ port });
  await until(() => got.length === 1 && bus.health?.().status === "ok", "the message, by a broker", patience);
  await bus.close();
  await broker.stop();
});

test("closing ends in time if a broker accepts connections but never answers", async () => {
  const port = await freePort();
  const mute = createServer((socket) => void socket.resume().on("error", () => {})).listen(port, "127.0.0.1");
  await once(mute, "listening");
  const bus = kafkaBus({ brokers: [`127.0.0.1:${port}`], connectTimeoutMs: 500, closeTimeoutMs: 300 });
  await bus.subscribe({ group: "g", topics: ["x"], handle: async () => {} });
  await bus.publish("x", "k", messageOf("a"));
  expect(bus.health?.().status).toBe("connecting");
  await bus.close();
  mute.close();
  await once(mute, "close"); // which waits for the last connection
});

test("secrets appear in no error and no log", async () => {
  const logger = new RecordingLogger();
  const password = "127.0.0.1"; // it is in the driver's messages about the broker's address
  const sasl = { mechanism: "plain", username: "me", password } as const;
  const options: Partial<KafkaBusOptions> = {
    sasl,
    logger,
    connectTimeoutMs: 2_000,
    closeTimeoutMs: 500,
    failFast: true,
  };
  const bus = openBus({ brokers: await unreachable(), ...options });
  const error = await bus
    .subscribe({ group: "g", topics: ["x"], handle: async () => {} })
    .catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ code: "BUS_UNAVAILABLE" });
  const said = JSON.stringify([error, String(error), logger.lines, bus.health?.()]);
  expect(logger.lines.length).toBeGreaterThan(0);
  expect(said).toContain("[secret]");
  expect(said).not.toContain(password);
});

test("after a broker's outage, messages published meanwhile arrive, and consumers are recreated", async () => {
  const folder = tempFolder();
  const port = await freePort();
  let broker = await startKafka({ port, folder });
  const bus = openBus({ brokers: [broker.address], heartbeatMs: 300, sessionTimeoutMs: 6_000, closeTimeoutMs: 2_000 });
  const { got, handle } = noting();
  await bus.subscribe({ group: "g", topics: ["x"], handle });
  await bus.publish("x", "k", messageOf("before"));
  await until(() => got.length === 1, "the first message", patience);
  await broker.stop();
  for (const id of ["a", "b", "c"]) await bus.publish("x", "k", messageOf(id));
  await until(() => (bus.health?.().restarts ?? 0) > 0, "the consumer's crash", patience);
  expect(bus.health?.()).toMatchObject({ status: "unreachable" });
  broker = await startKafka({ port, folder });
  await until(() => got.length >= 4, "what was published meanwhile", patience);
  expect([...new Set(got)]).toEqual(["before", "a", "b", "c"]);
  await until(() => bus.health?.().status === "ok", "the good news", patience);
  await bus.close();
  await broker.stop();
});
