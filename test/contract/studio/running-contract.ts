import { expect, test } from "vitest";
import * as z from "zod";
import { defineHandler, flow, param } from "../../../src/index.ts";
import type {
  FailedBatchPage,
  NodeDetail,
  Outcome,
  Started,
  StudioInfo,
  TaskDetail,
  TaskPage,
  WaitingList,
} from "../../../src/studio/api.ts";
import { Gate, until } from "../../helpers/waiting.ts";
import { follow, liveOf, type NewPlace, openPlace, post, squaresFlow, startTask } from "./fixture.ts";

/** The actions of the studio's API on tasks. */
export function runningContract(newPlace: NewPlace): void {
  test("a task is started, followed, looked into, and its failed batch retried", async () => {
    const gate = new Gate();
    const state = { mended: false };
    const given = squaresFlow(gate, state);
    const { engine, studio: openStudio } = await openPlace(newPlace(), given);
    const studio = await openStudio([given]);
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

  test("tasks are cancelled, retried, paused and resumed; each says what may be done", async () => {
    const gate = new Gate();
    const given = squaresFlow(gate);
    const { engine, studio: openStudio } = await openPlace(newPlace(), given);
    const studio = await openStudio([given]);
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
    const { engine, studio: openStudio } = await openPlace(newPlace(), given);
    const studio = await openStudio([given]);
    const id = await startTask(studio, { flow: "approval" });
    const node = `/api/tasks/${id}/nodes/approve`;
    await until(async () => ((await studio.ask(node)).json as NodeDetail).live.awaitsSignal !== undefined, "the wait");
    expect(await liveOf(studio, id)).toMatchObject({
      state: "deferred",
      waiting: { nodeId: "approve", for: "signal", others: 0 },
    });
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

  test("says which tasks wait, what for, and until when", async () => {
    const gate = new Gate();
    const work = defineHandler("work", {
      args: z.object({ fails: z.boolean() }),
      output: z.int(),
      async *iterBatches({ fails }, ctx) {
        if (fails) throw new Error("no answer");
        await gate.pass(ctx.signal);
        yield { payload: 1 };
      },
    });
    const given = {
      flow: flow("waits", { params: z.object({ fails: z.boolean() }) })
        .node("work", work, { args: { fails: param("fails") }, retry: { max: 1, backoffSec: 10_000 } })
        .wait("approve", { payload: z.object({ ok: z.boolean() }) }),
    };
    const { studio: openStudio } = await openPlace(newPlace(), given);
    const studio = await openStudio([given]);
    const waitingFor = async (...ids: readonly string[]) =>
      (await studio.ask(`/api/waiting?${ids.map((each) => `task=${each}`).join("&")}`)).json as WaitingList;
    const later = Date.now() + 86_400_000;
    const planned = await startTask(studio, { flow: "waits", params: { fails: false }, notBefore: later });
    const retried = await startTask(studio, { flow: "waits", params: { fails: true } });
    const running = await startTask(studio, { flow: "waits", params: { fails: false } });
    await until(() => gate.arrived > 0, "a node that runs");
    await until(async () => (await waitingFor(retried)).items.length === 1, "a failed attempt");
    const { items } = await waitingFor(planned, running, retried, "unknown");
    expect(items).toEqual([
      { taskId: planned, nodeId: "work", for: "time", until: expect.closeTo(later, -4), others: 1 },
      { taskId: retried, nodeId: "work", for: "retry", until: expect.any(Number), others: 1 },
    ]);
    expect(items[1]?.until).toBeGreaterThan(Date.now() + 1_000_000);
    expect((await liveOf(studio, retried)).waiting).toEqual({ ...items[1], taskId: undefined });
    expect((await liveOf(studio, running)).waiting).toBeUndefined();
    expect(await studio.ask("/api/waiting")).toMatchObject({ status: 400, json: { code: "STUDIO_REQUEST_INVALID" } });
  });
}
