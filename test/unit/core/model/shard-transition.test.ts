import { expect, test } from "vitest";
import type { ShardRecord } from "../../../../src/core/model/records.ts";
import { transitionShard } from "../../../../src/core/model/shard-transition.ts";
import { FlowError } from "../../../../src/errors/index.ts";

/** Typed so that a new field of the record must be added here; the test below checks each field. */
const full: Required<ShardRecord> = {
  taskId: "t",
  nodeId: "n",
  shard: 3,
  epoch: 4,
  type: "cleaner",
  priority: 5,
  status: "running",
  readyAt: 6,
  lease: { workerId: "w", claimId: "c", deadline: 7 },
  lastClaimId: "b",
  failures: 8,
  lost: 9,
  storedAtLoss: 22,
  yields: 10,
  dueAt: 11,
  paused: { dueAt: 26 },
  cancelBy: 12,
  generation: 13,
  sourceGens: { a: 14 },
  chosen: ["a"],
  count: 15,
  failedBatches: 25,
  result: "r",
  metrics: { m: 16 },
  artifactsOf: { taskId: "s", nodeId: "n", shard: 3 },
  carried: { taskId: "s", nodeId: "n", shard: 3, generation: 13, length: 25, aside: 1 },
  checkpoint: { at: 17 },
  checkpointIndex: 23,
  tries: { u: { failed: 1, dueAt: 24 } },
  cursors: { "a/0": 18 },
  progress: { done: 19, total: 20 },
  failure: { nodeId: "n", reasonCode: "x", message: "y", shard: 3, epoch: 4 },
  history: [{ n: 20, epoch: 4, from: "queued", to: "running", at: 17, cause: "claim" }],
};

test("a transition keeps every field except those of the previous status and those that only an end sets", () => {
  const moved = transitionShard(full, { to: "deferred", cause: "release", at: 18 });
  const { lease, dueAt, paused, cancelBy, status, history, ...rest } = full;
  const { count, failedBatches, result, metrics, failure, artifactsOf, ...kept } = rest;
  expect(moved).toEqual({
    ...kept,
    status: "deferred",
    history: [...history, { n: 21, epoch: 4, from: status, to: "deferred", at: 18, cause: "release" }],
  });
  const ofAnEnd = { count, failedBatches, result, metrics, failure, artifactsOf };
  for (const gone of Object.keys({ lease, dueAt, paused, cancelBy, ...ofAnEnd }))
    expect(moved).not.toHaveProperty(gone);
});

test("fields that a transition sets win, and the previous record does not change", () => {
  const before = structuredClone(full);
  const moved = transitionShard(full, {
    to: "queued",
    cause: "expire",
    at: 18,
    set: { epoch: 5, lost: 10, dueAt: 19 },
  });
  expect(moved).toMatchObject({ epoch: 5, lost: 10, dueAt: 19, status: "queued" });
  expect(moved.history.at(-1)?.epoch).toBe(4);
  expect(full).toEqual(before);
});

test("a transition that is not in the table is refused", () => {
  const finished: ShardRecord = { ...full, status: "finished" };
  const refused = () => transitionShard(finished, { to: "queued", cause: "requeue", at: 18 });
  expect(refused).toThrow("'requeue' cannot change its status from 'finished' to 'queued'");
  try {
    refused();
  } catch (error) {
    expect(FlowError.is(error, "TRANSITION_REFUSED")).toBe(true);
  }
});
