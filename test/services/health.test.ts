import { Client, Coordinator, type PartHealth, Worker } from "flowkit/engine";
import { afterAll, expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/services/free-port.ts";
import { type KafkaServer, startKafka } from "../../scripts/services/kafka.ts";
import { startTcpProxy, type TcpProxy } from "../../scripts/services/tcp-proxy.ts";
import { mongoStore } from "../../src/adapters/mongo/index.ts";
import { graphOf, node } from "../helpers/graphs.ts";
import { handler, source } from "../helpers/handlers.ts";
import { tcpProxy } from "../helpers/tcp-proxy.ts";
import { until } from "../helpers/waiting.ts";
import { openBus, uniquePrefix } from "./kafka/bus-tools.ts";
import { database, freshPrefix } from "./mongodb/mongo-world.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

const patience = 60_000;

/** A broker behind a proxy that it advertises, for all tests: within a test, as they are skipped without Java. */
let proxied: Promise<{ readonly proxy: TcpProxy; readonly broker: KafkaServer }> | undefined;
async function startProxied() {
  const port = await freePort();
  const proxy = await startTcpProxy({ host: "127.0.0.1", port });
  return { proxy, broker: await startKafka({ port, advertisedPort: proxy.port }) };
}
afterAll(async () => {
  const { proxy, broker } = (await proxied) ?? {};
  await broker?.stop();
  await proxy?.close();
});

test("health reports which server is unavailable: processes stay ready without a broker, but not without a database", async () => {
  proxied ??= startProxied();
  const { proxy: kafkaProxy } = await proxied;
  const { hostname, port } = new URL(inject("mongodbUrl").split(",")[0] ?? "");
  const mongoProxy = await tcpProxy({ host: hostname, port: Number(port) });
  const [prefix, topicPrefix] = [freshPrefix(), uniquePrefix()];
  const shared = () => ({
    store: mongoStore({
      url: `mongodb://127.0.0.1:${mongoProxy.port}/?directConnection=true`,
      database,
      prefix,
      timeoutMs: 5_000, // long enough for a busy machine to connect
    }),
    bus: openBus({ brokers: [`127.0.0.1:${kafkaProxy.port}`], prefix: topicPrefix, closeTimeoutMs: 1_000 }),
  });
  const handlers = [source("read", [1]), handler("keep")];
  const timing = { tickMs: 100, sweepMs: 500, leaseMs: 3_000 };
  const coordinator = new Coordinator({ ...shared(), handlers, ...timing });
  const worker = new Worker({ ...shared(), handlers, leaseMs: timing.leaseMs });
  const parts = [coordinator, worker];
  const each = (holds: (health: PartHealth) => boolean) => () => parts.every((part) => holds(part.health()));
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await coordinator.stop({ graceMs: 0 });
  });

  expect(each(({ state, ready }) => state === "new" && !ready)()).toBe(true);
  await Promise.all(parts.map((part) => part.start()));
  const isWell = each(({ ready, store, bus }) => ready && store.status === "ok" && bus.status === "ok");
  await until(isWell, "the start", patience); // a slow database may fail a call

  const lostAt = Date.now();
  kafkaProxy.interrupt();
  await until(
    each(({ bus }) => bus.status === "unreachable"),
    "the broker's absence",
    patience,
  );
  for (const part of parts) {
    const { ready, store, bus } = part.health();
    expect({ ready, store }).toEqual({ ready: true, store: { status: "ok" } });
    expect(bus).toMatchObject({ restarts: expect.any(Number), lastError: expect.any(String) });
    expect(bus.since).toBeGreaterThanOrEqual(lostAt);
  }
  const graph = graphOf(node("read"), node("keep", ["read"]));
  expect(await (await coordinator.run(graph)).result()).toEqual({ keep: [1] });
  kafkaProxy.resume();
  await until(isWell, "the broker's return", patience);
  // Crashed consumers were recreated, which health reports.
  expect(each(({ bus }) => bus.restarts > 0)()).toBe(true);

  mongoProxy.interrupt();
  await until(
    each(({ store }) => store.status === "unreachable"),
    "the database's absence",
    patience,
  );
  expect(each(({ ready, bus }) => !ready && bus.status === "ok")()).toBe(true);
  mongoProxy.resume();
  await until(isWell, "the database's return", patience);
  expect(await (await coordinator.run(graph)).result()).toEqual({ keep: [1] });

  await worker.stop();
  await coordinator.stop();
  expect(each(({ state, ready }) => state === "stopped" && !ready)()).toBe(true);
});

test("processes that start without a broker work by the database, and become ready once it is available", async () => {
  proxied ??= startProxied();
  const { proxy: kafkaProxy } = await proxied;
  kafkaProxy.interrupt();
  const [prefix, topicPrefix] = [freshPrefix(), uniquePrefix()];
  const shared = () => ({
    store: mongoStore({ url: inject("mongodbUrl"), database, prefix }),
    bus: openBus({ brokers: [`127.0.0.1:${kafkaProxy.port}`], prefix: topicPrefix, closeTimeoutMs: 1_000 }),
    handlers: [source("read", [1]), handler("keep")],
  });
  const coordinator = new Coordinator(shared());
  const worker = new Worker(shared());
  const client = new Client(shared());
  const parts = [coordinator, worker, client];
  onTestFinished(async () => {
    for (const part of parts) await part.stop({ graceMs: 0 });
  });
  await Promise.all(parts.map((part) => part.start()));
  for (const part of [coordinator, worker]) {
    expect(part.health()).toMatchObject({ state: "running", ready: false, bus: { status: "connecting" } });
  }
  expect(client.health().ready).toBe(true); // it does not wait for messages
  const chain = graphOf(
    node("read"),
    ...["a", "b", "c"].map((id, at) => node(id, [["read", "a", "b"][at] as string], { type: "keep" })),
  );
  expect(await (await client.run(chain)).result()).toEqual({ c: [1] });
  expect(coordinator.health().bus.status).toBe("connecting");

  kafkaProxy.resume();
  await until(
    () => parts.every((part) => part.health().ready && part.health().bus.status === "ok"),
    "the broker",
    patience,
  );
  expect(await (await client.run(chain)).result()).toEqual({ c: [1] });
});
