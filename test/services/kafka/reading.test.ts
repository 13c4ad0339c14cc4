import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { encode } from "../../../src/adapters/kafka/wire/codec.ts";
import type { UndeliverableMessage } from "../../../src/core/ports/index.ts";
import { gate, messageOf, noting, taskOf } from "../../contract/bus/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { createTopics } from "../topics.ts";
import { openAdmin, openBus, readRaw, sendRaw, uniquePrefix } from "./bus-tools.ts";

needsServices("kafka");

const patience = 30_000;

test("topics and groups have the prefix; existing topics are not changed", async () => {
  const prefix = uniquePrefix();
  const admin = await openAdmin();
  await createTopics(admin, [{ topic: `${prefix}.there`, numPartitions: 1 }]);
  const bus = openBus({ prefix, topics: { partitions: 5 } });
  const { got, handle } = noting();
  await bus.subscribe({ group: "readers", topics: ["there", "new"], handle });
  await bus.publish("new", "k", messageOf("t"));
  await until(() => got.length === 1, "the message", patience);
  const { topics } = await admin.fetchTopicMetadata({ topics: [`${prefix}.there`, `${prefix}.new`] });
  expect(topics.map(({ name, partitions }) => [name, partitions.length])).toEqual(
    expect.arrayContaining([
      [`${prefix}.there`, 1],
      [`${prefix}.new`, 5],
    ]),
  );
  const { groups } = await admin.listGroups();
  expect(groups.map(({ groupId }) => groupId)).toContain(`${prefix}.readers`);
});

test("an unreadable message becomes a dead letter with its original bytes, and reading continues after it", async () => {
  const prefix = uniquePrefix();
  const bus = openBus({ prefix, topics: { partitions: 1 } });
  const { got, handle } = noting();
  const reported: UndeliverableMessage[] = [];
  const onDeadLetter = (letter: UndeliverableMessage) => reported.push(letter);
  await bus.subscribe({ group: "readers", topics: ["status.a.v1"], handle, onDeadLetter });
  const letters = await readRaw(`${prefix}.dlq.v1`);
  const bytes = Buffer.from([0x7b, 0xff, 0x00]);
  await sendRaw(`${prefix}.status.a.v1`, [
    { key: "bad", value: bytes },
    { key: "old", value: '{"v":2}' },
    { key: "none", value: null },
  ]);
  await bus.publish("status.a.v1", "k", messageOf("behind"));
  await until(() => got.length === 1 && letters.length === 3 && reported.length === 3, "the dead letters", patience);
  expect(got).toEqual(["behind"]);
  const byKey = new Map(letters.map(({ key, value }) => [key, JSON.parse(value)]));
  expect(byKey.get("bad")).toMatchObject({
    topic: `${prefix}.status.a.v1`,
    partition: 0,
    offset: "0",
    group: `${prefix}.readers`,
    reason: "not valid UTF-8",
    value_base64: bytes.toString("base64"),
  });
  expect(byKey.get("old").reason).toContain("v: ");
  expect(byKey.get("none")).toMatchObject({ value_base64: null, reason: "the message has no value" });
  expect(reported.map(({ key }) => key).toSorted()).toEqual(["bad", "none", "old"]);
});

test("messages older than the maximum age of their group are skipped, and committed", async () => {
  const prefix = uniquePrefix();
  const bus = openBus({ prefix, topics: { partitions: 1 } });
  const { got, handle } = noting();
  const subscription = await bus.subscribe({ group: "readers", topics: ["x"], maxAgeMs: 60_000, handle });
  const sentAt = Date.now() - 3_600_000;
  const { value } = encode(messageOf("old"), { corrId: "c", sentAt });
  await sendRaw(`${prefix}.x`, [{ key: "k", value, timestamp: String(sentAt) }]);
  await bus.publish("x", "k", messageOf("new"));
  await until(() => got.length === 1, "the new message", patience);
  expect(got).toEqual(["new"]);
  await subscription.close();
  const { got: again, handle: handleAgain } = noting();
  await openBus({ prefix }).subscribe({ group: "readers", topics: ["x"], handle: handleAgain });
  await bus.publish("x", "k", messageOf("newest"));
  await until(() => again.length === 1, "the newest message", patience);
  expect(again).toEqual(["newest"]);
});

test("a message whose every delivery fails becomes a dead letter with its handler's error", async () => {
  const prefix = uniquePrefix();
  const bus = openBus({ prefix, maxDeliveries: 2 });
  let deliveries = 0;
  const reported: UndeliverableMessage[] = [];
  await bus.subscribe({
    group: "readers",
    topics: ["x"],
    handle: async () => {
      deliveries++;
      throw new Error("no luck");
    },
    onDeadLetter: (letter) => reported.push(letter),
  });
  const letters = await readRaw(`${prefix}.dlq.v1`);
  await bus.publish("x", "k", messageOf("t"));
  await until(() => letters.length === 1 && reported.length === 1, "the dead letter", patience);
  expect(deliveries).toBe(2);
  expect(JSON.parse(letters[0]?.value ?? "")).toMatchObject({ reason: "handler failed: no luck" });
});

test("handled messages are committed, and unhandled ones are redelivered to the remaining members", async () => {
  const prefix = uniquePrefix();
  const first = openBus({ prefix });
  const { open, opened } = gate();
  onTestFinished(open); // closing the bus waits for the handlers
  const got: string[] = [];
  const subscription = await first.subscribe({
    group: "readers",
    topics: ["x"],
    handle: async (message) => {
      if (taskOf(message) === "slow") await opened;
      got.push(taskOf(message));
    },
  });
  for (const id of ["a", "b", "slow", "behind"]) await first.publish("x", "k", messageOf(id));
  await until(() => got.length === 2, "the first two", patience);
  const closing = subscription.close();
  open();
  await closing;
  expect(got).toEqual(["a", "b", "slow"]);
  const { got: later, handle } = noting();
  await openBus({ prefix }).subscribe({ group: "readers", topics: ["x"], handle });
  await until(() => later.length > 0, "what was not handled", patience);
  expect(later).toEqual(["behind"]);
});

test("a handler that takes longer than a session loses no messages, because reading continues", async () => {
  const prefix = uniquePrefix();
  const bus = openBus({
    prefix,
    topics: { partitions: 1 },
    sessionTimeoutMs: 6_000,
    heartbeatMs: 500,
    maxUnhandled: 2,
  });
  const { open, opened } = gate();
  onTestFinished(open); // closing the bus waits for the handlers
  const got: string[] = [];
  await bus.subscribe({
    group: "readers",
    topics: ["x"],
    handle: async (message) => {
      if (taskOf(message).startsWith("slow")) await opened;
      got.push(taskOf(message));
    },
  });
  // The maximum number of unhandled messages: the consumer waits inside its own loop and must stay in its group.
  for (const id of ["slow1", "slow2", "quick"]) await bus.publish("x", id, messageOf(id));
  await sleep(9_000); // longer than a session, which it must outlive
  expect(bus.health?.()).toEqual({ status: "ok", restarts: 0, dropped: 0 });
  const { groups } = await (await openAdmin()).describeGroups([`${prefix}.readers`]);
  expect(groups.map(({ state, members }) => [state, members.length])).toEqual([["Stable", 1]]);
  open();
  await until(() => got.length === 3, "the three", patience);
  expect(got.toSorted()).toEqual(["quick", "slow1", "slow2"]);
});

test("members join and leave under load: every message is handled", async () => {
  const prefix = uniquePrefix();
  const got = new Set<string>();
  const handle = async (message: Parameters<typeof taskOf>[0]) => {
    got.add(taskOf(message));
  };
  const sender = openBus({ prefix });
  const member = () => openBus({ prefix }).subscribe({ group: "readers", topics: ["x"], handle });
  const staying = await member();
  let sent = 0;
  let sending = true;
  const load = (async () => {
    while (sending) {
      for (let i = 0; i < 20; i++, sent++) await sender.publish("x", `k${sent % 50}`, messageOf(`t${sent}`));
      await sleep(5);
    }
  })();
  for (let round = 0; round < 2; round++) {
    const joined = await member();
    await joined.close();
  }
  sending = false;
  await load;
  await until(() => got.size === sent, `all of ${sent}`, patience);
  await staying.close();
});

test("a group has one set of topics", async () => {
  const bus = openBus({ prefix: uniquePrefix() });
  const { handle } = noting();
  await bus.subscribe({ group: "g", topics: ["a", "b"], handle });
  await expect(bus.subscribe({ group: "g", topics: ["a"], handle })).rejects.toMatchObject({
    code: "ENGINE_OPTIONS",
    details: { group: "g" },
  });
  await expect(bus.publish("a b", "k", messageOf("t"))).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
});

test("a private group starts at the end of its topic and is deleted when its subscription closes", async () => {
  const prefix = uniquePrefix();
  const bus = openBus({ prefix });
  const admin = await openAdmin();
  const groupIds = async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId);
  const shared = noting();
  await bus.subscribe({ group: "shared", topics: ["t"], handle: shared.handle });
  await bus.publish("t", "k", messageOf("early"));
  await until(() => shared.got.length === 1, "the first message", patience);
  const { got, handle } = noting();
  const own = await bus.subscribe({ group: "own", topics: ["t"], isPrivate: true, handle });
  await bus.publish("t", "k", messageOf("late"));
  await until(() => got.length === 1, "the second message", patience);
  expect(got).toEqual(["late"]);
  expect(await groupIds()).toContain(`${prefix}.own`);
  await own.close();
  expect(await groupIds()).not.toContain(`${prefix}.own`);
  expect(await groupIds()).toContain(`${prefix}.shared`);
});
