import { expect } from "vitest";
import type { Answer, Store } from "../../../src/core/ports/index.ts";
import { FlowError } from "../../../src/errors/index.ts";
import {
  artifactOf,
  cancellingShard,
  deferredShard,
  dispatchInit,
  failureOf,
  longMs,
  newTask,
  pastShortMs,
  queuedShard,
  runningShard,
  type StoreFixture,
  type StoreTest,
  shardOf,
  shortMs,
  transientFailure,
} from "./fixture.ts";

/** Everything visible about task `t`. */
async function seen(store: Store): Promise<unknown> {
  const shards = await store.readShards("t");
  return {
    task: await store.readTask("t"),
    vars: await store.readVars("t"),
    shards,
    tails: await Promise.all(shards.map((record) => store.tail(record, record.generation))),
    queue: await store.peekQueue(["extractor"], 100),
  };
}

/** Prepares the store and returns the call, which is then made twice with the same arguments. */
type Repeat = (fixture: StoreFixture) => Promise<(store: Store) => Answer<unknown>>;

const vars = { n: 1 };
const failure = failureOf();
const init = { type: "extractor", graceMs: longMs } as const;
const claimBy = { workerId: "w", claimId: "c", leaseMs: longMs } as const;

/**
 * The second answer; `same` if it equals the first one. It differs where only one caller may learn that it won.
 */
const repeats: Record<string, { readonly prepare: Repeat; readonly second: "same" | { readonly answer: unknown } }> = {
  createTask: {
    prepare: async () => (store) => store.createTask(newTask("t", { idempotencyKey: "k" })),
    second: { answer: { outcome: "exists", id: "t" } },
  },
  finishTask: {
    prepare: async ({ store }) => {
      await store.createTask(newTask("t"));
      return (connection) => connection.finishTask("t");
    },
    second: { answer: false },
  },
  failTask: {
    prepare: async ({ store }) => {
      await store.createTask(newTask("t"));
      return (connection) => connection.failTask("t", failure);
    },
    second: { answer: false },
  },
  cancelTask: {
    prepare: async ({ store }) => {
      await store.createTask(newTask("t"));
      return (connection) => connection.cancelTask("t", "enough");
    },
    second: { answer: "already" },
  },
  closeTask: {
    prepare: async ({ store }) => {
      await store.createTask(newTask("t"));
      await store.failTask("t", failure);
      return (connection) => connection.closeTask("t");
    },
    second: { answer: false },
  },
  writeVars: {
    prepare: async ({ store }) => {
      await store.createTask(newTask("t"));
      const version = (await store.readVars("t"))?.version ?? 0;
      return (connection) => connection.writeVars("t", { version, vars, appliedBy: "a" });
    },
    second: { answer: "applied" },
  },
  dispatch: {
    prepare: async ({ store }) => {
      await store.createTask(newTask("t"));
      return (connection) => connection.dispatch(shardOf(), dispatchInit());
    },
    second: { answer: "exists" },
  },
  "cancelShard of an absent shard": {
    prepare: async ({ store }) => {
      await store.createTask(newTask("t"));
      return (connection) => connection.cancelShard(shardOf(), init);
    },
    second: "same",
  },
  "cancelShard of a queued shard": {
    prepare: async ({ store }) => {
      await queuedShard(store);
      return (connection) => connection.cancelShard(shardOf(), init);
    },
    second: "same",
  },
  "cancelShard of a running shard": {
    prepare: async ({ store }) => {
      await runningShard(store);
      return (connection) => connection.cancelShard(shardOf(), init);
    },
    second: "same",
  },
  expire: {
    prepare: async ({ store, advance }) => {
      const attempt = await runningShard(store, shardOf(), shortMs);
      await advance(pastShortMs);
      return (connection) => connection.expire(attempt, 5);
    },
    second: { answer: undefined },
  },
  requeue: {
    prepare: async ({ store }) => {
      const attempt = await deferredShard(store);
      return (connection) => connection.requeue(attempt);
    },
    second: { answer: undefined },
  },
  claim: {
    prepare: async ({ store }) => {
      const ref = await queuedShard(store);
      return (connection) => connection.claim(ref, claimBy);
    },
    second: "same",
  },
  restart: {
    prepare: async ({ store }) => {
      const attempt = await runningShard(store);
      return (connection) => connection.restart(attempt, { generation: 1, sourceGens: { "a/0": 2 } });
    },
    second: "same",
  },
  append: {
    prepare: async ({ store }) => {
      const attempt = await runningShard(store);
      return (connection) => connection.append(attempt, 0, artifactOf(0));
    },
    second: "same",
  },
  complete: {
    prepare: async ({ store }) => {
      const attempt = await runningShard(store);
      await store.append(attempt, 0, artifactOf(0));
      return (connection) => connection.complete(attempt, { generation: 0, count: 1, result: "done" });
    },
    second: "same",
  },
  "fail for good": {
    prepare: async ({ store }) => {
      const attempt = await runningShard(store);
      return (connection) => connection.fail(attempt, { ...transientFailure, permanent: true });
    },
    second: "same",
  },
  "fail for now": {
    prepare: async ({ store }) => {
      const attempt = await runningShard(store);
      return (connection) => connection.fail(attempt, transientFailure);
    },
    second: "same",
  },
  release: {
    prepare: async ({ store }) => {
      const attempt = await runningShard(store);
      return (connection) => connection.release(attempt, longMs);
    },
    second: "same",
  },
  confirmCancelled: {
    prepare: async ({ store }) => {
      const attempt = await cancellingShard(store);
      return (connection) => connection.confirmCancelled(attempt);
    },
    second: "same",
  },
};

export function repeatContract(it: StoreTest): void {
  for (const [operation, { prepare, second }] of Object.entries(repeats)) {
    it(`${operation}, called again with the same arguments, has no further effect`, async (fixture) => {
      const call = await prepare(fixture);
      const first = await call(fixture.store);
      const before = await seen(fixture.peer);
      const again = await call(fixture.peer);
      expect(again).toEqual(second === "same" ? first : second.answer);
      expect(await seen(fixture.peer)).toEqual(before);
      expect(await call(fixture.store)).toEqual(again);
      expect(await seen(fixture.store)).toEqual(before);
    });
  }
}

export function connectionContract(it: StoreTest): void {
  it("an acknowledged write is visible to every other connection", async ({ store, connect }) => {
    const connections = await Promise.all([connect(), connect(), connect()]);
    const attempt = await runningShard(store);
    for (let seq = 0; seq < 10; seq++) {
      await store.append(attempt, 0, artifactOf(seq));
      for (const connection of connections) {
        expect((await connection.tail(attempt, 0)).length).toBe(seq + 1);
      }
    }
    for (const connection of connections) await connection.close();
  });

  it("a closed store is unavailable; other connections stay usable", async ({ store, connect }) => {
    await store.createTask(newTask("t"));
    const leaving = await connect();
    await leaving.close();
    await leaving.close();
    const attempt = { ...shardOf(), epoch: 1, claimId: "c" };
    const calls: (() => Promise<unknown>)[] = [
      () => leaving.createTask(newTask("t2")),
      () => leaving.readTask("t"),
      () => leaving.readShards("t"),
      () => leaving.dispatch(shardOf(), dispatchInit()),
      () => leaving.claim(attempt, claimBy),
      async () => leaving.append(attempt, 0, artifactOf(0)),
      async () => leaving.complete(attempt, { generation: 0, count: 0 }),
      () => leaving.peekQueue(["extractor"], 1),
      () => leaving.dueTasks(1, 1),
    ];
    for (const call of calls) {
      const error = await call().catch((reason: unknown) => reason);
      expect(FlowError.is(error, "STORE_UNAVAILABLE")).toBe(true);
      expect(error).toMatchObject({ retryable: true });
    }
    expect((await store.readTask("t"))?.status).toBe("running");
    expect(await store.readTask("t2")).toBeUndefined();
  });

  it("a new connection sees existing data", async ({ store, connect }) => {
    const attempt = await runningShard(store);
    await store.append(attempt, 0, artifactOf(0));
    const before = await seen(store);
    const late = await connect();
    expect(await seen(late)).toEqual(before);
    expect(await late.readArtifacts(attempt, 0, 0, 10)).toHaveLength(1);
    await late.close();
  });
}
