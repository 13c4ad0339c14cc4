import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { HistoryEntry, ShardRecord } from "../../../src/core/model/records.ts";
import { SeededRandom } from "../../../src/testing/scheduler/seeded-random.ts";
import { Calls } from "../../chaos/calls.ts";
import { chaosHandlers } from "../../chaos/chaos-handlers.ts";
import { checkDrawn, checkLimits, checkNothingRan } from "../../chaos/checks/end-checks.ts";
import { checkJournal } from "../../chaos/checks/journal-checks.ts";
import { type CheckedBy, checkTask } from "../../chaos/checks/task-checks.ts";
import type { LogRow, TaskEvidence } from "../../chaos/evidence.ts";
import type { PartState } from "../../chaos/fleet.ts";
import { type JournalLine, JournalReader, JournalWriter, machineMs } from "../../chaos/journal.ts";
import { Sampler } from "../../chaos/sampler.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

/* The checks of a chaos run: a correct task, and then each possible violation. */

interface Ran extends Partial<Omit<CheckedBy, "calls">> {
  readonly evidence: TaskEvidence;
  readonly lines: readonly JournalLine[];
}

const retry_policy = { max: 20, backoff_sec: 0, jitter: 0 };
const plainGraph = graphOf(
  node("a", [], { type: "source", args: { batches: 3, shuffle: false, grow: false }, retry_policy }),
  node("b", ["a"], { type: "map", retry_policy }),
  node("c", ["b"], { fn: "vars.incr", fnArgs: { key: "count", by: 2 } }),
);

async function ranTask(graph: typeof plainGraph = plainGraph, signals: readonly string[] = []): Promise<Ran> {
  const path = join(tempFolder(), "journal");
  const handlers = chaosHandlers({ journal: new JournalWriter(path), random: new SeededRandom(5), leaseMs: 100 });
  const { engine, store } = await testEngine(handlers);
  const running = await engine.run(graph, { params: { limits: { rows: 10 } } });
  for (const nodeId of signals) await running.signal(nodeId as never, { rows: [1] } as never);
  const { id } = await running.wait();
  const [task, vars, shards] = [await store.readTask(id), await store.readVars(id), await store.readShards(id)];
  if (task === undefined || vars === undefined) throw new Error("it is gone");
  const rows: LogRow[] = [];
  for (const { nodeId, shard, generation, count = 0, history } of shards) {
    const claimOf = (epoch: number) =>
      history.find((entry) => entry.cause === "claim" && entry.epoch === epoch)?.at ?? 0;
    const log = await store.readArtifacts({ taskId: id, nodeId, shard }, generation, 0, 100);
    const add = (artifact: LogRow["artifact"], isMarker: boolean) => {
      const fenceReadAt = claimOf(artifact.epoch);
      const batchUid = isMarker ? "" : artifact.uid;
      rows.push({ nodeId, shard, generation, fenceReadAt, isAdopted: false, batchUid, artifact, isMarker });
    };
    for (const artifact of log) add(artifact, false);
    add({ ...log.at(-1), seq: count, uid: "marker" } as LogRow["artifact"], true);
  }
  return { evidence: { task, vars, shards, rows }, lines: new JournalReader(path).read() };
}

const lifeOf = (name: string, lines: readonly JournalLine[]): PartState =>
  ({ name, journal: { read: () => lines }, pauses: [], endedAt: undefined }) as unknown as PartState;

function callsOf(...journals: (readonly JournalLine[])[]): Calls {
  const calls = new Calls();
  calls.readFrom(journals.map((lines, index) => lifeOf(`worker-${index}`, lines)));
  return calls;
}

const nothingAsked = { acceptedOf: () => undefined, pausesOf: () => [] };

const noChildren = { tasks: new Map(), childrenOf: () => [] };

const judged = ({ evidence, lines, ...more }: Ran): string[] => {
  const by = { calls: callsOf(lines), asked: nothingAsked, families: noChildren, wasCancelled: false, ...more };
  return checkTask(evidence, by).map((what) => what.replaceAll(evidence.task.id, "T"));
};

const withShard = (ran: Ran, nodeId: string, change: (record: ShardRecord) => Partial<ShardRecord>): Ran => {
  const shards = ran.evidence.shards.map((each) => (each.nodeId === nodeId ? { ...each, ...change(each) } : each));
  return { ...ran, evidence: { ...ran.evidence, shards } };
};

const withRows = (ran: Ran, change: (rows: readonly LogRow[]) => readonly LogRow[]): Ran => ({
  ...ran,
  evidence: { ...ran.evidence, rows: change(ran.evidence.rows) },
});

/** Changes the artifact at this position of node b's log. */
const withArtifact = (ran: Ran, seq: number, change: Partial<LogRow["artifact"]>): Ran =>
  withRows(ran, (rows) =>
    rows.map((row) =>
      row.nodeId === "b" && row.artifact.seq === seq && !row.isMarker
        ? { ...row, artifact: { ...row.artifact, ...change } }
        : row,
    ),
  );

const entry = (n: number, more: Partial<HistoryEntry>): HistoryEntry =>
  ({ n, epoch: 1, from: "queued", to: "running", at: 1_000 * n, cause: "claim", ...more }) as HistoryEntry;

/** Lost its lease once, and continued with the next epoch. */
const lostOnce: readonly HistoryEntry[] = [
  entry(0, { from: "absent", to: "queued", cause: "dispatch", epoch: 0 }),
  entry(1, {}),
  entry(2, { from: "running", to: "queued", cause: "expire" }),
  entry(3, { epoch: 2 }),
  entry(4, { epoch: 2, from: "running", to: "finished", cause: "complete" }),
];

const mistakes: readonly (readonly [string, string, (ran: Ran) => Ran])[] = [
  [
    "a gap in a log",
    "T:b:0: generation 0: seq 2 at position 1",
    (ran) => withRows(ran, (rows) => rows.filter((row) => row.nodeId !== "b" || row.artifact.seq !== 1)),
  ],
  [
    "an artifact twice",
    "node b: uid ",
    (ran) => withArtifact(ran, 2, { uid: ran.evidence.rows.find((row) => row.nodeId === "b")?.artifact.uid ?? "" }),
  ],
  [
    "epochs that decrease along seq",
    "generation 0: epoch 1 after 2 at seq 1",
    (ran) => withShard(withArtifact(ran, 0, { epoch: 2 }), "b", () => ({ epoch: 2 })),
  ],
  [
    "no marker",
    "T:b:0: finished, but its log has no marker",
    (ran) => withRows(ran, (rows) => rows.filter((row) => row.nodeId !== "b" || !row.isMarker)),
  ],
  [
    "a write after a lost lease",
    "its fence was read 500 ms after 'expire' and 'claim'",
    (ran) =>
      withShard(
        withRows(ran, (rows) => rows.map((row) => ({ ...row, fenceReadAt: 3_500 }))),
        "b",
        () => ({ history: lostOnce, epoch: 2, lost: 1 }),
      ),
  ],
  [
    "an epoch that is claimed twice",
    "T:b:0: epoch 1 was claimed twice",
    (ran) => withShard(ran, "b", ({ history }) => ({ history: [...history.slice(0, 2), ...history.slice(1)] })),
  ],
  [
    "a terminal status that changed",
    "T:b:0: finished -> queued by requeue at epoch 1: it had already ended",
    (ran) =>
      withShard(ran, "b", ({ history }) => ({
        history: [...history, entry(history.length, { from: "finished", to: "queued", cause: "requeue" })],
      })),
  ],
  [
    "more failures than retries",
    "T:b:0: 22 failures, but 20 retries",
    (ran) => withShard(ran, "b", () => ({ failures: 22 })),
  ],
  [
    "a child before its parent",
    "T:b:0: started with 0 of 1 parents satisfied",
    (ran) =>
      withShard(ran, "b", ({ history }) => ({
        history: history.map((each) => (each.cause === "dispatch" ? { ...each, at: 5 } : each)),
      })),
  ],
  ["a wrong result", "node b: batches from a/0", (ran) => withArtifact(ran, 1, { meta: { rows: [-1] } })],
  [
    "a node that has not ended",
    "T:b:0: running, but its task has ended",
    (ran) => withShard(ran, "b", () => ({ status: "running" })),
  ],
  [
    "variables that differ",
    'variables {"count":5}, not {"count":2}',
    (ran) => ({ ...ran, evidence: { ...ran.evidence, vars: { ...ran.evidence.vars, vars: { count: 5 } } } }),
  ],
  [
    "a cancel without a request",
    "cancelled without a request",
    (ran) => ({ ...ran, evidence: { ...ran.evidence, task: { ...ran.evidence.task, status: "cancelled" } } }),
  ],
  [
    "a failure without a reason",
    "failed without a recorded failure",
    (ran) => ({ ...ran, evidence: { ...ran.evidence, task: { ...ran.evidence.task, status: "failed" } } }),
  ],
  [
    "an artifact that no call produced",
    "but no call produced it",
    (ran) => ({ ...ran, lines: ran.lines.filter((line) => line.kind === "stall" || line.node !== "b") }),
  ],
  [
    "a handler that began too early",
    "node b: its handler began ",
    (ran) => ({
      ...ran,
      lines: ran.lines.map((line) => (line.kind === "begin" && line.node === "b" ? { ...line, at: 1 } : line)),
    }),
  ],
];

const hopelessArgs = { batches: 9, shuffle: false, grow: false, hopeless: true };
const controlGraph = graphOf(
  node("a", [], { type: "source", args: { batches: 3, shuffle: false, grow: false }, retry_policy }),
  { ...node("s", ["a"], { type: "map", retry_policy }), when: { results: { a: { batches: 9 } } } },
  { ...node("lame", [], { type: "source", args: hopelessArgs, retry_policy: { max: 0 } }), optional: true },
  { ...node("h", ["lame"], { type: "map", retry_policy }), io: outcomes() },
  node("w", ["a"], { fn: "wait.signal", fnArgs: { payload: {} } }),
  { ...node("d", ["w"], { type: "map", retry_policy }), delay_sec: 0.02 },
);

function outcomes() {
  return { start_when: "ended", input_inline: { input_adapter: "pull.outcomes" } } as const;
}

const controlMistakes: readonly (readonly [string, string, (ran: Ran) => Ran])[] = [
  [
    "a node that was skipped although its condition holds",
    "T:s:0: skip, but its condition is true",
    (ran) => withShard(ran, "a", () => ({ result: { batches: 9, rows: 0 } })),
  ],
  [
    "a node that ran although its condition does not hold",
    "T:d:0: dispatch, but its condition is false",
    (ran) => withNode(ran, "d", { when: { status: { w: "failed" } } }),
  ],
  [
    "a log of a failed optional node that is not closed",
    "T:lame:0 is failed",
    (ran) => withShard(ran, "lame", ({ count: _, ...open }) => ({ ...open, count: undefined as never })),
  ],
  ["a failed node that is not optional", "T:lame:0 is failed", (ran) => withNode(ran, "lame", { optional: false })],
  [
    "a wrong outcome",
    "node h: its outcomes",
    (ran) => withShard(ran, "lame", ({ failure }) => ({ failure: { ...failure, message: "another" } as never })),
  ],
  [
    "a handler of outcomes before the end of its source",
    "T:h:0: started with 0 of 1 parents satisfied",
    (ran) =>
      withShard(ran, "h", ({ history }) => ({
        history: history.map((each) => (each.cause === "dispatch" ? { ...each, at: 5 } : each)),
      })),
  ],
  [
    "a signal that got lost",
    'node w: has the outputs {"rows":[1]}, expected {"rows":[2]}',
    (ran) => withTask(ran, { signals: { w: { id: "1", at: 1, payload: { rows: [2] } } } }),
  ],
  [
    "another signal than the one that was accepted",
    'but {"rows":[3]} was accepted',
    (ran) => ({ ...ran, asked: { ...nothingAsked, acceptedOf: () => '{"rows":[3]}' } }),
  ],
  ["a delay that was cut short", "ms before its delay ended", (ran) => withNode(ran, "d", { delay_sec: 60 })],
  [
    "a batch that began in a paused task",
    "ms after its task was paused",
    (ran) => ({ ...ran, asked: { ...nothingAsked, pausesOf: () => [{ from: 0, to: Number.POSITIVE_INFINITY }] } }),
  ],
  [
    "a handler of outcomes that was cancelled with the others",
    "h was cancelled, but handles how others have ended",
    (ran) =>
      withTask(
        withShard(ran, "h", () => ({ status: "cancelled" })),
        { status: "cancelled" },
      ),
  ],
];

const withTask = (ran: Ran, change: Partial<TaskEvidence["task"]>): Ran => ({
  ...ran,
  evidence: { ...ran.evidence, task: { ...ran.evidence.task, ...change } },
});

const withNode = (ran: Ran, nodeId: string, change: object): Ran => {
  const { graph } = ran.evidence.task;
  const nodes = graph.nodes.map((each) => (each.node_id === nodeId ? { ...each, ...change } : each));
  return withTask(ran, { graph: { ...graph, nodes } });
};

describe("a task with conditions, outcomes, waits and delays", () => {
  const ranControl = () => ranTask(controlGraph, ["w"]);

  test("that is correct has no violations", async () => {
    const ran = await ranControl();
    expect(ran.evidence.shards.map(({ nodeId, status }) => `${nodeId} ${status}`).sort()).toEqual([
      "a finished",
      "d finished",
      "h finished",
      "lame failed",
      "s skipped",
      "w finished",
    ]);
    expect(judged(ran)).toEqual([]);
  });

  test.each(controlMistakes)("with %s is detected", async (_, words, spoil) => {
    expect(judged(spoil(await ranControl()))).toContainEqual(expect.stringContaining(words));
  });
});

test("a task of a batch that runs twice at a time, or again after it has finished, is detected", async () => {
  const ran = await ranTask();
  const { task } = ran.evidence;
  const parent = { taskId: "p", nodeId: "n", uid: "u" };
  const other = (change: object) => ({
    record: { ...task, id: "o", parent, createdAt: task.createdAt - 2, ...change },
  });
  const wrongWith = (...others: readonly { readonly record: typeof task }[]) =>
    judged({ ...withTask(ran, { parent }), families: { tasks: new Map(), childrenOf: () => others } });
  expect(wrongWith(other({ endedAt: task.createdAt + 1 }))).toContain("task T: created while o runs the same batch");
  expect(wrongWith(other({ endedAt: task.createdAt - 1 }))).toContain("task T: runs a batch again that o has finished");
  expect(wrongWith(other({ endedAt: task.createdAt - 1, status: "failed" }))).toEqual([
    "task T: runs a batch again from its beginning",
  ]);
  expect(wrongWith()).toEqual([]);
});

describe("a task", () => {
  test("that is correct has no violations", async () => {
    expect(judged(await ranTask())).toEqual([]);
  });

  test("that began with batches of an earlier task has no violations, and calls for the others", async () => {
    const whole = await ranTask();
    const isOfFirst = (line: JournalLine) => "uid" in line && line.node === "b" && line.uid !== "b2";
    const ran = { ...whole, lines: whole.lines.filter((line) => !isOfFirst(line)) };
    const carried = (length: number) => ({ carried: { taskId: "s", nodeId: "b", shard: 0, generation: 0, length } });
    expect(judged(withShard(ran, "b", () => carried(2)))).toEqual([]);
    expect(judged(withShard(ran, "b", () => carried(1)))).toEqual([
      "task T: b/0: artifact 'b1' of epoch 1, but no call produced it",
    ]);
  });

  test.each(mistakes)("with %s is detected", async (_, words, spoil) => {
    expect(judged(spoil(await ranTask()))).toContainEqual(expect.stringContaining(words));
  });

  test("with an attempt that ran in two processes is detected", async () => {
    const { evidence, lines } = await ranTask();
    const by = { asked: nothingAsked, families: noChildren, wasCancelled: false };
    const wrong = checkTask(evidence, { calls: callsOf(lines, lines), ...by });
    expect(wrong).toContainEqual(expect.stringMatching(/attempt b:0:\d+ ran in worker-0 and worker-1/));
  });
});

test("an external worker without batches makes no calls, and its children may begin", async () => {
  const { evidence } = await ranTask();
  const streaming = { type: "map", start: "first_batch" } as const;
  const nodes = graphOf(node("none", [], { type: "external" }), node("next", ["none"], streaming));
  const task = { ...evidence.task, graph: { ...evidence.task.graph, ...nodes } } as TaskEvidence["task"];
  const ref = { task: task.id, node: "next", shard: 0, epoch: 1, type: "map" };
  const calls = callsOf([{ kind: "begin", at: 5, ...ref }]);
  expect(checkJournal({ ...evidence, task, shards: [], rows: [] }, calls)).toEqual([]);
});

describe("all tasks", () => {
  test("a long run that has not covered something is detected", () => {
    expect(checkDrawn({ created: 300, skipped: 2, pauses: 0 })).toEqual(["nothing of this kind in 300 tasks: pauses"]);
    expect(checkDrawn({ created: 20, skipped: 0, pauses: 0 })).toEqual([]);
  });

  const call = (task: string, from: number, to: number): JournalLine[] => {
    const ref = { task, node: "n", shard: 0, epoch: 1, type: "source" };
    return [
      { kind: "begin", at: from, ...ref },
      { kind: "end", at: to, ...ref },
    ];
  };

  test("more concurrent attempts than a limit allows are detected", () => {
    const at = (start: number) => Array.from({ length: 7 }, (_, n) => call(`t${n}`, start + n, start + 100)).flat();
    expect(checkLimits(callsOf(at(0)), new Map())).toEqual([
      "limit of type source: 7 attempts ran concurrently, at most 3 may",
    ]);
    expect(checkLimits(callsOf(at(0).slice(8), at(200).slice(8)), new Map())).toEqual([]);
    const own = callsOf([...call("t", 0, 10), ...call("u", 5, 15)]);
    expect(checkLimits(own, new Map([["t:n", 1]]))).toEqual([]);
    expect(checkLimits(own, new Map([["t:n", 0]]))).toEqual([
      "limit of node t:n: 1 attempts ran concurrently, at most 0 may",
    ]);
  });

  test("a call after its task's end is detected, unless its process stalled", () => {
    const now = machineMs();
    const tasks = { endedAt: new Map([["t", now - 2_000]]), wallOffset: 0 };
    expect(checkNothingRan(callsOf(call("t", now - 1_000, now)), tasks)).toEqual([
      "worker-0 called t:n at epoch 1, 1000 ms after its task ended",
    ]);
    const still: JournalLine = { kind: "stall", from: now - 2_500, at: now - 1_100 };
    expect(checkNothingRan(callsOf([still, ...call("t", now - 1_000, now)]), tasks)).toEqual([]);
  });

  test("an ended record that changes, and a number that decreases, are detected by samples", () => {
    const sampler = new Sampler();
    const sample = (status: string, attempt_epoch: number, lost: number) =>
      sampler.take([{ id: "shard s", taskId: "t", status, numbers: { attempt_epoch, lost } }], () => false);
    sample("running", 2, 2);
    sample("running", 2, 1); // it has stored a batch before it was lost again
    sample("finished", 1, 0);
    sample("queued", 1, 0);
    expect(sampler.wrong).toEqual([
      "shard s: attempt_epoch was 2 and is 1",
      "shard s: lost was 1 and is 0",
      "shard s was finished and is queued",
    ]);
  });
});
