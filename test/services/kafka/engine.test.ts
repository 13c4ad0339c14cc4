import { expect, test } from "vitest";
import { freePort } from "../../../scripts/services/free-port.ts";
import { startKafka } from "../../../scripts/services/kafka.ts";
import { noTicks, testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { openAdmin, openBus, sendRaw, uniquePrefix } from "./bus-tools.ts";

needsServices("kafka");

const patience = 60_000;
const count = 50;
const streaming = graphOf(
  node("read"),
  node("double", ["read"], { start: "first_batch" }),
  node("keep", ["double"], { start: "first_batch" }),
);
const double = handler("double", { processBatch: (n) => Number(n) * 2 });
const doubled = { keep: numbers(count).map((n) => n * 2) };

test("a streaming flow runs over Kafka, driven by messages alone", async () => {
  const bus = openBus({ prefix: uniquePrefix() });
  const handlers = [source("read", numbers(count)), double, handler("keep")];
  const { engine } = await testEngine(handlers, { bus, ...noTicks });
  const task = await engine.run(streaming);
  expect(await task.result()).toEqual(doubled);
  expect(engine.health().bus).toMatchObject({ status: "ok", dropped: 0 });
});

test("a worker reads the commands of all of its types by one consumer", async () => {
  const prefix = uniquePrefix();
  const handlers = [source("read", numbers(count)), double, handler("keep")];
  const { engine } = await testEngine(handlers, { bus: openBus({ prefix }), ...noTicks });
  expect(await (await engine.run(streaming)).result()).toEqual(doubled);
  const admin = await openAdmin();
  const own = (await admin.listGroups()).groups.filter(({ groupId }) => groupId.startsWith(`${prefix}.workers.`));
  const { groups } = await admin.describeGroups(own.map(({ groupId }) => groupId));
  expect(Object.fromEntries(groups.map(({ groupId, members }) => [groupId, members.length]))).toEqual({
    [`${prefix}.workers.coordinator_fn`]: 1,
    [`${prefix}.workers.double+keep+read`]: 1,
  });
});

test("a cancel reaches the worker that runs the attempt", async () => {
  const bus = openBus({ prefix: uniquePrefix() });
  const gate = new Gate();
  const run = source("read", [1], { processBatch: (_, ctx) => gate.pass(ctx.signal) });
  // A long lease, so that no renewal reports the cancel first.
  const { engine } = await testEngine([run], { bus, ...noTicks, leaseMs: 3_600_000 });
  const task = await engine.run(graphOf(node("read")));
  await until(() => gate.arrived === 1, "the attempt", patience);
  await task.cancel();
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
});

test("work continues through the store while the broker is unavailable", async () => {
  const broker = await startKafka({ port: await freePort() });
  const bus = openBus({ brokers: [broker.address], closeTimeoutMs: 1_000 });
  const gate = new Gate();
  const read = source("read", [], {
    iterBatches: () => paced(numbers(count), async (index) => (index === 10 ? gate.pass() : undefined)),
  });
  const { engine } = await testEngine([read, double, handler("keep")], { bus, tickMs: 50, sweepMs: 500 });
  const task = await engine.run(streaming);
  await until(() => gate.arrived === 1, "the source's tenth batch", patience);
  await broker.stop();
  gate.open();
  expect(await task.result()).toEqual(doubled);
  const another = await engine.run(streaming);
  expect(await another.result()).toEqual(doubled);
  await until(() => engine.health().bus.status === "unreachable", "the bad news", patience);
  expect(engine.health().ready).toBe(true);
});

test("an unreadable message becomes a dead letter of the engine", async () => {
  const prefix = uniquePrefix();
  const bus = openBus({ prefix });
  const { engine } = await testEngine([source("read", [1])], { bus });
  await sendRaw(`${prefix}.cmd.read.v1`, [{ key: "k", value: "no JSON" }]);
  await until(async () => (await engine.deadLetters()).items.length === 1, "the dead letter", patience);
  const { items } = await engine.deadLetters();
  expect(items[0]).toMatchObject({
    topic: `${prefix}.cmd.read.v1`,
    key: "k",
    body: "no JSON",
    reason: "not valid JSON",
  });
  expect(engine.health().deadLetters).toBe(1);
});
