import { Client, Coordinator, memoryStore, Worker } from "flowkit/engine";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  ResourcePatternTypes,
  type SASLOptions,
} from "kafkajs";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Secured } from "../../../scripts/services/kafka-security.ts";
import { MemoryState } from "../../../src/adapters/memory/index.ts";
import type { Bus } from "../../../src/core/ports/index.ts";
import { messageOf, noting } from "../../contract/bus/fixture.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { Gate, until } from "../../helpers/waiting.ts";
import { type KafkaUser, kafkaUsers, securedKafka } from "../kafka-users.ts";
import { needsServices } from "../services.ts";
import { createTopics } from "../topics.ts";
import { openAdmin, openBus, sharedBrokers, uniquePrefix } from "./bus-tools.ts";

needsServices("kafka");

const patience = 30_000;

let secured: Secured;
beforeEach((context) => {
  secured = securedKafka(context);
});

function busOf(user: KafkaUser, options: Partial<Parameters<typeof openBus>[0]> = {}): Bus {
  const { address, ca } = secured;
  const sasl = { mechanism: "plain", username: user, password: kafkaUsers[user] } as const;
  return openBus({ brokers: [address], ssl: { ca: [ca] }, sasl, ...options });
}

type Kind = "TOPIC" | "GROUP";
type Operation = "READ" | "WRITE" | "CREATE" | "DELETE";

/** `name*`: all names with this prefix. */
async function allow(admin: Admin, user: KafkaUser, kind: Kind, operations: readonly Operation[], ...names: string[]) {
  const acl = names.flatMap((name) =>
    operations.map((operation) => ({
      resourceType: AclResourceTypes[kind],
      resourceName: name.replace(/\*$/, ""),
      resourcePatternType: name.endsWith("*") ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
      principal: `User:${user}`,
      host: "*",
      operation: AclOperationTypes[operation],
      permissionType: AclPermissionTypes.ALLOW,
    })),
  );
  await admin.createAcls({ acl });
}

test.for(["plain", "scram-sha-256"] as const)("messages are sent with TLS and SASL %s", async (mechanism) => {
  const prefix = uniquePrefix();
  const admin = await openAdmin(sharedBrokers());
  await allow(admin, "alice", "TOPIC", ["READ", "WRITE", "CREATE"], `${prefix}.*`);
  await allow(admin, "alice", "GROUP", ["READ"], `${prefix}.*`);
  const sasl = { mechanism, username: "alice", password: kafkaUsers.alice } as SASLOptions;
  const bus = busOf("alice", { prefix, sasl });
  const { got, handle } = noting();
  await bus.subscribe({ group: "g", topics: ["t"], handle });
  await bus.publish("t", "k", messageOf("hello"));
  await until(() => got.length === 1, "the message", patience);
  expect(got).toEqual(["hello"]);
});

test("a wrong password is reported without revealing it", async () => {
  const logger = new RecordingLogger();
  const sasl = { mechanism: "plain", username: "alice", password: "wr0ng-s3cret" } as const;
  const bus = busOf("alice", { sasl, logger, connectTimeoutMs: 3_600_000 });
  const error = await bus.subscribe({ group: "g", topics: ["t"], handle: async () => {} }).catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "BUS_UNAVAILABLE",
    retryable: false,
    message: expect.stringMatching(/authentication failed/i),
  });
  const said = JSON.stringify([logger.lines, bus.health?.(), (error as Error).message, (error as Error).stack]);
  expect(said).not.toContain("wr0ng-s3cret");
});

test("a broker with an untrusted certificate is rejected with a reason", async () => {
  const bus = busOf("alice", { ssl: true, connectTimeoutMs: 3_600_000 });
  const error = await bus.subscribe({ group: "g", topics: ["t"], handle: async () => {} }).catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "BUS_UNAVAILABLE",
    retryable: false,
    message: expect.stringMatching(/certificate/i),
  });
});

test("a flow runs with minimal privileges, and signals reach its worker", async () => {
  const prefix = uniquePrefix();
  const named = (...names: string[]) => names.map((name) => `${prefix}.${name}`);
  const admin = await openAdmin(sharedBrokers());
  const types = ["read", "keep", "coordinator_fn"];
  const topics = named(
    "signals.v1",
    "query.tasks.v1",
    "reply.tasks.v1",
    "dlq.v1",
    ...types.flatMap((type) => [`cmd.${type}.v1`, `status.${type}.v1`]),
  );
  await createTopics(
    admin,
    topics.map((topic) => ({ topic, numPartitions: 2 })),
  );
  // The table of docs/kafka.md.
  await allow(
    admin,
    "coordinator",
    "TOPIC",
    ["READ"],
    ...named("status.*", "cmd.coordinator_fn.v1", "signals.v1", "query.tasks.v1"),
  );
  await allow(
    admin,
    "coordinator",
    "TOPIC",
    ["WRITE"],
    ...named("cmd.*", "signals.v1", "reply.tasks.v1", "status.coordinator_fn.v1", "dlq.v1"),
  );
  await allow(admin, "coordinator", "GROUP", ["READ"], ...named("coordinators", "workers.coordinator_fn"));
  await allow(admin, "coordinator", "GROUP", ["READ", "DELETE"], ...named("signals.*"));
  await allow(
    admin,
    "worker",
    "TOPIC",
    ["READ"],
    ...named("cmd.read.v1", "cmd.keep.v1", "signals.v1", "query.tasks.v1"),
  );
  await allow(
    admin,
    "worker",
    "TOPIC",
    ["WRITE"],
    ...named("status.read.v1", "status.keep.v1", "reply.tasks.v1", "dlq.v1"),
  );
  await allow(admin, "worker", "GROUP", ["READ"], ...named("workers.keep+read"));
  await allow(admin, "worker", "GROUP", ["READ", "DELETE"], ...named("signals.*"));
  await allow(admin, "client", "TOPIC", ["WRITE"], ...named("cmd.*", "signals.v1"));

  const gate = new Gate();
  const state = new MemoryState();
  let blocked = false;
  const read = source("read", numbers(20), {
    processBatch: async (n, ctx) => {
      if (blocked) await gate.pass(ctx.signal);
      return n;
    },
  });
  const handlers = [read, handler("keep")];
  const quiet = { leaseMs: 3_600_000 };
  const [coordinators, workers, clients] = (["coordinator", "worker", "client"] as const).map((user) =>
    busOf(user, { prefix }),
  ) as [Bus, Bus, Bus];
  const coordinator = new Coordinator({
    store: memoryStore({ state }),
    bus: coordinators,
    handlers,
    ...quiet,
    tickMs: 3_600_000,
    sweepMs: 3_600_000,
  });
  const worker = new Worker({ store: memoryStore({ state }), bus: workers, handlers, ...quiet });
  const client = new Client({ store: memoryStore({ state }), bus: clients, handlers });
  const stop = async () => {
    await client.stop();
    await worker.stop({ graceMs: 0 });
    await coordinator.stop({ graceMs: 0 });
  };
  onTestFinished(stop);
  await Promise.all([coordinator.start(), worker.start(), client.start()]);
  const graph = graphOf(node("read"), node("keep", ["read"], { start: "first_batch" }));
  expect((await (await client.run(graph)).result()).keep).toHaveLength(20);

  blocked = true;
  const task = await client.run(graph);
  await until(() => gate.arrived === 1, "the attempt", patience);
  await task.cancel();
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  for (const bus of [coordinators, workers, clients]) {
    expect(bus.health?.()).toEqual({ status: "ok", restarts: 0, dropped: 0 });
  }
  await stop();
  const { groups } = await admin.listGroups();
  expect(groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(`${prefix}.signals`))).toEqual([]);
});

test("a process without a privilege reports which one is missing", async () => {
  const bus = busOf("nobody", { prefix: uniquePrefix(), connectTimeoutMs: 3_000 });
  const error = await bus.subscribe({ group: "g", topics: ["t"], handle: async () => {} }).catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "BUS_UNAVAILABLE",
    retryable: false,
    message: expect.stringMatching(/not authorized/i),
  });
});

test("messages that a broker rejects make the bus unreachable until one of their topic succeeds", async () => {
  const prefix = uniquePrefix();
  const admin = await openAdmin(sharedBrokers());
  const topics = ["open", "closed"].map((name) => `${prefix}.${name}`);
  await createTopics(
    admin,
    topics.map((topic) => ({ topic })),
  );
  await allow(admin, "nobody", "TOPIC", ["WRITE"], `${prefix}.open`);
  await allow(admin, "nobody", "TOPIC", ["READ"], `${prefix}.closed`);
  const bus = busOf("nobody", { prefix });
  const publishAll = () => Promise.all(["open", "closed"].map((topic) => bus.publish(topic, "k", messageOf("m"))));
  const began = Date.now();
  await publishAll();
  await until(() => bus.health?.().dropped === 1, "the refusal", patience);
  expect(bus.health?.()).toMatchObject({ status: "unreachable", lastError: expect.stringMatching(/not authorized/i) });
  expect(bus.health?.().since).toBeGreaterThanOrEqual(began);
  await allow(admin, "nobody", "TOPIC", ["WRITE"], `${prefix}.closed`);
  await until(
    async () => {
      await publishAll();
      return bus.health?.().status === "ok";
    },
    "the good news",
    patience,
  );
});
