import { randomUUID } from "node:crypto";
import { expect, inject, onTestFinished, test } from "vitest";
import { cli, cliProject, squaresFlow } from "../helpers/cli.ts";
import { openAdmin, openBus, sharedBrokers, uniquePrefix } from "./kafka/bus-tools.ts";
import { testClient } from "./mongodb/mongo-world.ts";
import { needsServices } from "./services.ts";
import { createTopics, untilLed } from "./topics.ts";

needsServices("mongodb", "kafka");

test("flowkit doctor compares the clocks, and looks at the topics", async () => {
  const name = `flowkit_doctor_${randomUUID().slice(0, 8)}`;
  onTestFinished(async () => {
    await testClient().db(name).dropDatabase();
  });
  const url = new URL(inject("mongodbUrl"));
  url.pathname = name;
  const prefix = uniquePrefix();
  const kafka = { KAFKA_BROKERS: sharedBrokers().join(","), KAFKA_PREFIX: prefix };
  const env = { FLOWKIT_MONGO_URL: url.href, ...kafka };
  const cwd = cliProject({ "flow.ts": squaresFlow });
  const doctor = async (more: Readonly<Record<string, string>> = {}) => {
    const { stdout } = await cli(["doctor", "--json"], { cwd, env: { ...env, ...more } });
    return JSON.parse(stdout).findings;
  };
  const empty = { check: "store", verdict: "warning", message: "the store responds, and has no tables yet" };
  expect(await doctor()).toContainEqual({ ...empty, hint: expect.stringContaining("at their first start") });
  expect(await testClient().db(name).listCollections().toArray()).toEqual([]);
  await cli(["run", "flow.ts", "--mongo", url.href, "--param", "count=2"], { cwd });
  const agreeing = { check: "clock", verdict: "ok", message: "this machine's clock agrees with the store's" };
  expect(await doctor()).toEqual([
    expect.objectContaining({
      check: "settings",
      verdict: "ok",
      message: expect.not.stringContaining(url.password || "?"),
    }),
    { check: "store", verdict: "ok", message: "the store responds, and has the layout of this version" },
    agreeing,
    { check: "workers", verdict: "ok", message: "0 live workers" },
    { check: "tasks", verdict: "ok", message: "0 open tasks" },
    { check: "kafka", verdict: "ok", message: "0 topics of this bus" },
  ]);
  const ahead = "data:text/javascript,const now = Date.now; Date.now = () => now() + 3_600_000;";
  expect(await doctor({ NODE_OPTIONS: `--import "${ahead}"` })).toContainEqual({
    check: "clock",
    verdict: "warning",
    message: expect.stringMatching(/^this machine's clock is (1:00:0\d|59:59) ahead of the store's$/),
    hint: expect.stringContaining("Synchronize the clocks"),
  });
  const bus = openBus({ prefix, topics: { partitions: 1 } });
  await bus.subscribe({ group: "workers.square", topics: ["cmd.square.v1"], handle: async () => {} });
  const admin = await openAdmin();
  const brief = [
    { name: "retention.ms", value: "5000" },
    { name: "cleanup.policy", value: "compact,delete" },
  ];
  const status = { topic: `${prefix}.status.square.v1`, numPartitions: 2, configEntries: brief };
  await createTopics(admin, [status]);
  await untilLed(admin, [`${prefix}.cmd.square.v1`]);
  const found = await doctor();
  expect(found).toContainEqual({
    check: "kafka",
    verdict: "warning",
    message: "commands with one partition: cmd.square.v1",
    hint: expect.any(String),
  });
  for (const message of [
    "topics that are compacted: status.square.v1",
    "topics that keep messages for less than a minute: status.square.v1 (5.00 s)",
  ]) {
    expect(found).toContainEqual({ check: "kafka", verdict: "warning", message, hint: expect.any(String) });
  }
  expect(found).toContainEqual(
    expect.objectContaining({ message: expect.stringMatching(/^topics with one replica: (.*, )?cmd\.square\.v1/) }),
  );
});
