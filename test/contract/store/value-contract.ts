import { expect } from "vitest";
import { FlowError } from "../../../src/errors/index.ts";
import { spoil } from "../../../src/testing/cluster/computation.ts";
import {
  artifactOf,
  claimed,
  dispatchInit,
  failureOf,
  newTask,
  runningShard,
  type StoreTest,
  shardOf,
} from "./fixture.ts";

/** All stores handle JSON values in the same way. */
export function valueContract(it: StoreTest): void {
  it("a caller's mutation of a value that it read is not visible to others", async ({ store, peer }) => {
    await store.createTask(
      newTask("t", { params: { list: [{ a: 1 }] }, vars: { vars: { n: { m: 1 } }, appliedBy: [] } }),
    );
    const attempt = await runningShard(store);
    await store.append(attempt, 0, artifactOf(0, { meta: { rows: [{ id: 1 }] }, metrics: { rows: 1 } }));
    await store.report(attempt, { generation: 0, n: 1, checkpoint: { at: [1] }, progress: { done: 1, total: 2 } });
    await store.complete(attempt, { generation: 0, count: 1, result: { sum: [1] }, metrics: { sum: 1 } });
    const failing = await runningShard(store, shardOf("clean"));
    const failure = failureOf({ nodeId: "clean" });
    await store.fail(failing, { failure, permanent: true, delayMs: 0, maxFailures: 1 });
    await store.failTask("t", failure);
    await store.announceWorker({ id: "w", types: ["extractor"], capacity: 1, running: 0 }, 600_000);
    await store.addDeadLetter({ id: "d", topic: "t", key: "k", body: "b", reason: "r" });
    const readAll = async (from: typeof store) => [
      await from.readTask("t"),
      await from.readVars("t"),
      // The engine alone creates and reads the rest of these records.
      (await from.readShards("t")).map(({ result, metrics, checkpoint, progress, failure: why }) => [
        [result, metrics],
        [checkpoint, progress],
        why,
      ]),
      (await from.readArtifacts(attempt, 0, 0, 10)).map(({ meta, metrics }) => [meta, metrics]),
      await from.readArtifacts(attempt, 0, 1, 10),
      (await from.listTasks({ limit: 10 })).items,
      await from.liveWorkers(),
      (await from.listDeadLetters({ limit: 10 })).items,
    ];
    const before = structuredClone(await readAll(store));
    for (const reader of [store, peer]) for (const read of await readAll(reader)) spoil(read);
    expect(await readAll(store)).toEqual(before);
    expect(await readAll(peer)).toEqual(before);
  });

  it("-0 becomes 0, as in JSON", async ({ store, peer }) => {
    await store.createTask(newTask("t", { params: { a: [-0] }, vars: { vars: { b: -0 }, appliedBy: [] } }));
    const attempt = await runningShard(store);
    await store.append(attempt, 0, artifactOf(0, { meta: -0 }));
    await store.append(attempt, 0, artifactOf(1, { meta: { rows: [-0, 1.5] } }));
    await store.complete(attempt, { generation: 0, count: 2, result: { sum: -0 } });
    for (const reader of [store, peer]) {
      // toStrictEqual distinguishes the two.
      expect((await reader.readArtifacts(attempt, 0, 0, 10)).map(({ meta }) => meta)).toStrictEqual([
        0,
        { rows: [0, 1.5] },
      ]);
      expect((await reader.readTask("t"))?.params).toStrictEqual({ a: [0] });
      expect((await reader.readVars("t"))?.vars).toStrictEqual({ b: 0 });
      expect((await reader.readShards("t")).map(({ result }) => result)).toStrictEqual([{ sum: 0 }]);
    }
  });

  it("unpaired surrogates are kept, in keys and in values", async ({ store, peer }) => {
    const odd = { "\ud800": "\udfff", "a\udc00": ["\ud83d", { "\udc00\ud800": 1 }] };
    await store.createTask(newTask("t", { params: odd, vars: { vars: odd, appliedBy: [] } }));
    const attempt = await runningShard(store);
    await store.append(attempt, 0, artifactOf(0, { meta: odd, metrics: { "\ud800": 1, "\ud801": 2 } }));
    await store.report(attempt, { generation: 0, n: 1, checkpoint: odd });
    const checkpoints = (await peer.readShards("t")).map(({ checkpoint }) => checkpoint);
    expect(checkpoints).toEqual([odd]);
    await store.complete(attempt, { generation: 0, count: 1, result: odd });
    for (const reader of [store, peer]) {
      const [artifact] = await reader.readArtifacts(attempt, 0, 0, 10);
      expect(artifact).toMatchObject({ meta: odd, metrics: { "\ud800": 1, "\ud801": 2 } });
      expect((await reader.readTask("t"))?.params).toEqual(odd);
      expect((await reader.readVars("t"))?.vars).toEqual(odd);
      expect((await reader.readShards("t")).map(({ result }) => result)).toEqual([odd]);
    }
  });
}

/** Computes for a second or more. */
export function hugeValueContract(it: StoreTest): void {
  it("rejects a value whose JSON exceeds the maximum string length, and stays usable", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    await store.dispatch(shardOf(), dispatchInit());
    const attempt = await claimed(store, shardOf());
    const tooLong = Array<string>(9).fill("x".repeat(2 ** 26));
    const append = async () => store.append(attempt, 0, artifactOf(0, { meta: tooLong }));
    const refusal = await append().catch((error: unknown) => error);
    expect(FlowError.is(refusal, "RECORD_TOO_LARGE")).toBe(true);
    const complete = async () => store.complete(attempt, { generation: 0, count: 0, result: tooLong });
    const result = await complete().catch((error: unknown) => error);
    expect(FlowError.is(result, "RECORD_TOO_LARGE")).toBe(true);
    const last = artifactOf(0, { meta: tooLong });
    const both = async () => store.completeAndClaim(attempt, { generation: 0, count: 1, last });
    const refused = await both().catch((error: unknown) => error);
    expect(FlowError.is(refused, "RECORD_TOO_LARGE")).toBe(true);
    expect(await peer.tail(attempt, 0)).toEqual({ length: 0, closed: false, origins: [] });
    expect(await store.append(attempt, 0, artifactOf(0))).toBe("ok");
    expect(await store.complete(attempt, { generation: 0, count: 1 })).toBe("ok");
  });
}
