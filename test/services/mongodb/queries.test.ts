import type { Db, Document, IndexDescriptionInfo } from "mongodb";
import { expect, test } from "vitest";
import type { MongoStore } from "../../../src/adapters/mongo/index.ts";
import { longMs, newTask, runningShard, shardOf } from "../../contract/store/fixture.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { needsServices } from "../services.ts";
import { database } from "./mongo-world.ts";
import { isWriting, watchedStore } from "./watched-store.ts";

needsServices("mongodb");

/** Runs every query that a run and its clients make. */
async function everything(store: MongoStore): Promise<void> {
  const attempt = await runningShard(store);
  await store.dueTasks(10, longMs);
  await store.overdueTasks(10);
  await store.endedTasks({ endedForMs: 0, limit: 10 });
  await store.listTasks({ limit: 10 });
  await store.listTasks({ limit: 10, statuses: ["running", "failed"], cursor: "zzzzzzzzz-00000000-00000000" });
  await store.readShards("t");
  await store.readShards("t", ["extract", "clean"]);
  await store.hasArtifacts("t", "extract");
  await store.hasArtifacts("t", "clean");
  await store.expiredLeases(10);
  await store.dueDeferred(10);
  await store.peekQueue(["extractor"], 10);
  await store.peekQueue(["extractor", "loader"], 10, new Set(["u"]));
  await store.renew([attempt], longMs);
  await store.readArtifacts(attempt, 0, 0, 10);
  await store.tail(attempt, 0);
  await store.readUids(attempt, 0, 0, 10);
  await store.storedUids(attempt, 0, ["a", "b"]);
  await store.countArtifacts("t");
  await store.listDeadLetters({ limit: 10 });
  await store.takeSlot({ key: "all", max: 1 }, attempt);
  await store.countHolders(["all"]);
  await store.freeSlot({ key: "all", holder: attempt });
  await store.liveWorkers();
  await store.createTask(newTask("u", { idempotencyKey: "k" }));
  await store.createTask(newTask("v", { idempotencyKey: "k" }));
  await store.createTask(newTask("w", { borrowsFrom: ["u"] }));
  await store.finishTask("u");
  await store.deleteTask("u");
  await store.finishTask("w");
  await store.deleteTask("w");
  await store.deleteTask("u");
}

/** The reads and the searches of the writes in a command, as something that can be explained. */
function queriesOf({ name, command }: { readonly name: string; readonly command: Document }): Document[] {
  const {
    lsid: _,
    $db: __,
    $clusterTime: ___,
    readConcern: ____,
    writeConcern: _____,
    maxTimeMS: ______,
    ...asked
  } = command;
  if (name === "find" || name === "aggregate") return [asked];
  const searches = (command.updates ?? command.deletes ?? []) as Document[];
  return searches.map(({ q }) => ({ find: command[name], filter: q }));
}

const explainable = new Set(["find", "aggregate", "update", "delete"]);

const filterOf = (query: Document): Document => query.filter ?? query.pipeline[0].$match ?? {};

/**
 * Whether an index serves a query: the query filters or sorts by the first field of the index, and includes the filter of
 * a partial index. Servers select the index themselves; the test server does so only if the index contains all queried
 * fields, so the test passes it as a hint.
 */
function serves({ key, partialFilterExpression = {} }: IndexDescriptionInfo, query: Document): boolean {
  const filter = filterOf(query);
  const asked = new Set(Object.keys(filter.$or?.[0] ?? filter));
  const [first = ""] = Object.keys(key);
  return (
    (asked.has(first) || first in (query.sort ?? {})) &&
    Object.keys(partialFilterExpression).every((name) => asked.has(name))
  );
}

async function planOf(db: Db, query: Document): Promise<string> {
  const plan = await db.command({ explain: query, verbosity: "queryPlanner" });
  return JSON.stringify(plan.queryPlanner?.winningPlan ?? plan.stages);
}

test("every query uses an index, except those that read a whole collection", async () => {
  const { client, prefix, store, commands } = await watchedStore();
  await everything(store);
  const { engine } = await testEngine([source("a", [1, 2]), handler("b")], { store });
  await (await engine.run(graphOf(node("a"), node("b", ["a"])))).result();
  await engine.stop();

  const db = client.db(database);
  const scans = new Set<string>();
  let explained = 0;
  for (const each of [...commands]) {
    if (!explainable.has(each.name)) continue;
    const indexes = await db.collection(prefix + each.collection).indexes();
    for (const query of queriesOf(each)) {
      explained++;
      const hint = indexes.find((index) => serves(index, query))?.name;
      const plan = hint === undefined ? "COLLSCAN" : await planOf(db, { ...query, hint });
      if (plan.includes("COLLSCAN")) scans.add(`${each.collection} ${JSON.stringify(filterOf(query))}`);
      else expect(plan).toContain(`"indexName":"${hint}"`);
    }
  }
  expect(explained).toBeGreaterThan(60);
  // Reads all holders of all limits: one document per limit in use.
  expect([...scans]).toEqual(["limits {}"]);
});

test("a node of one batch takes five writes: dispatch, claim, or one for both, artifact, marker, finish", async () => {
  const { store, commands } = await watchedStore();
  const length = 20;
  const names = Array.from({ length }, (_, index) => `n${index}`);
  const handlers = names.map((name, index) => (index === 0 ? source(name, [1]) : handler(name)));
  // However slow the machine is, no lease is renewed.
  const { engine } = await testEngine(handlers, { store, leaseMs: 3_600_000 });
  const graph = graphOf(...names.map((name, index) => node(name, index === 0 ? [] : [`n${index - 1}`])));
  const from = commands.length;
  const task = await engine.run(graph);
  await task.result();
  const run = commands.slice(from);
  const written = (of: (collection: string) => boolean) =>
    run.reduce((sum, { collection, written: count }) => sum + (of(collection) ? count : 0), 0);
  const ofNodes = (collection: string) => collection === "nodes" || collection === "artifacts";
  const reads = run.filter(({ name }) => !isWriting(name)).map(({ name, collection }) => `${name} ${collection}`);
  const counted = {
    writesPerNode: written(ofNodes) / length,
    otherWrites: written((collection) => !ofNodes(collection)),
    readsPerNode: Object.fromEntries(
      [...Map.groupBy(reads, (read) => read)].map(([read, { length: count }]) => [read, count / length]),
    ),
  };
  expect(counted.writesPerNode, JSON.stringify(counted)).toBeLessThanOrEqual(5);
  expect(counted.writesPerNode, JSON.stringify(counted)).toBeGreaterThanOrEqual(4);
  // Its creation, its end, a sweep or two, and the worker's announcements.
  expect(counted.otherWrites, JSON.stringify(counted)).toBeLessThanOrEqual(8);
});

test("each further batch takes one write", async () => {
  const { store, commands } = await watchedStore();
  const attempt = await runningShard(store, shardOf());
  const from = commands.length;
  const origin = { source: "", seq: 0, chunk: 0 };
  for (let seq = 0; seq < 10; seq++) {
    const artifact = { seq, uid: `u${seq}`, origin: { ...origin, seq }, meta: {}, metrics: {} };
    expect(await store.append(attempt, 0, artifact)).toBe("ok");
  }
  const run = commands.slice(from).map(({ name, collection }) => `${name} ${collection}`);
  expect(run.filter((each) => each === "insert artifacts")).toHaveLength(10);
  expect(run.filter((each) => each === "aggregate nodes")).toHaveLength(10);
  expect(run).toHaveLength(20);
});
