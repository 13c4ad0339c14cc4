import { expect, test } from "vitest";
import { MemoryState, type MemoryStoreEvent, memoryStore } from "../../../../src/adapters/memory/index.ts";
import {
  artifactOf,
  failureOf,
  longMs,
  newTask,
  recordOf,
  runningShard,
  shardOf,
} from "../../../contract/store/fixture.ts";

function observed() {
  const events: MemoryStoreEvent[] = [];
  const state = new MemoryState();
  return { events, store: memoryStore({ state, observe: (event) => events.push(event) }), state };
}

test("every write is reported once, with the record after it", async () => {
  const { events, store } = observed();
  const attempt = await runningShard(store);
  await store.renew([attempt], longMs);
  await store.restart(attempt, { generation: 1, sourceGens: {} });
  await store.append(attempt, 1, artifactOf(0));
  await store.complete(attempt, { generation: 1, count: 1 });
  await store.writeVars("t", { version: 0, vars: { n: 1 }, appliedBy: "a" });
  await store.finishTask("t");
  expect(events.map((event) => ("cause" in event ? `${event.kind} ${event.cause}` : event.kind))).toEqual([
    "task",
    "shard dispatch",
    "shard claim",
    "renewed",
    "restarted",
    "artifact",
    "log_closed",
    "shard complete",
    "vars",
    "task",
  ]);
  const record = await recordOf(store, attempt);
  expect(events[7]).toEqual({ kind: "shard", from: "running", cause: "complete", record });
  expect(events[5]).toMatchObject({ ref: shardOf(), generation: 1, artifact: { seq: 0, claimId: attempt.claimId } });
  expect(events[6]).toMatchObject({ generation: 1, count: 1 });
  expect(events.at(-1)).toEqual({ kind: "task", taskId: "t", from: "running", to: "finished" });
});

test("an operation that changes nothing is not reported", async () => {
  const { events, store } = observed();
  const attempt = await runningShard(store);
  await store.append(attempt, 0, artifactOf(0));
  await store.complete(attempt, { generation: 0, count: 1 });
  await store.cancelTask("t", "enough");
  const before = events.length;
  await store.append(attempt, 0, artifactOf(0));
  await store.complete(attempt, { generation: 0, count: 1 });
  await store.renew([attempt], longMs);
  await store.cancelTask("t", "again");
  await store.failTask("t", failureOf());
  await store.createTask(newTask("t"));
  await store.peekQueue(["extractor"], 10);
  expect(events).toHaveLength(before);
});

test("reads return the record without a copy, and every change creates a new one", async () => {
  const { store } = observed();
  const attempt = await runningShard(store);
  const record = await recordOf(store, attempt);
  expect(await recordOf(store, attempt)).toBe(record);
  await store.renew([attempt], longMs);
  expect(await recordOf(store, attempt)).not.toBe(record);
});

test("an observer receives the writes of its own store only", async () => {
  const { events, state } = observed();
  await memoryStore({ state }).createTask(newTask("t"));
  expect(events).toEqual([]);
});
