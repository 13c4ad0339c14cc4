import { describe, expect, test } from "vitest";
import { MemoryState } from "../../../src/adapters/memory/index.ts";
import type { Json, JsonObject } from "../../../src/errors/index.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { noTicks, testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { until } from "../../helpers/waiting.ts";

const answerSchema = {
  type: "object",
  properties: { ok: { type: "boolean" }, by: { type: "string" } },
  required: ["ok"],
  additionalProperties: false,
};

function wait(
  parents: readonly string[],
  options: { sec?: number; onTimeout?: Json; payload?: JsonObject } = {},
): GraphNode {
  const { sec, onTimeout, payload = answerSchema } = options;
  return node("approve", parents, {
    fn: "wait.signal",
    fnArgs: { payload, ...(onTimeout === undefined ? {} : { on_timeout: onTimeout }) },
    ...(sec === undefined ? {} : { timeout_sec: sec }),
  });
}

const handlers = [source("report", [1, 2]), handler("pay")];
const approval = (options = {}) => graphOf(node("report"), wait(["report"], options), node("pay", ["approve"]));

describe("a node that waits for a signal", () => {
  test("is deferred without a lease, and ends with the payload as its only artifact and its result", async () => {
    const { engine, record, artifacts } = await testEngine(handlers, noTicks);
    const task = await engine.run(approval());
    await until(async () => (await task.status()).nodes[1]?.status === "deferred");
    const waiting = await record(task.id, "approve");
    expect(waiting).toMatchObject({ status: "deferred", epoch: 1 });
    expect(waiting.lease).toBeUndefined();
    expect(waiting.dueAt).toBeUndefined();
    expect((await task.status()).status).toBe("deferred");
    expect(await task.signal("approve", { ok: true, by: "ada" })).toBe("accepted");
    expect(await task.result()).toEqual({ pay: [{ ok: true, by: "ada" }] });
    const log = await artifacts(task.id, "approve");
    expect(log.map(({ meta }) => meta)).toEqual([{ ok: true, by: "ada" }]);
    expect((await record(task.id, "approve")).result).toEqual({ ok: true, by: "ada" });
    expect(await task.signal("approve", { ok: false })).toBe("already");
  });

  test("gets a signal that came before its parents had finished; the first one counts", async () => {
    const release = Promise.withResolvers<void>();
    const slow = source("report", [1], { processBatch: () => release.promise.then(() => 1) });
    const { engine } = await testEngine([slow, handler("pay")], noTicks);
    const task = await engine.run(approval());
    expect(await task.signal("approve", { ok: true })).toBe("accepted");
    expect(await task.signal("approve", { ok: false })).toBe("already");
    release.resolve();
    expect(await task.result()).toEqual({ pay: [{ ok: true }] });
  });

  test("gets what was stored while nothing acted on it: a sweep wakes it", async () => {
    const time = stillTime();
    const { engine, store, record } = await testEngine(handlers, { sweepMs: 1_000 });
    const task = await engine.run(approval());
    while ((await record(task.id, "approve").catch(() => undefined))?.status !== "deferred") await time.pass(10);
    await store.signalTask(task.id, { nodeId: "approve", id: "s", payload: { ok: true } });
    expect(await time.during(task.result())).toEqual({ pay: [{ ok: true }] });
  });

  test("ends with its default when its time has passed, and later signals are too late", async () => {
    const time = stillTime();
    const { engine, record } = await testEngine(handlers, { sweepMs: 1_000 });
    const task = await engine.run(approval({ sec: 60, onTimeout: { ok: false, by: "nobody" } }));
    while ((await record(task.id, "approve").catch(() => undefined))?.status !== "deferred") await time.pass(10);
    await time.pass(59_000);
    expect((await record(task.id, "approve")).status).toBe("deferred");
    const { nodes } = await task.explain();
    expect(nodes[1]?.text).toMatch(/^approve waits for a signal, for 59\.\d s of 60\.0 s$/);
    expect(await time.during(task.result())).toEqual({ pay: [{ ok: false, by: "nobody" }] });
    expect(await task.signal("approve", { ok: true })).toBe("terminal");
  });

  test("fails when its time has passed without a default", async () => {
    const time = stillTime();
    const { engine, record } = await testEngine(handlers);
    const task = await engine.run(approval({ sec: 60 }));
    while ((await record(task.id, "approve").catch(() => undefined))?.status !== "deferred") await time.pass(10);
    const { status, failure } = await time.during(task.wait());
    expect({ status, failure }).toMatchObject({
      status: "failed",
      failure: { nodeId: "approve", reasonCode: "timeout", message: "no signal came within 60 s" },
    });
    const again = await engine.retry(task.id, { from: "failed" });
    expect(await again.signal("approve", { ok: true })).toBe("accepted");
    expect(await time.during(again.result())).toEqual({ pay: [{ ok: true }] });
  });

  test("is cancelled with its task, whether or not its signal has come", async () => {
    const { engine } = await testEngine(handlers, noTicks);
    const task = await engine.run(approval());
    await until(async () => (await task.status()).nodes[1]?.status === "deferred");
    await task.cancel();
    expect(await task.signal("approve", { ok: true })).toBe("terminal");
    expect((await task.wait()).status).toBe("cancelled");
    expect(await task.signal("approve", { ok: true })).toBe("terminal");
  });

  test("keeps its signal in a retry of its task", async () => {
    let fails = true;
    const pay = handler("pay", {
      processBatch: (payload) => {
        if (fails) throw new Error("no money");
        return payload;
      },
    });
    const { engine } = await testEngine([source("report", [1]), pay], noTicks);
    const graph = graphOf(node("report"), wait(["report"]), node("pay", ["approve"], { retry_policy: { max: 0 } }));
    const task = await engine.run(graph);
    await task.signal("approve", { ok: true });
    expect((await task.wait()).status).toBe("failed");
    fails = false;
    const again = await engine.retry(task.id, { from: "failed" });
    expect(await again.result()).toEqual({ pay: [{ ok: true }] });
    expect(await again.signal("approve", { ok: false })).toBe("already");
  });

  test("refuses what does not match its schema, is no JSON or too large, and other nodes refuse all", async () => {
    const { engine } = await testEngine(handlers, noTicks);
    const task = await engine.run(approval());
    const refused = (nodeId: string, payload: unknown) => task.signal(nodeId, payload as Json).catch((error) => error);
    expect(await refused("approve", { ok: "yes" })).toMatchObject({
      code: "SIGNAL_INVALID",
      message: expect.stringMatching(/does not match its schema: .*ok/s),
    });
    expect(await refused("approve", undefined)).toMatchObject({ code: "SIGNAL_INVALID" });
    expect(await refused("approve", { ok: true, by: "x".repeat(70_000) })).toMatchObject({ code: "SIGNAL_TOO_LARGE" });
    expect(await refused("pay", 1)).toMatchObject({
      code: "SIGNAL_INVALID",
      message: expect.stringContaining("has no receiver"),
    });
    expect(await refused("other", 1)).toMatchObject({ code: "NODE_UNKNOWN" });
    await expect(engine.task("none").signal("approve", 1)).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
    expect(await task.signal("approve", { ok: true })).toBe("accepted");
  });

  test("ends after a restart: the signal is in the store", async () => {
    const state = new MemoryState();
    const first = await testEngine(handlers, { state, ...noTicks });
    const task = await first.engine.run(approval());
    await until(async () => (await task.status()).nodes[1]?.status === "deferred");
    await first.store.signalTask(task.id, { nodeId: "approve", id: "s", payload: { ok: true } });
    await first.engine.stop();
    const second = await testEngine(handlers, { state });
    expect(await second.engine.task(task.id).result()).toEqual({ pay: [{ ok: true }] });
  });
});

describe("a node with a delay", () => {
  test("starts after it, and says so until then", async () => {
    const time = stillTime();
    const { engine, record } = await testEngine(handlers);
    const task = await engine.run(graphOf(node("report"), node("pay", ["report"], { delay_sec: 60 })));
    while ((await record(task.id, "pay").catch(() => undefined))?.status !== "deferred") await time.pass(10);
    await time.pass(59_000);
    const waiting = await record(task.id, "pay");
    expect(waiting).toMatchObject({ status: "deferred", epoch: 1 });
    expect((await task.explain()).nodes[1]?.text).toMatch(/^pay starts in \d\.\d s$/);
    expect(await time.during(task.result())).toEqual({ pay: [1, 2] });
    const { history } = await record(task.id, "pay");
    expect(history.map(({ to, cause }) => `${cause} ${to}`)).toEqual([
      "dispatch deferred",
      "requeue queued",
      "claim running",
      "complete finished",
    ]);
    expect((history[1]?.at ?? 0) - (history[0]?.at ?? 0)).toBeGreaterThanOrEqual(60_000);
  });

  test("starts after it although its coordinator has stopped, and is cancelled at once", async () => {
    const time = stillTime();
    const state = new MemoryState();
    const first = await testEngine(handlers, { state });
    const graph = graphOf(node("report", [], { delay_sec: 60 }));
    const task = await first.engine.run(graph);
    const other = await first.engine.run(graph);
    await other.cancel();
    expect((await other.status()).status).toBe("cancelled");
    await time.during(first.engine.stop());
    const second = await testEngine(handlers, { state });
    await time.pass(50_000);
    expect((await second.record(task.id, "report")).status).toBe("deferred");
    expect(await time.during(second.engine.task(task.id).result())).toEqual({ report: [1, 2] });
  });
});

describe("a task that does not start before a time", () => {
  test("dispatches its roots as due then, in whatever process, and the rest after them", async () => {
    const time = stillTime();
    const state = new MemoryState();
    const first = await testEngine(handlers, { state });
    const notBefore = Date.now() + 60_000;
    const graph = graphOf(node("report"), node("pay", ["report"]), node("later", [], { type: "pay", delay_sec: 5 }));
    const task = await time.during(first.engine.run(graph, { notBefore, deadlineSec: 600 }));
    const begun = await first.record(task.id, "report");
    expect(begun).toMatchObject({ status: "deferred", epoch: 1 });
    expect(Math.abs((begun.dueAt ?? 0) - notBefore)).toBeLessThan(100);
    expect((await first.record(task.id, "later")).dueAt).toBe((begun.dueAt ?? 0) + 5_000);
    expect((await task.status()).startsAt).toBe(begun.dueAt);
    await time.during(first.engine.stop());
    const second = await testEngine(handlers, { state });
    await time.pass(50_000);
    expect((await second.record(task.id, "report")).status).toBe("deferred");
    expect(await time.during(second.engine.task(task.id).result())).toMatchObject({ pay: [1, 2] });
    const { history } = await second.record(task.id, "pay");
    expect(history[0]?.to).toBe("queued");
  });

  test("starts at once if the time has passed, and refuses what is not a time", async () => {
    const { engine, record } = await testEngine(handlers, noTicks);
    const task = await engine.run(graphOf(node("report")), { notBefore: 5 });
    expect(await task.result()).toEqual({ report: [1, 2] });
    expect((await record(task.id, "report")).history[0]?.to).toBe("queued");
    for (const notBefore of [Number.NaN, new Date(), "2026-01-01", 8.64e15]) {
      const refused = engine.run(graphOf(node("report")), { notBefore: notBefore as number });
      await expect(refused).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
    }
  });
});
