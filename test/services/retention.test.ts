import { Coordinator, Worker } from "flowkit/engine";
import { expect, onTestFinished, test } from "vitest";
import { graphOf, node } from "../helpers/graphs.ts";
import { handler, numbers, source } from "../helpers/handlers.ts";
import { until } from "../helpers/waiting.ts";
import { openBus, uniquePrefix } from "./kafka/bus-tools.ts";
import { database, freshPrefix, openStore, testClient } from "./mongodb/mongo-world.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

test("a coordinator's sweeps remove tasks that ended long enough ago, and keep open ones", async () => {
  const [prefix, topicPrefix] = [freshPrefix(), uniquePrefix()];
  const client = testClient();
  const store = () => openStore({ client, prefix, keepEndedSec: 1 });
  const bus = () => openBus({ prefix: topicPrefix });
  const handlers = [source("read", numbers(5)), handler("keep")];
  const coordinator = new Coordinator({ store: await store(), bus: bus(), workerTypes: ["read", "keep", "never"] });
  const worker = new Worker({ store: await store(), bus: bus(), handlers });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await coordinator.stop({ graceMs: 0 });
  });
  await Promise.all([coordinator.start(), worker.start()]);
  const open = await coordinator.run(graphOf(node("never")));
  const ended = await coordinator.run(graphOf(node("read"), node("keep", ["read"])));
  expect((await ended.result()).keep).toHaveLength(5);
  const documentsOf = async (id: string) => {
    const ofTask = { $or: [{ _id: id }, { task_id: id }] } as object;
    const names = ["tasks", "nodes", "artifacts"];
    const counts = names.map((name) =>
      client
        .db(database)
        .collection(prefix + name)
        .countDocuments(ofTask),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  };
  await until(async () => (await documentsOf(ended.id)) === 0, "the end of all records of the task", 60_000);
  expect(await documentsOf(open.id)).toBe(2); // the task and its queued shard
  await expect(coordinator.task(ended.id).status()).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
});
