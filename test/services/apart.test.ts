import { Coordinator, Worker } from "flowkit/engine";
import { expect, inject, onTestFinished, test } from "vitest";
import { mongoStore } from "../../src/adapters/mongo/index.ts";
import { graphOf, node } from "../helpers/graphs.ts";
import { handler, source } from "../helpers/handlers.ts";
import { openAdmin, openBus, uniquePrefix } from "./kafka/bus-tools.ts";
import { database } from "./mongodb/mongo-world.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

/** One of two environments on the same servers, with the same types and flows but different prefixes. */
async function environment(answer: string) {
  const prefix = uniquePrefix();
  const seen: string[] = [];
  const echo = handler("echo", {
    processBatch: (payload) => {
      seen.push(String(payload));
      return `${answer} ${payload}`;
    },
  });
  const shared = () => ({
    store: mongoStore({ url: inject("mongodbUrl"), database, prefix: `${prefix}_` }),
    bus: openBus({ prefix }),
  });
  const handlers = [source("read", [answer]), echo];
  const coordinator = new Coordinator({ ...shared(), handlers });
  const worker = new Worker({ ...shared(), handlers });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await coordinator.stop({ graceMs: 0 });
  });
  await Promise.all([coordinator.start(), worker.start()]);
  return { coordinator, worker, seen, prefix };
}

test("environments with different prefixes share a broker and a database, but nothing else", async () => {
  const [a, b] = [await environment("a"), await environment("b")];
  const graph = graphOf(node("read"), node("echo", ["read"]));
  const runs = [a, b, a, b].map(async ({ coordinator }) =>
    (await coordinator.run(graph, { idempotencyKey: "same" })).result(),
  );
  expect((await Promise.all(runs)).map(({ echo }) => echo)).toEqual([["a a"], ["b b"], ["a a"], ["b b"]]);
  for (const [{ coordinator, seen }, answer] of [
    [a, "a"],
    [b, "b"],
  ] as const) {
    expect((await coordinator.list({ limit: 10 })).items).toHaveLength(1);
    expect(seen).toEqual([answer]);
    expect(await coordinator.deadLetters()).toMatchObject({ items: [] });
  }
  const admin = await openAdmin();
  const names = [...(await admin.listTopics()), ...(await admin.listGroups()).groups.map(({ groupId }) => groupId)];
  for (const { prefix } of [a, b])
    expect(names.filter((name) => name.startsWith(`${prefix}.`)).length).toBeGreaterThan(8);
});
