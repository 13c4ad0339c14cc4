import { expect, test } from "vitest";
import type { ShardRecord, ShardStatus } from "../../../../src/core/model/records.ts";
import { type ExplainFacts, explain, formatReason, planGraph } from "../../../../src/core/plan/index.ts";
import { node, parsed } from "../../../helpers/graphs.ts";

const now = 1_000_000;

const shard = (nodeId: string, status: ShardStatus, more: Partial<ShardRecord> = {}): ShardRecord => ({
  taskId: "t1",
  nodeId,
  shard: 0,
  epoch: 1,
  type: nodeId,
  priority: 0,
  status,
  readyAt: now,
  failures: 0,
  lost: 0,
  yields: 0,
  generation: 0,
  sourceGens: {},
  history: [],
  ...more,
});

const entry = (to: ShardStatus, cause: "claim" | "fail" | "release", reasonCode?: string) => ({
  history: [
    { n: 1, epoch: 1, from: "queued", to, at: now - 2_500, cause, ...(reasonCode === undefined ? {} : { reasonCode }) },
  ] as const,
});
const failure = { nodeId: "a", shard: 0, epoch: 1, reasonCode: "broken", message: "" };
const lease = { workerId: "w1", claimId: "c1", deadline: now + 30_000 };

const graph = parsed(
  node("a", [], { retry_policy: { max: 3 } }),
  node("b", ["a"]),
  node("c", ["a", "b"], { start: "first_batch", fan_in: "any" }),
  node("d", ["a", "b", "c"], { fan_in: "count:2" }),
);

function told(shards: readonly ShardRecord[], facts: Partial<ExplainFacts> = {}): readonly string[] {
  const plan = planGraph(facts.plan?.graph ?? graph);
  const workers = [{ id: "w1", types: ["a", "b", "c", "d"], capacity: 8, running: 0 }];
  const withArtifacts: ReadonlySet<string> = new Set();
  const found = explain({
    now,
    status: "running",
    shards,
    workers,
    withArtifacts,
    fullLimit: () => undefined,
    ahead: () => 0,
    ...facts,
    plan,
  });
  return found.map((each) => formatReason(each, now, plan.byId.get(each.nodeId)?.partitions));
}

test("a node that waits for parents reports the missing ones, and how many of them it needs", () => {
  expect(told([])).toEqual([
    "a is about to start",
    "b waits for a",
    "c waits for a first batch of 1 of a, b",
    "d waits for 2 of a, b, c",
  ]);
  const finished = shard("a", "finished");
  expect(told([finished])).toEqual([
    "a finished",
    "b is about to start",
    "c is about to start",
    "d waits for 1 of b, c",
  ]);
  expect(
    told([shard("a", "running", { lease, ...entry("running", "claim") })], { withArtifacts: new Set(["a"]) }),
  ).toEqual(["a has been running on w1 for 2.5 s", "b waits for a", "c is about to start", "d waits for 2 of a, b, c"]);
});

const expired = { n: 2, epoch: 1, from: "running", to: "queued", at: now - 19_000, cause: "expire" } as const;

test.each<[string, ShardRecord, Partial<ExplainFacts>?]>([
  ["waits for a worker with a free slot, first in the queue", shard("a", "queued")],
  ["waits for a worker with a free slot, behind 3 others", shard("a", "queued"), { ahead: () => 3 }],
  ["waits for a worker with a free slot, behind many others", shard("a", "queued"), { ahead: () => undefined }],
  ["waits for a worker: no live worker serves 'a'", shard("a", "queued"), { workers: [] }],
  [
    "waits for a worker: w1 was not heard from for 49.0 s; its lease ended 19.0 s ago; no live worker serves 'a'",
    shard("a", "queued", { history: [{ ...expired, workerId: "w1" }] }),
    { workers: [], heardAt: () => now - 49_000 },
  ],
  [
    "waits for a worker: the lease of w1 ended 19.0 s ago; no live worker serves 'a'",
    shard("a", "queued", { history: [{ ...expired, workerId: "w1" }] }),
    { workers: [] },
  ],
  [
    "waits for a worker with a free slot, first in the queue",
    shard("a", "queued", { history: [{ ...expired, workerId: "w1" }] }),
  ],
  [
    "waits for a slot: at most 4 of its type may run concurrently",
    shard("a", "queued"),
    { fullLimit: () => ({ limit: "type", max: 4 }) },
  ],
  [
    "retries in 1.5 s: 'timeout', failure 2 of at most 4",
    shard("a", "deferred", { dueAt: now + 1_500, failures: 2, ...entry("deferred", "fail", "timeout") }),
  ],
  [
    "retries in 1.5 s: 'timeout', failure 2 of at most 4: no answer",
    shard("a", "deferred", {
      dueAt: now + 1_500,
      failures: 2,
      history: [{ ...entry("deferred", "fail", "timeout").history[0], message: "no answer\nfrom the mail server" }],
    }),
  ],
  [
    "retries now: 'timeout', failure 2 of at most 4",
    shard("a", "deferred", { dueAt: now - 1, failures: 2, ...entry("deferred", "fail", "timeout") }),
  ],
  [
    "found no input and checks again in 0.1 s",
    shard("a", "deferred", { dueAt: now + 100, yields: 1, ...entry("deferred", "release") }),
  ],
  [
    "lost its worker: the lease of w1 ended 19.0 s ago; a coordinator will queue it again",
    shard("a", "running", { lease: { ...lease, deadline: now - 19_000 }, ...entry("running", "claim") }),
  ],
  [
    "lost its worker: w1 was not heard from for 49.0 s; its lease ended 19.0 s ago; a coordinator will queue it again, but no live worker serves 'a'",
    shard("a", "running", { lease: { ...lease, deadline: now - 19_000 }, ...entry("running", "claim") }),
    { workers: [], heardAt: () => now - 49_000 },
  ],
  [
    "lost its worker: w1 has ended; a coordinator will queue it again, but no live worker serves 'a'",
    shard("a", "running", { lease: { ...lease, deadline: 0 }, ...entry("running", "claim") }),
    { workers: [] },
  ],
  [
    "was asked to stop on w1, deadline in 5.0 s",
    shard("a", "cancelling", { lease, cancelBy: now + 5_000 }),
    { status: "cancelling" },
  ],
  ["failed: broken", shard("a", "failed", { failure }), { status: "failed" }],
  [
    "failed at batch 'tuesday' after 3 tries: broken: no such day",
    shard("a", "failed", {
      failure: { ...failure, message: "no such day\nin the calendar", batchUid: "tuesday", tries: 3 },
    }),
    { status: "failed" },
  ],
  [
    `failed at batch '${"u".repeat(60)}…': broken: ${"m".repeat(499)}…`,
    shard("a", "failed", { failure: { ...failure, message: "m".repeat(9_000), batchUid: "u".repeat(90) } }),
    { status: "failed" },
  ],
  ["was cancelled", shard("a", "cancelled"), { status: "cancelled" }],
])("a %s", (text, record, facts) => {
  expect(told([record], facts)[0]).toBe(`a ${text}`);
});

test("a node that was never dispatched is not waiting once its task ends", () => {
  expect(told([shard("a", "cancelling", { lease })], { status: "cancelling" }).slice(1)).toEqual([
    "b was cancelled",
    "c was cancelled",
    "d was cancelled",
  ]);
});

test("each shard of a node has its own reason", () => {
  const plan = planGraph(parsed(node("a", [], { partitions: 3 }), node("b", ["a"])));
  expect(told([shard("a", "finished"), shard("a", "queued", { shard: 2 })], { plan })).toEqual([
    "a/0 finished",
    "a/1 is about to start",
    "a/2 waits for a worker with a free slot, first in the queue",
    "b waits for a",
  ]);
});
