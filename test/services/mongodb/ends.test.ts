import { Collection, MongoNetworkError } from "mongodb";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import type { Attempt, NextClaim } from "../../../src/core/model/records.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { findsWhatIsDue } from "../../contract/store/due-look.ts";
import {
  artifactOf,
  claimed,
  dispatchInit,
  longMs,
  newTask,
  recordOf,
  runningShard,
  shardOf,
  shortMs,
} from "../../contract/store/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { database, freshPrefix, openStore, testClient } from "./mongo-world.ts";
import { watchedStore } from "./watched-store.ts";

needsServices("mongodb");

const ref = shardOf("extract");
const next: NextClaim = {
  ref: shardOf("clean"),
  init: { type: "cleaner", priority: 0 },
  by: { workerId: "w", claimId: "of the next", leaseMs: longMs },
};

/** An attempt of one process, which has just read its record, and another process's store. */
async function withAttempt() {
  const prefix = freshPrefix();
  const open = () => openStore({ url: inject("mongodbUrl"), prefix });
  const [store, other] = [await open(), await open()];
  const attempt = await runningShard(store, ref);
  expect(await store.append(attempt, 0, artifactOf(0))).toBe("ok");
  return { prefix, store, other, attempt };
}

/** The only batch of a node, its end, and the next one. */
const end = (store: Store, attempt: Attempt) =>
  store.completeAndClaim(attempt, { generation: 0, count: 2, last: artifactOf(1) }, next);

test("a node that ends and the claim of the next one are three commands, and a claim is one", async () => {
  const { store, commands } = await watchedStore();
  await store.createTask(newTask("t"));
  await store.dispatch(ref, dispatchInit());
  const named = async (call: () => Promise<unknown>) => {
    const from = commands.length;
    await call();
    return commands.slice(from).map(({ name, collection }) => `${name} ${collection}`);
  };
  const attempt = { ...ref, epoch: 1, claimId: "c" };
  const by = { workerId: "w", claimId: attempt.claimId, leaseMs: longMs };
  expect(await named(() => store.claim(attempt, by))).toEqual(["findAndModify nodes"]);
  await store.append(attempt, 0, artifactOf(0));
  expect(await named(async () => end(store, attempt))).toEqual([
    "insert artifacts",
    "update nodes",
    "aggregate tasks", // whether it is paused or deleted
  ]);
  expect(await recordOf(store, ref)).toMatchObject({ status: "finished", count: 2 });
  expect(await recordOf(store, next.ref)).toMatchObject({ status: "running", lease: { claimId: "of the next" } });
});

test("a dispatch reads its task before the insert only if that was not read just now, and after it in any case", async () => {
  const { store, commands } = await watchedStore();
  const at = performance.now();
  const clock = vi.spyOn(performance, "now").mockReturnValue(at);
  onTestFinished(() => void clock.mockRestore());
  await store.createTask(newTask("t"));
  await store.readShards("t", ["extract"], true);
  const asked: string[][] = [];
  const dispatch = async (nodeId: string) => {
    const from = commands.length;
    const since = () => commands.slice(from).map(({ name, collection }) => `${name} ${collection}`);
    const announce = async () => void asked.push(since());
    expect(await store.dispatch(shardOf(nodeId), dispatchInit(), announce)).toBe("dispatched");
    asked.push(since());
  };
  await dispatch("extract");
  expect(asked).toEqual([["insert nodes"], ["insert nodes", "aggregate tasks"]]); // announced as soon as it can be claimed
  clock.mockReturnValue(at + 1_000);
  await dispatch("clean");
  expect(asked.at(-1)).toEqual(["aggregate tasks", "insert nodes", "aggregate tasks"]);
});

test("dispatches of one turn are one insert and one read of their task, also if the answer is lost", async () => {
  const { store, commands } = await watchedStore();
  await store.createTask(newTask("t"));
  await store.dispatch(shardOf("a"), dispatchInit());
  const at = performance.now();
  const clock = vi.spyOn(performance, "now").mockReturnValue(at);
  onTestFinished(() => void clock.mockRestore());
  await store.readShards("t", ["a"], true);
  const dispatch = (nodeId: string) => store.dispatch(shardOf(nodeId), dispatchInit());
  const from = commands.length;
  expect(await Promise.all(["a", "b", "c"].map(dispatch))).toEqual(["exists", "dispatched", "dispatched"]);
  const names = commands.slice(from).map(({ name, collection }) => `${name} ${collection}`);
  expect(names).toEqual(["insert nodes", "aggregate tasks"]);

  const insertMany = Collection.prototype.insertMany;
  const inserts = vi.spyOn(Collection.prototype, "insertMany").mockImplementationOnce(async function (
    this: Collection,
    ...args: Parameters<Collection["insertMany"]>
  ) {
    await insertMany.apply(this, args).catch(() => {});
    throw new MongoNetworkError("the answer was lost");
  });
  onTestFinished(() => void inserts.mockRestore());
  expect(await Promise.all(["c", "d", "e"].map(dispatch))).toEqual(["exists", "dispatched", "dispatched"]);
  expect(inserts).toHaveBeenCalledTimes(2);
});

test("claims of one turn are one update and one read, and each shard has one winner", async () => {
  const { store, commands } = await watchedStore();
  const nodes = ["a", "b", "c", "d"].map((nodeId) => shardOf(nodeId));
  await store.createTask(newTask("t"));
  for (const each of nodes) await store.dispatch(each, dispatchInit());
  const from = commands.length;
  const claims = ["w1", "w2"].flatMap((workerId) => nodes.map((each) => ({ each, workerId })));
  const claim = ({ each, workerId }: (typeof claims)[number]) => {
    const by = { workerId, claimId: `${workerId} ${each.nodeId}`, leaseMs: longMs };
    return store.claim({ ...each, epoch: 1 }, by);
  };
  const won = await Promise.all(claims.map(claim));
  const names = commands.slice(from).map(({ name, collection }) => `${name} ${collection}`);
  expect(names).toEqual(["update nodes", "find nodes"]);
  expect(won.filter((record) => record !== undefined)).toHaveLength(nodes.length);
  for (const [index, { each, workerId }] of claims.entries()) {
    const { lease } = await recordOf(store, each);
    expect(won[index]?.lease?.claimId).toBe(lease?.workerId === workerId ? lease.claimId : undefined);
  }
  expect(await Promise.all(claims.map(claim))).toEqual(won); // repeated
});

test("tasks and shards that are asked for in one turn are one read each", async () => {
  const { store, commands } = await watchedStore();
  const ids = ["t", "u", "v"];
  for (const id of ids) await store.createTask(newTask(id));
  for (const taskId of ids) await store.dispatch({ ...ref, taskId }, dispatchInit());
  await store.dispatch(shardOf("clean"), dispatchInit());
  const from = commands.length;
  const tasks = await Promise.all([...ids, "unknown"].map((id) => store.readTask(id)));
  expect(tasks.map((task) => task?.id)).toEqual([...ids, undefined]);
  const shards = await Promise.all([
    store.readShards("t"),
    store.readShards("t", ["extract"]),
    store.readShards("u"),
    store.readShards("v", ["clean"]),
  ]);
  expect(shards.map((records) => records.map(({ taskId, nodeId }) => `${taskId} ${nodeId}`))).toEqual([
    ["t clean", "t extract"],
    ["t extract"],
    ["u extract"],
    [],
  ]);
  expect(commands.slice(from).map(({ name, collection }) => `${name} ${collection}`)).toEqual([
    "find tasks",
    "find nodes",
  ]);
});

test("an end after a cancel is refused, and the next node is not inserted", async () => {
  const { store, other, attempt } = await withAttempt();
  await other.cancelShard(ref, { type: "extractor", graceMs: longMs });
  expect(await end(store, attempt)).toEqual({ answer: "cancelling" });
  expect(await recordOf(other, ref)).toMatchObject({ status: "cancelling" });
  expect(await other.readShards("t", ["clean"])).toEqual([]);
});

test("an end is written although the record has changed, if its attempt still has the lease", async () => {
  const { store, other, attempt } = await withAttempt();
  await other.report(attempt, { generation: 0, n: 1, checkpoint: "here" });
  expect(await end(store, attempt)).toMatchObject({ answer: "ok", claimed: { status: "running" } });
  expect(await recordOf(other, ref)).toMatchObject({ status: "finished", count: 2, checkpoint: "here" });
});

test("an attempt that lost its lease leaves one end in its log at most, with which the next attempt ends", async () => {
  const prefix = freshPrefix();
  const late = await openStore({ url: inject("mongodbUrl"), prefix });
  const stale = await runningShard(late, ref, shortMs);
  expect(await late.append(stale, 0, artifactOf(0))).toBe("ok");
  const newer = await openStore({ url: inject("mongodbUrl"), prefix });
  await until(async () => (await newer.expire({ ...ref, epoch: 1 }, 5)) !== undefined, "the end of the lease");
  const second = await claimed(newer, ref);
  expect(await end(late, stale)).toEqual({ answer: "fenced" });
  expect(await end(late, stale)).toEqual({ answer: "fenced" });
  expect(await newer.append(second, 0, artifactOf(1, { uid: "another" }))).toBe("conflict");
  expect(await newer.tail(ref, 0)).toMatchObject({ length: 2, closed: true });
  expect(await newer.complete(second, { generation: 0, count: 2 })).toBe("ok");
  expect((await newer.readArtifacts(ref, 0, 0, 10)).map(({ uid, epoch }) => [uid, epoch])).toEqual([
    ["u0", 1],
    ["u1", 1],
  ]);
});

test("the end of an attempt whose task was deleted leaves nothing", async () => {
  const { prefix, store, other, attempt } = await withAttempt();
  await other.cancelTask("t", "enough");
  await other.closeTask("t");
  expect(await other.deleteTask("t")).toBe("deleted");
  expect(await end(store, attempt)).toEqual({ answer: "fenced" });
  const db = testClient().db(database);
  for (const name of ["nodes", "artifacts"]) expect(await db.collection(prefix + name).countDocuments()).toBe(0);
});

test("the next node of a task that was paused is deferred, and not claimed", async () => {
  const { store, other, attempt } = await withAttempt();
  await other.pauseTask("t", true);
  expect(await end(store, attempt)).toEqual({ answer: "ok", claimed: undefined });
  expect(await recordOf(other, next.ref)).toMatchObject({ status: "deferred", paused: {} });
});

test("one request returns which kinds of sweeps have work, and when the next one will have some", async () => {
  const { store, commands } = await watchedStore();
  const from = commands.length;
  await store.lookForDue?.(0);
  expect(commands.slice(from).map(({ name }) => name)).toEqual(["aggregate"]);
  await findsWhatIsDue(store);
});
