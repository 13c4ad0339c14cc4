import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { defineHandler, flow, param } from "../../../src/index.ts";
import type {
  ArtifactPage,
  EventPage,
  FailedBatchPage,
  FlowDetail,
  FlowList,
  Lineage,
  ListEvents,
  NodeDetail,
  Outcome,
  Started,
  StudioInfo,
  TaskDetail,
  TaskLive,
  TaskPage,
  Timeline,
  WorkerList,
} from "../../../src/studio/api.ts";
import { testEngine } from "../../helpers/engines.ts";
import { type StreamedMessage, type TestStudio, testStudio } from "../../helpers/studio.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const numbers = defineHandler("numbers", {
  args: z.object({ count: z.int() }),
  output: z.object({ n: z.int() }),
  *iterBatches({ count }) {
    for (let n = 0; n < count; n++) yield { uid: `n${n}`, payload: { n } };
  },
});

/** Squares, of which the third fails unless `mended`; `gate` holds the others up. */
function squaresFlow(gate?: Gate, state = { mended: false }) {
  const square = defineHandler("square", {
    input: z.object({ n: z.int() }),
    output: z.object({ square: z.int() }),
    async processBatch({ n }, ctx) {
      if (n > 2) await gate?.pass(ctx.signal);
      if (n === 2 && !state.mended) throw new Error("<b>two</b> is not to be squared");
      return { square: n * n };
    },
  });
  const total = defineHandler("total", {
    input: z.object({ square: z.int() }),
    output: z.int(),
    processBatch: ({ square }) => square,
  });
  return {
    flow: flow("squares", { params: z.object({ count: z.int().min(1).default(5) }) })
      .node("numbers", numbers, { args: { count: param("count") } })
      .then("square", square, {
        startWhen: "first_batch",
        onBatchFailure: "setAside",
        retry: { max: 0 },
        maxPendingBatches: 100,
      })
      .then("total", total, { startWhen: "first_batch" }),
  };
}

const json = { "content-type": "application/json" };
const post = (body: unknown) => ({ method: "POST", headers: json, body });

const startTask = async (studio: TestStudio, request: object): Promise<string> => {
  const answer = await studio.ask("/api/tasks", post(request));
  expect(answer).toMatchObject({ status: 201 });
  return (answer.json as Started).taskId;
};
const liveOf = async (studio: TestStudio, id: string): Promise<TaskLive> =>
  ((await studio.ask(`/api/tasks/${id}`)).json as TaskDetail).live;

/** What a page shows that follows a stream. */
async function follow(messages: AsyncIterable<StreamedMessage>, isDone: (live: TaskLive) => boolean) {
  let live: TaskLive | undefined;
  const events: string[] = [];
  for await (const { event, data } of messages) {
    events.push(event);
    if (event === "end") break;
    const next = data as TaskLive;
    if (event === "snapshot") live = next;
    else if (live !== undefined) {
      const nodes = new Map([...live.nodes, ...next.nodes].map((node) => [node.nodeId, node]));
      const edges = new Map([...live.edges, ...next.edges].map((edge) => [`${edge.from} ${edge.to}`, edge]));
      live = { ...next, nodes: [...nodes.values()], edges: [...edges.values()] };
    }
    if (live !== undefined && isDone(live)) break;
  }
  if (live === undefined) throw new Error("there was no snapshot");
  return { live, events };
}

const stores: readonly (readonly [string, () => Store])[] = [
  ["memory", () => memoryStore()],
  ["SQLite", () => sqliteStore(join(tempFolder(), "runs.db"))],
];

describe.each(stores)("on %s", (_, newStore) => {
  test("a task is started, followed, looked into, and its failed batch retried", async () => {
    const gate = new Gate();
    const state = { mended: false };
    const given = squaresFlow(gate, state);
    const store = newStore();
    const { engine } = await testEngine(Object.values(given.flow.handlers), { store });
    const studio = await testStudio(store, { given: [given], runs: "engine" });
    expect((await studio.ask("/api/info")).json as StudioInfo).toEqual({
      version: "0.0.0",
      readOnly: false,
      store: "test",
      runs: "engine",
      now: expect.any(Number),
    });

    const id = await startTask(studio, { flow: "squares", params: { count: 9 }, idempotencyKey: "monday" });
    const begun = await follow(studio.stream(`/api/tasks/${id}/stream`), ({ nodes: [first, second] }) => {
      const { done, failed } = second?.batches ?? {};
      return first?.state === "finished" && done === 2 && failed === 1;
    });
    expect(begun.events[0]).toBe("snapshot");
    expect(begun.live).toMatchObject({
      state: "running",
      bottleneck: "square",
      actions: ["cancel", "pause"],
      edges: [
        { from: "numbers", to: "square", stored: 9, read: 3, backlog: 6 },
        { from: "square", to: "total", stored: 3 },
      ],
      nodes: [
        { nodeId: "numbers", state: "finished", batches: { done: 9 } },
        { nodeId: "square", state: "running", batches: { done: 2, failed: 1, pending: 6 } },
        { nodeId: "total" },
      ],
    });
    const [square] = begun.live.nodes.filter(({ nodeId }) => nodeId === "square");
    expect(square?.explain[0]).toMatch(/^square has been running on worker-\S+ for \d/);

    gate.open();
    const ended = await follow(studio.stream(`/api/tasks/${id}/stream`), () => false);
    expect(ended.events.at(-1)).toBe("end");
    expect(ended.live).toMatchObject({ state: "finished", actions: [] });
    expect(ended.live.edges.every(({ backlog }) => backlog === 0)).toBe(true);

    const detail = (await studio.ask(`/api/tasks/${id}`)).json as TaskDetail;
    expect(detail).toMatchObject({
      id,
      flow: "squares",
      params: { count: 9 },
      idempotencyKey: "monday",
      graph: {
        nodes: [
          { id: "numbers", kind: "source", type: "numbers" },
          { id: "square", kind: "handler" },
          { id: "total", kind: "handler" },
        ],
        edges: [
          { from: "numbers", to: "square", kind: "stream" },
          { from: "square", to: "total", kind: "stream" },
        ],
      },
    });
    expect(detail.graph.nodes[1]?.settings).toEqual([
      { name: "starts", text: "once its parent has stored a batch" },
      { name: "reads", text: "each artifact of numbers" },
      { name: "retries", text: "none" },
      { name: "failed batches", text: "are set aside" },
      { name: "backpressure", text: "at most 100 batches ahead of a reader" },
    ]);

    const node = (await studio.ask(`/api/tasks/${id}/nodes/square`)).json as NodeDetail;
    expect(node).toMatchObject({
      dependsOn: ["numbers"],
      readBy: ["total"],
      schemas: { input: { properties: { n: { type: "integer" } } } },
      shards: [{ shard: 0, state: "finished", stored: 9 }],
      attempts: [{ shard: 0, epoch: 1, outcome: "complete", workerId: expect.stringMatching(/^worker-/) }],
      actions: ["retryBatches"],
    });

    const failed = (await studio.ask(`/api/tasks/${id}/nodes/square/failed-batches`)).json as FailedBatchPage;
    expect(failed).toEqual({
      items: [
        {
          uid: "n2",
          shard: 0,
          reasonCode: "unexpected_error",
          message: "<b>two</b> is not to be squared",
          tries: 1,
          stack: expect.stringContaining("processBatch"),
          input: { value: { n: 2 } },
        },
      ],
    });

    state.mended = true;
    const again = (await studio.ask(`/api/tasks/${id}/nodes/square/retry-batches`, post({ uids: ["n2"] })))
      .json as Started;
    await engine.task(again.taskId).wait();
    expect((await studio.ask(`/api/tasks/${again.taskId}`)).json as TaskDetail).toMatchObject({
      retryOf: id,
      live: { state: "finished", nodes: [{}, { batches: { done: 9, failed: 0, carried: 8 } }, {}] },
    });
    expect(studio.logger.lines.map(({ message }) => message)).toContain("studio: retry failed batches");
  });

  test("artifacts, events and the lineage of a batch are read page by page", async () => {
    const given = squaresFlow(undefined, { mended: true });
    const store = newStore();
    const { engine } = await testEngine(Object.values(given.flow.handlers), { store });
    const studio = await testStudio(store, { given: [given] });
    const task = await engine.run(given.flow, { params: { count: 7 } });
    await task.wait();

    const artifacts: ArtifactPage["items"][number][] = [];
    for (let query = "limit=3"; query !== ""; ) {
      const page = (await studio.ask(`/api/tasks/${task.id}/nodes/square/artifacts?${query}`)).json as ArtifactPage;
      expect(page.stored).toBe(7);
      expect(page.items.length).toBeLessThanOrEqual(3);
      artifacts.push(...page.items);
      query = page.cursor === undefined ? "" : `limit=3&cursor=${page.cursor}`;
    }
    expect(artifacts.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(artifacts.find(({ uid }) => uid === "n3")).toMatchObject({
      output: { value: { square: 9 } },
      origin: { nodeId: "numbers", shard: 0, seq: 3 },
    });

    const seqOf = (uid: string) => artifacts.find((each) => each.uid === uid)?.seq;
    const lineage = (await studio.ask(`/api/tasks/${task.id}/nodes/square/lineage?shard=0&seq=${seqOf("n3")}`))
      .json as Lineage;
    expect(lineage).toMatchObject({
      batch: { uid: "n3" },
      up: [{ nodeId: "numbers", seq: 3, uid: "n3", failed: false }],
      down: [{ nodeId: "total", uid: "n3", failed: false }],
      incomplete: false,
    });
    const below = (await studio.ask(`/api/tasks/${task.id}/nodes/numbers/lineage?shard=0&seq=5`)).json as Lineage;
    expect(below.down.map(({ nodeId, uid }) => [nodeId, uid])).toEqual([
      ["square", "n5"],
      ["total", "n5"],
    ]);

    const events: EventPage["items"][number][] = [];
    for (let query = "limit=4"; query !== ""; ) {
      const page = (await studio.ask(`/api/tasks/${task.id}/events?${query}`)).json as EventPage;
      events.push(...page.items);
      query = page.hasMore ? `limit=4&cursor=${encodeURIComponent(page.cursor)}` : "";
    }
    expect(events[0]?.text).toBe("the task was created");
    expect(events.at(-1)).toMatchObject({ to: "finished", text: "the task finished" });
    expect(events.filter(({ nodeId }) => nodeId === "square").map(({ to }) => to)).toEqual([
      "queued",
      "running",
      "finished",
    ]);
    expect(new Set(events.map((event) => JSON.stringify(event))).size).toBe(events.length);

    const { spans, from, to } = (await studio.ask(`/api/tasks/${task.id}/timeline`)).json as Timeline;
    expect(new Set(spans.map(({ nodeId }) => nodeId))).toEqual(new Set(["numbers", "square", "total"]));
    for (const span of spans) expect(from <= span.from && (span.to ?? 0) <= to).toBe(true);
  });

  test("tasks are cancelled, retried, paused and resumed; each says what may be done", async () => {
    const gate = new Gate();
    const given = squaresFlow(gate);
    const store = newStore();
    const { engine } = await testEngine(Object.values(given.flow.handlers), { store });
    const studio = await testStudio(store, { given: [given] });
    const id = await startTask(studio, { flow: "squares" });
    const act = async (action: string, body: object = {}) =>
      (await studio.ask(`/api/tasks/${id}/${action}`, post(body))).json as Outcome;

    expect(await act("pause")).toEqual({ outcome: "recorded" });
    expect(await act("pause")).toEqual({ outcome: "already" });
    expect(await liveOf(studio, id)).toMatchObject({ state: "paused", actions: ["cancel", "resume"] });
    expect((await studio.ask("/api/tasks?state=paused")).json as TaskPage).toMatchObject({
      items: [{ id, state: "paused" }],
    });
    expect(await act("resume")).toEqual({ outcome: "recorded" });
    expect(await act("cancel", { reason: "wrong day" })).toEqual({ outcome: "recorded" });
    await engine.task(id).wait();
    expect(await act("cancel")).toEqual({ outcome: "terminal" });
    expect(await liveOf(studio, id)).toMatchObject({
      state: "cancelled",
      cancelReason: "wrong day",
      actions: ["retry"],
    });

    gate.open();
    const retried = (await studio.ask(`/api/tasks/${id}/retry`, post({}))).json as Started;
    await engine.task(retried.taskId).wait();
    expect(await liveOf(studio, retried.taskId)).toMatchObject({ state: "finished" });
    expect(await studio.ask(`/api/tasks/${retried.taskId}/retry`, post({}))).toMatchObject({
      status: 409,
      json: { code: "TASK_FINISHED" },
    });
  });

  test("a node that waits gets its signal", async () => {
    const given = {
      flow: flow("approval")
        .node("ask", defineHandler("ask", { output: z.int(), iterBatches: () => [{ payload: 1 }] }))
        .wait("approve", { after: ["ask"], payload: z.object({ ok: z.boolean() }) }),
    };
    const store = newStore();
    const { engine } = await testEngine(Object.values(given.flow.handlers), { store });
    const studio = await testStudio(store, { given: [given] });
    const id = await startTask(studio, { flow: "approval" });
    const node = `/api/tasks/${id}/nodes/approve`;
    await until(async () => ((await studio.ask(node)).json as NodeDetail).live.awaitsSignal !== undefined, "the wait");
    expect((await studio.ask(node)).json as NodeDetail).toMatchObject({
      kind: "wait",
      actions: ["signal"],
      signalSchema: { properties: { ok: { type: "boolean" } } },
    });
    expect(await studio.ask(`${node}/signal`, post({ payload: { ok: "yes" } }))).toMatchObject({
      status: 422,
      json: { code: "SIGNAL_INVALID" },
    });
    expect((await studio.ask(`${node}/signal`, post({ payload: { ok: true } }))).json as Outcome).toEqual({
      outcome: "accepted",
    });
    await engine.task(id).wait();
    expect(await liveOf(studio, id)).toMatchObject({ state: "finished" });
  });

  test("tasks are filtered, and changes of the list are streamed", async () => {
    const given = squaresFlow();
    const other = { flow: flow("other").node("numbers", numbers, { args: { count: 1 } }) };
    const store = newStore();
    const { engine } = await testEngine(Object.values(given.flow.handlers), { store });
    const studio = await testStudio(store, { given: [given, other] });
    const runs: string[] = [];
    for (let n = 0; n < 5; n++) {
      const idempotencyKey = `key ${n}`;
      const task = await (n % 2 === 0
        ? engine.run(given.flow, { idempotencyKey })
        : engine.run(other.flow, { idempotencyKey }));
      await task.wait();
      runs.push(task.id);
    }
    const idsOf = async (query: string) =>
      ((await studio.ask(`/api/tasks?${query}`)).json as TaskPage).items.map(({ id }) => runs.indexOf(id));
    expect(await idsOf("")).toEqual([4, 3, 2, 1, 0]);
    expect(await idsOf("flow=other")).toEqual([3, 1]);
    expect(await idsOf("text=KEY%202")).toEqual([2]);
    expect(await idsOf(`text=${runs[3]}`)).toEqual([3]);
    expect(await idsOf("state=failed&state=cancelled")).toEqual([]);
    expect(await idsOf("until=0")).toEqual([]);
    expect(await idsOf("since=0")).toEqual([4, 3, 2, 1, 0]);
    const first = (await studio.ask("/api/tasks?limit=2")).json as TaskPage;
    expect(first.items.map(({ id }) => runs.indexOf(id))).toEqual([4, 3]);
    expect(await idsOf(`limit=2&cursor=${first.cursor}`)).toEqual([2, 1]);

    const stream = studio.stream("/api/stream?flow=other");
    expect(await stream.next()).toMatchObject({ value: { event: "reset" } });
    const unseen = await engine.run(given.flow);
    await unseen.wait();
    const seen = await engine.run(other.flow);
    await seen.wait();
    const states = new Set<string>();
    for await (const { data } of stream) {
      const { changed } = data as ListEvents["tasks"];
      expect(changed.every(({ flow: name }) => name === "other")).toBe(true);
      for (const row of changed) if (row.id === seen.id) states.add(row.state);
      if (states.has("finished")) break;
    }
    const workers = (await studio.ask("/api/workers")).json as WorkerList;
    expect(workers.items.filter(({ id }) => id.startsWith("worker-"))).toMatchObject([
      { types: expect.arrayContaining(["numbers", "square"]), running: 0 },
    ]);
  });

  test("flows of files are compared with the version that ran last", async () => {
    const given = squaresFlow();
    const store = newStore();
    const { engine } = await testEngine(Object.values(given.flow.handlers), { store });
    await (await engine.run(given.flow, { params: { count: 2 } })).wait();
    const same = await testStudio(store, { given: [given] });
    expect((await same.ask("/api/flows")).json as FlowList).toMatchObject({
      items: [{ name: "squares", origin: "file", changed: false, lastRun: { state: "finished" } }],
    });
    const changed = {
      flow: flow("squares", { params: z.object({ count: z.int().min(1).default(5) }) })
        .node("numbers", numbers, { args: { count: param("count") }, retry: { max: 7 } })
        .then(
          "copy",
          defineHandler("copy", { input: z.object({ n: z.int() }), output: z.int(), processBatch: (b) => b.n }),
        ),
    };
    const studio = await testStudio(store, { given: [changed] });
    const detail = (await studio.ask("/api/flows/squares")).json as FlowDetail;
    expect(detail).toMatchObject({ canStart: true, changed: true, paramsSchema: { type: "object" } });
    expect(detail.diff?.changes).toContainEqual({ kind: "removed", what: "node square" });
    expect(detail.diff?.changes).toContainEqual({
      kind: "changed",
      what: "node numbers",
      path: "/retry_policy",
      after: '{"max":7}',
    });
    const none = await testStudio(store);
    expect((await none.ask("/api/flows")).json as FlowList).toMatchObject({ items: [{ origin: "store" }] });
    expect((await none.ask("/api/flows/squares")).json as FlowDetail).toMatchObject({ canStart: false });
    expect(await none.ask("/api/tasks", post({ flow: "squares" }))).toMatchObject({
      status: 404,
      json: { code: "STUDIO_NOT_FOUND" },
    });
    for (const action of ["pause", "resume"]) {
      expect(await none.ask(`/api/flows/squares/${action}`, post({}))).toMatchObject({ status: 200 });
      const { paused } = (await none.ask("/api/flows/squares")).json as FlowDetail;
      expect(paused).toBe(action === "pause");
    }
  });
});
