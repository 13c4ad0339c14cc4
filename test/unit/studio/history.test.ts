import { expect, test } from "vitest";
import type { HistoryEntry, ShardRecord, TaskRecord } from "../../../src/core/model/records.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { eventsOf } from "../../../src/studio/views/history.ts";
import { eventTexts, sentence } from "../../../src/studio/views/sentences.ts";

const task: TaskRecord = {
  id: "t",
  graph: { schema_version: "1.0", nodes: [], edges: [] },
  params: {},
  priority: 0,
  status: "running",
  createdAt: 0,
};

type Given = Partial<HistoryEntry> & Pick<HistoryEntry, "cause" | "to">;

const graphOf = (node: Partial<GraphNode>): TaskRecord["graph"] => ({
  ...task.graph,
  nodes: [{ node_id: "load", type: "load", depends_on: [], ...node }],
});

function textsOf(entries: readonly Given[], of: Partial<TaskRecord> = {}, shard = 0): readonly string[] {
  const history = entries.map((entry, n): HistoryEntry => ({ n, epoch: 1, from: "queued", at: n + 1, ...entry }));
  const record: ShardRecord = {
    taskId: "t",
    nodeId: "load",
    shard,
    epoch: 1,
    type: "load",
    priority: 0,
    status: "running",
    readyAt: 0,
    failures: 0,
    lost: 0,
    yields: 0,
    generation: 0,
    sourceGens: {},
    history,
  };
  return eventsOf({ ...task, ...of }, entries.length === 0 ? [] : [record]).map(({ text }) => text);
}

test("each transition is a whole sentence", () => {
  const entries: readonly Given[] = [
    { cause: "dispatch", to: "queued" },
    { cause: "dispatch", to: "deferred" },
    { cause: "dispatch", to: "running", workerId: "w1" },
    { cause: "claim", to: "running", workerId: "w1" },
    { cause: "claim", to: "running" },
    { cause: "complete", to: "finished" },
    { cause: "fail", to: "deferred", reasonCode: "odd_row" },
    { cause: "fail", to: "deferred", reasonCode: "odd_row", message: "row 7\nis odd" },
    { cause: "fail", to: "failed", reasonCode: "odd_row" },
    { cause: "fail", to: "failed" },
    { cause: "release", to: "deferred" },
    { cause: "requeue", to: "queued" },
    { cause: "expire", to: "queued" },
    { cause: "expire", to: "failed" },
    { cause: "expire", to: "cancelled" },
    { cause: "cancel", to: "cancelling" },
    { cause: "cancel", to: "cancelled" },
    { cause: "confirm_cancelled", to: "cancelled" },
    { cause: "supersede", to: "queued" },
    { cause: "adopt", to: "finished" },
    { cause: "skip", to: "skipped" },
    { cause: "close", to: "failed" },
    { cause: "wake", to: "queued" },
    { cause: "pause", to: "running" },
    { cause: "pause", to: "deferred" },
    { cause: "resume", to: "deferred" },
  ];
  expect(textsOf(entries)).toEqual([
    "the task was created",
    "load was queued",
    "load is waiting to start",
    "attempt 1 of load started on w1",
    "attempt 1 of load started on w1",
    "attempt 1 of load started",
    "load finished",
    "attempt 1 of load failed, and will be retried: odd_row",
    "attempt 1 of load failed, and will be retried: odd_row: row 7",
    "load failed: odd_row",
    "load failed: unexpected_error",
    "attempt 1 of load released its slot",
    "load was queued again",
    "attempt 1 of load lost its worker",
    "load failed: it lost its worker too often",
    "load was cancelled",
    "attempt 1 of load was asked to stop",
    "load was cancelled",
    "attempt 1 of load stopped",
    "load was queued under a new epoch",
    "load was taken over from the earlier task",
    "load was skipped",
    "load was closed with what it had stored",
    "load received its signal",
    "attempt 1 of load ends after its batches: the task is paused",
    "load was paused",
    "load was resumed",
  ]);
});

test("the end of a task is a whole sentence, of its first line only", () => {
  const failure = { nodeId: "load", shard: 0, epoch: 1, reasonCode: "odd_row", message: "row 7\nis odd" } as const;
  const ends: readonly (readonly [Partial<TaskRecord>, string])[] = [
    [{ status: "finished" }, "the task finished"],
    [{ status: "failed", failure }, "the task failed: odd_row: row 7"],
    [{ status: "cancelled" }, "the task was cancelled"],
    [{ status: "cancelled", cancelReason: "the wrong file" }, "the task was cancelled: the wrong file"],
  ];
  for (const [of, text] of ends) expect(textsOf([], { ...of, endedAt: 9 }).at(-1)).toBe(text);
});

test("a partition is named with its number, and a value may look like a placeholder", () => {
  const entries = [{ cause: "claim", to: "running", workerId: "{node}" }] as const;
  const of = { graph: graphOf({ partitions: 4 }) };
  expect(textsOf(entries, of, 0)).toEqual([eventTexts.created, "attempt 1 of load/0 started on {node}"]);
  expect(textsOf(entries, of, 3)).toEqual([eventTexts.created, "attempt 1 of load/3 started on {node}"]);
});

test("a sentence without one of its values is a mistake", () => {
  expect(() => sentence(eventTexts.started, { epoch: 1 })).toThrow("lacks its value 'node'");
});

test("a node that waits says whether it waits for a signal", () => {
  const wait = { type: "coordinator_fn", io: { fn: "wait.signal", fn_args: {} } };
  const entries = [{ cause: "dispatch", to: "deferred" }] as const;
  expect(textsOf(entries, { graph: graphOf(wait) }).at(-1)).toBe("load is waiting for its signal");
});
