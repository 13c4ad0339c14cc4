import { Client, Coordinator, Worker } from "flowkit/engine";
import { expect, onTestFinished, test } from "vitest";
import type { Bus, Store } from "../../src/core/ports/index.ts";
import type { HandlerDefinition } from "../../src/definitions/index.ts";
import { graphOf, node } from "../helpers/graphs.ts";
import { handler, numbers, source } from "../helpers/handlers.ts";
import { openAdmin, openBus, uniquePrefix } from "./kafka/bus-tools.ts";
import { type Command, sequential, watchedStore } from "./mongodb/watched-store.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

/** A bus that counts published messages by kind. */
async function countedBus() {
  const prefix = uniquePrefix();
  const bus = openBus({ prefix });
  const kinds: string[] = [];
  const counted: Bus = {
    publish(topic, key, message) {
      const goesOn = message.kind === "TASK_DONE" && message.continuesWith !== undefined;
      kinds.push(goesOn ? "goes on" : message.kind);
      return bus.publish(topic, key, message);
    },
    subscribe: (options) => bus.subscribe(options),
    close: () => bus.close(),
    health: () => bus.health?.() ?? { status: "ok", restarts: 0, dropped: 0 },
  };
  const admin = await openAdmin();
  /** Messages in the broker's topics. */
  const arrived = async () => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${prefix}.`));
    const offsets = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    return offsets.flat().reduce((sum, { high }) => sum + Number(high), 0);
  };
  return { bus: counted, kinds, arrived };
}

async function startParts(
  shared: { readonly store: Store; readonly bus: Bus },
  handlers: readonly HandlerDefinition[],
) {
  // Periodic calls are not counted.
  const quiet = { tickMs: 3_600_000, sweepMs: 3_600_000, leaseMs: 3_600_000 };
  const coordinator = new Coordinator({ ...shared, handlers, ...quiet });
  const worker = new Worker({ ...shared, handlers, leaseMs: quiet.leaseMs });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await coordinator.stop({ graceMs: 0 });
  });
  await coordinator.start();
  await worker.start();
  return coordinator;
}

const countBy = (kinds: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...Map.groupBy(kinds, (kind) => kind)].map(([kind, all]) => [kind, all.length]));

test("a node with one batch takes five writes and two messages, or at most one if its worker went on with it", async () => {
  const length = 10;
  const { store, commands } = await watchedStore();
  const { bus, kinds, arrived } = await countedBus();
  const names = Array.from({ length }, (_, index) => `n${index}`);
  const handlers = names.map((name, index) => (index === 0 ? source(name, [1]) : handler(name)));
  const coordinator = await startParts({ store, bus }, handlers);
  const from = commands.length;
  const graph = graphOf(...names.map((name, index) => node(name, index === 0 ? [] : [`n${index - 1}`])));
  await (await coordinator.run(graph)).result();

  const written = commands
    .slice(from)
    .filter(({ collection }) => collection === "nodes" || collection === "artifacts")
    .reduce((sum, each) => sum + each.written, 0);
  expect(written / length).toBeLessThanOrEqual(5);
  const { TASK_START: commanded = 0, TASK_DONE: ended = 0, "goes on": wentOn = 0, ...others } = countBy(kinds);
  expect(others).toEqual({});
  expect(commanded).toBeLessThan(length);
  expect(ended).toBe(commanded); // a row of nodes begins with a command, and its last node says that it ended
  expect(wentOn).toBeLessThanOrEqual(length - commanded);
  await expect.poll(arrived, { timeout: 10_000 }).toBe(kinds.length);
});

test("a further batch is one write; only the first batch is announced, if a node waits for it", async () => {
  const batches = 40;
  const { store, commands } = await watchedStore();
  const { bus, kinds, arrived } = await countedBus();
  const coordinator = await startParts({ store, bus }, [source("read", numbers(batches)), handler("keep")]);
  const from = commands.length;
  const graph = graphOf(node("read"), node("keep", ["read"], { start: "first_batch" }));
  expect((await (await coordinator.run(graph)).result()).keep).toHaveLength(batches);

  const written = (collection: string) =>
    commands.slice(from).reduce((sum, each) => sum + (each.collection === collection ? each.written : 0), 0);
  expect(written("artifacts")).toBe(2 * (batches + 1)); // and each shard's marker
  expect(written("nodes")).toBe(2 * 3); // dispatch, claim, finish
  expect(countBy(kinds)).toEqual({ TASK_START: 2, BATCH_OK: 1, TASK_DONE: 2 });
  await expect.poll(arrived, { timeout: 10_000 }).toBe(kinds.length);
});

test("from a parent's last batch to its child's handler in another worker there are five commands in a row", async () => {
  const coordinating = await watchedStore();
  const { prefix } = coordinating;
  const [odd, even, starting] = [await watchedStore(prefix), await watchedStore(prefix), await watchedStore(prefix)];
  // Looks at the queue are on no node's way, unless one finds a node before its command arrives.
  for (const { store } of [coordinating, odd, even]) store.peekQueue = async () => [];
  const busPrefix = uniquePrefix();
  const marks: Record<string, readonly [number, number, number]> = {};
  const mark = (name: string): void => {
    marks[name] ??= [odd.commands.length, coordinating.commands.length, even.commands.length];
  };
  /** Marks what is published about the third node and the fourth. */
  const marked = (): Bus => {
    const bus = openBus({ prefix: busPrefix });
    const publish: Bus["publish"] = (topic, key, message) => {
      if ("nodeId" in message) mark(`${message.kind} ${message.nodeId}`);
      return bus.publish(topic, key, message);
    };
    return { ...bus, publish, subscribe: (options) => bus.subscribe(options), close: () => bus.close() };
  };
  const called = handler("n4", {
    processBatch: (payload) => {
      mark("called");
      return payload;
    },
  });
  const quiet = { tickMs: 3_600_000, sweepMs: 3_600_000, leaseMs: 3_600_000 };
  const { leaseMs } = quiet;
  const handlers = [source("n1", [1]), handler("n2"), handler("n3"), called];
  const ofParity = (parity: number) => handlers.filter((_, index) => index % 2 === parity);
  const coordinator = new Coordinator({ store: coordinating.store, bus: marked(), handlers, ...quiet });
  const workers = [
    new Worker({ store: odd.store, bus: marked(), handlers: ofParity(0), leaseMs }),
    new Worker({ store: even.store, bus: marked(), handlers: ofParity(1), leaseMs }),
  ];
  onTestFinished(async () => {
    for (const part of [...workers, coordinator]) await part.stop({ graceMs: 0 });
  });
  for (const part of [coordinator, ...workers]) await part.start();
  const names = handlers.map(({ name }) => name);
  const graph = graphOf(...names.map((name, index) => node(name, index === 0 ? [] : [`n${index}`])));
  // In a store of its own, as the process that starts a task looks each second whether it has ended.
  const client = new Client({ store: starting.store, bus: openBus({ prefix: busPrefix }), handlers });
  onTestFinished(() => client.stop());
  await client.start();
  await (await client.run(graph)).result();

  const between = (at: 0 | 1 | 2, from: string, to: string): readonly Command[] => {
    const { commands } = [odd, coordinating, even][at] ?? odd;
    return commands.slice(marks[from]?.[at], marks[to]?.[at]);
  };
  const insertedAt = odd.commands.findLastIndex(
    ({ name, collection }) => `${name} ${collection}` === "insert artifacts",
  );
  const ending = odd.commands.slice(insertedAt + 1, marks["TASK_DONE n3"]?.[0]);
  const planning = between(1, "TASK_DONE n3", "TASK_START n4");
  const beginning = between(2, "TASK_START n4", "called");
  const parts = [ending, planning, beginning];
  const named = parts.map((part) => part.map(({ name, collection }) => `${name} ${collection}`));
  expect(named).toEqual([
    ["update nodes"],
    ["aggregate nodes", "insert nodes"],
    // The reads do not wait for each other (`stream-input.test.ts`), but a fast server may answer one before the other is sent.
    ["findAndModify nodes", "find artifacts", "find nodes"],
  ]);
  expect([ending, planning].map(sequential)).toEqual([1, 2]);
});
