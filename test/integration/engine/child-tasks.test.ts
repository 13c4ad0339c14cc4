import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { isTaskTerminal, type TaskSummary } from "../../../src/core/model/records.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import type { GraphInput } from "../../../src/core/tasks/api.ts";
import type { CoordinatorFunctionDefinition } from "../../../src/definitions/index.ts";
import { type Json, PermanentError } from "../../../src/errors/index.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { noTicks, type TestEngine, testEngine } from "../../helpers/engines.ts";
import { atOnce, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { testRoles } from "../../helpers/roles.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const item = { $ref: "params.order" };
const oneOrder = { nodes: [node("check", [], { args: { order: item } }), node("ship", ["check"])] };

function each(options: Partial<GraphNode> & { settled?: boolean; flow?: string; from?: string } = {}): GraphNode {
  const { settled, flow = "order", from = "orders", ...rest } = options;
  const io = { flow, item: "order", ...(settled === undefined ? {} : { settled }) };
  return { node_id: "each", type: "flow", depends_on: [from], io, ...rest };
}

const flowOf = (of: GraphNode, ...rest: readonly GraphNode[]): GraphInput => ({
  nodes: [node("orders"), of, ...rest],
  flows: { order: oneOrder },
});

type Order = { readonly order: number };

const check = (of: (order: number) => unknown = (order) => order) =>
  handler("check", { processBatch: (payload) => of((payload as Order).order) });
const ship = handler("ship", { processBatch: (order) => ({ shipped: order as number }) });

const childrenOf = async (store: Store, taskId: string): Promise<readonly TaskSummary[]> =>
  (await store.listTasks({ limit: 100, children: { of: taskId } })).items;

const allEnded = async ({ store }: TestEngine, taskId: string) =>
  (await childrenOf(store, taskId)).every(({ status }) => isTaskTerminal(status));

describe("a node that runs a flow for each of its batches", () => {
  test("outputs the results of their tasks", async () => {
    const run = await testEngine([source("orders", [1, 2, 3]), check(), ship]);
    const task = await run.engine.run(flowOf(each({ batches: { ordered: true } })));
    const shipped = (order: number) => ({ ship: [{ shipped: order }] });
    expect(await task.result()).toEqual({ each: [shipped(1), shipped(2), shipped(3)] });
    const children = await childrenOf(run.store, task.id);
    expect(children.map(({ status, parent }) => [status, parent])).toEqual(
      ["2", "1", "0"].map((uid) => ["finished", { taskId: task.id, nodeId: "each", uid }]),
    );
    expect((await run.engine.list()).items.map(({ id }) => id)).toEqual([task.id]);
  });

  test("runs it for each element of the lists that it reads", async () => {
    const run = await testEngine([source("orders", [{ rows: [1, 2] }, { rows: [] }, { rows: [3] }]), check(), ship]);
    const inline = { input_adapter: "pull.from_artifacts.each", input_args: { meta_list_key: "rows" } };
    const { io, ...rest } = each({ batches: { ordered: true } });
    const task = await run.engine.run(flowOf({ ...rest, io: { ...io, input_inline: inline } }));
    const shipped = (order: number) => ({ ship: [{ shipped: order }] });
    expect(await task.result()).toEqual({ each: [shipped(1), shipped(2), shipped(3)] });
    const children = await childrenOf(run.store, task.id);
    expect(children.map(({ parent }) => parent?.uid)).toEqual(["2.0", "0.1", "0.0"]);
  });

  test("runs as many at once as its limit says, and their nodes count for no other limit", async () => {
    let running = 0;
    let most = 0;
    const slow = check(async (order) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return order;
    });
    const run = await testEngine([source("orders", numbers(12)), slow, ship], { capacity: 20 });
    const task = await run.engine.run(flowOf(each({ limits: { max_running: 3 } })));
    expect((await task.result()).each).toHaveLength(12);
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(1);
    const single = await testEngine([source("orders", numbers(4)), check(), ship], { maxRunning: 1 });
    expect((await (await single.engine.run(flowOf(each()))).result()).each).toHaveLength(4);
  });

  test("fails with the failure of a task, which its retry continues", async () => {
    const checked: number[] = [];
    let bad = true;
    const failing = handler("ship", {
      processBatch: (order) => {
        if (order === 2 && bad) throw new PermanentError("no_stock", "nothing left");
        return order;
      },
      errors: ["no_stock"],
    });
    const run = await testEngine([source("orders", [1, 2]), check((order) => checked.push(order) && order), failing]);
    const task = await run.engine.run(flowOf(each({ retry_policy: { ...atOnce, max: 1 } })));
    const view = await task.wait();
    expect(view.status).toBe("failed");
    expect(view.failure).toMatchObject({ nodeId: "each", reasonCode: "subflow_failed", batchUid: "1", tries: 2 });
    expect(view.failure?.message).toMatch(
      /^task \S+ of flow 'order' failed at node 'ship', batch '\S+': no_stock: nothing left$/,
    );
    const tried = (await childrenOf(run.store, task.id)).filter(({ parent }) => parent?.uid === "1");
    expect(tried.map(({ status, retryOf }) => [status, retryOf])).toEqual([
      ["failed", tried[1]?.id],
      ["failed", undefined],
    ]);
    expect(checked.sort()).toEqual([1, 2]);

    bad = false;
    const again = await run.engine.retry(task.id, { from: "failed" });
    expect((await again.result()).each).toEqual([{ ship: [1] }, { ship: [2] }]);
    expect(checked.sort()).toEqual([1, 2]);
    const [last] = await childrenOf(run.store, again.id);
    expect(last).toMatchObject({ status: "finished", retryOf: tried[0]?.id });
  });

  test("outputs failures if it settles them", async () => {
    const bad = check((order) => {
      if (order === 2) throw new PermanentError("bad", "no");
      return order;
    });
    const run = await testEngine([source("orders", [1, 2]), { ...bad, errors: ["bad"] }, ship]);
    const task = await run.engine.run(
      flowOf(each({ settled: true, batches: { ordered: true }, retry_policy: atOnce })),
    );
    expect((await task.result()).each).toEqual([
      { ok: true, results: { ship: [{ shipped: 1 }] } },
      { ok: false, failure: { nodeId: "check", reasonCode: "bad", message: "no", batchUid: "0" } },
    ]);
    expect(await childrenOf(run.store, task.id)).toHaveLength(4); // the failing one was tried three times
  });

  test("cancels their tasks with its own", async () => {
    const stuck = check(() => new Promise(() => {}));
    const obeying = {
      ...stuck,
      processBatch: (_: unknown, ctx: { signal: AbortSignal }) =>
        new Promise((_resolve, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
    };
    const run = await testEngine([source("orders", [1, 2]), obeying, ship]);
    const task = await run.engine.run(flowOf(each()));
    await until(async () => (await childrenOf(run.store, task.id)).length === 2);
    await until(
      async () => (await run.store.readShards((await childrenOf(run.store, task.id))[0]?.id ?? "")).length > 0,
    );
    await task.cancel();
    expect((await task.wait()).status).toBe("cancelled");
    await until(() => allEnded(run, task.id));
    const statuses = (await childrenOf(run.store, task.id)).map(({ status }) => status);
    expect(statuses).toEqual(["cancelled", "cancelled"]);
  });

  test("refuses parameters that the flow does not take", async () => {
    const params_schema = { type: "object", properties: { order: { type: "number" } }, required: ["order"] };
    const run = await testEngine([source("orders", [1, "two"]), check(), ship]);
    const task = await run.engine.run({
      nodes: [node("orders"), each()],
      flows: { order: { ...oneOrder, params_schema } },
    });
    expect((await task.wait()).failure).toMatchObject({
      nodeId: "each",
      reasonCode: "bad_input",
      batchUid: "1",
      tries: 1,
    });
  });

  test("runs flows in flows", async () => {
    const inner = { ...each({ from: "split" }), node_id: "parts" };
    const batch = { nodes: [node("split", [], { args: { order: item } }), inner], flows: { order: oneOrder } };
    const split = handler("split", { processBatch: (payload) => (payload as Order).order * 10 });
    const run = await testEngine([source("orders", [1, 2, 3]), split, check(), ship], { capacity: 1 });
    const task = await run.engine.run({
      nodes: [node("orders"), each({ flow: "batch", batches: { ordered: true } })],
      flows: { batch },
    });
    const parts = (order: number) => ({ parts: [{ ship: [{ shipped: order }] }] });
    expect(await task.result()).toEqual({ each: [parts(10), parts(20), parts(30)] });
  });

  test("does not wait for a slot that its consumer or its source has", async () => {
    const count = handler("count", { input: z.json(), processBatch: () => 1 });
    const fast: GraphNode = { ...node("orders"), io: { max_pending_batches: 1 } };
    const run = await testEngine([source("orders", numbers(6)), check(), ship, count], { capacity: 1 });
    const streaming = each({ limits: { max_running: 1 } });
    const task = await run.engine.run({
      nodes: [
        fast,
        { ...streaming, io: { ...streaming.io, start_when: "first_batch" } },
        node("count", ["each"], { start: "first_batch" }),
      ],
      flows: { order: oneOrder },
    });
    expect((await task.result()).count).toHaveLength(6);
  });

  test("keeps their tasks as long as its own, and deletes them with it", async () => {
    const run = await testEngine([source("orders", [1, 2]), check(), ship]);
    const task = await run.engine.run(flowOf(each()));
    await task.wait();
    const [child] = await childrenOf(run.store, task.id);
    const id = child?.id ?? "";
    await expect(run.engine.delete(id)).rejects.toMatchObject({ code: "TASK_HAS_PARENT" });
    await expect(run.engine.retry(id, { from: "failed" })).rejects.toMatchObject({ code: "TASK_HAS_PARENT" });
    await run.engine.delete(task.id);
    expect(await run.store.readTask(id)).toBeUndefined();
    expect((await run.store.listTasks({ limit: 10, children: "all" })).items).toEqual([]);
  });

  test("tries no batch again once its task was deleted, with their tasks", async () => {
    const state = new MemoryState();
    const gate = new Gate();
    let hasFailed = false;
    const failing = check(() => {
      hasFailed = true;
      throw new PermanentError("no_stock", "nothing left");
    });
    const handlers = [source("orders", [1]), { ...failing, errors: ["no_stock"] }, ship];
    const slow = memoryStore({ state });
    const calls: string[] = [];
    const { readTask, createTask } = memoryStore({ state });
    slow.createTask = async (task) => {
      calls.push("createTask");
      return createTask.call(slow, task);
    };
    slow.readTask = async (id) => {
      calls.push(`readTask ${id}`);
      const found = await readTask.call(slow, id);
      if (hasFailed && found === undefined) await gate.pass();
      return found;
    };
    const first = await testEngine(handlers, { store: slow, state, mayLogErrors: true });
    const task = await first.engine.run(flowOf(each({ retry_policy: { ...atOnce, max: 1 } })));
    await until(() => gate.arrived === 1); // the second try asks for its task
    const second = await testEngine(handlers, { state, tickMs: 5, cancelGraceMs: 1 });
    await second.engine.task(task.id).cancel();
    await second.engine.task(task.id).wait();
    await second.engine.delete(task.id);
    calls.length = 0;
    gate.open();
    await until(() => calls.includes(`readTask ${task.id}`) || calls.includes("createTask"));
    expect(calls).not.toContain("createTask");
    expect((await second.engine.list({ children: true })).items).toEqual([]);
  });

  test("continues with another engine, which finds the tasks", async () => {
    const state = new MemoryState();
    const hold = Promise.withResolvers<void>();
    let checks = 0;
    const counting = check(async (order) => {
      checks++;
      if (order === 2) await hold.promise;
      return order;
    });
    const handlers = [source("orders", [1, 2]), counting, ship];
    const first = await testEngine(handlers, { state, sweepMs: 100 });
    const task = await first.engine.run(flowOf(each()));
    await until(async () => checks === 2);
    const stopping = first.engine.stop({ graceMs: 0 });
    hold.resolve();
    await stopping;
    const second = await testEngine(handlers, { state, sweepMs: 100 });
    expect((await second.engine.task(task.id).wait()).status).toBe("finished");
    expect(await childrenOf(second.store, task.id)).toHaveLength(2);
  });

  test("pauses and resumes their tasks with its own, and only with it", async () => {
    const gate = new Gate();
    const shipped: unknown[] = [];
    const slow = check((order) => gate.pass().then(() => order));
    const shipping = handler("ship", { processBatch: (order) => shipped.push(order) && order });
    const run = await testEngine([source("orders", numbers(6)), slow, shipping], { sweepMs: 100 });
    const task = await run.engine.run(flowOf(each({ limits: { max_running: 2 } })));
    await until(() => gate.arrived === 2);
    expect(await task.pause()).toBe("recorded");
    const paused = await childrenOf(run.store, task.id);
    expect(paused.map((child) => child.paused)).toEqual([true, true]);
    const own = run.engine.task(paused[0]?.id ?? "");
    await expect(own.pause()).rejects.toMatchObject({ code: "TASK_HAS_PARENT" });
    await expect(own.resume()).rejects.toMatchObject({ code: "TASK_HAS_PARENT" });
    gate.open();
    await until(async () => (await run.record(task.id, "each")).status === "deferred");
    for (const { id } of paused) {
      await until(async () => {
        const [first, next] = await run.store.readShards(id);
        return first?.status === "finished" && next?.status === "deferred";
      });
    }
    expect(await run.record(task.id, "each")).toMatchObject({ failures: 0, lost: 0, paused: {} });
    expect(await childrenOf(run.store, task.id)).toHaveLength(2);
    expect(shipped).toEqual([]);
    expect(await task.resume()).toBe("recorded");
    expect((await task.result()).each).toHaveLength(6);
    expect(shipped).toHaveLength(6);
    expect(await childrenOf(run.store, task.id)).toHaveLength(6);
  });

  test("begins nothing in a task that is created while its own is paused", async () => {
    const state = new MemoryState();
    const store = memoryStore({ state });
    const createTask = store.createTask.bind(store);
    // Another process pauses it when this one has decided to create the task.
    store.createTask = async (task) => {
      if (task.parent !== undefined) await store.pauseTask(task.parent.taskId, true);
      return createTask(task);
    };
    const checked: number[] = [];
    const run = await testEngine([source("orders", [1]), check((order) => checked.push(order)), ship], {
      ...noTicks,
      state,
      store,
    });
    const task = await run.engine.run(flowOf(each()));
    const isMarked = async () => {
      const [child] = await childrenOf(run.store, task.id);
      return (
        child?.paused === true && (await run.store.readShards(child.id)).every(({ paused }) => paused !== undefined)
      );
    };
    await until(async () => checked.length > 0 || (await isMarked()));
    expect(checked).toEqual([]);
    expect(await task.resume()).toBe("recorded");
    expect((await task.result()).each).toHaveLength(1);
  });

  test("gets signals for the nodes of their tasks, by their ids", async () => {
    const approve = node("approve", ["check"], { fn: "wait.signal", fnArgs: { payload: { type: "boolean" } } });
    const order = { nodes: [node("check", [], { args: { order: item } }), approve, node("ship", ["approve"])] };
    const run = await testEngine([source("orders", [1, 2]), check(), handler("ship")]);
    const graph = { nodes: [node("orders"), each({ batches: { ordered: true } })], flows: { order } };
    const task = await run.engine.run(graph);
    await until(async () => (await childrenOf(run.store, task.id)).length === 2);
    for (const { id, parent } of await childrenOf(run.store, task.id)) {
      expect(await run.engine.task(id).signal("approve", parent?.uid === "1")).toBe("accepted");
    }
    expect((await task.result()).each).toEqual([{ ship: [false] }, { ship: [true] }]);
  });

  test("waits for its delay before their tasks begin", async () => {
    const time = stillTime();
    const run = await testEngine([source("orders", [1]), check(), ship]);
    const task = await run.engine.run(flowOf(each({ delay_sec: 60 })));
    await time.during(until(async () => (await run.record(task.id, "each").catch(() => undefined)) !== undefined));
    expect((await run.record(task.id, "each")).status).toBe("deferred");
    expect(await childrenOf(run.store, task.id)).toEqual([]);
    await time.pass(60_000);
    expect((await time.during(task.result())).each).toEqual([{ ship: [{ shipped: 1 }] }]);
  });

  test("ends their tasks at the deadline of its own, also while it is paused", async () => {
    const time = stillTime();
    const held = check(() => new Promise(() => {}));
    for (const pauses of [false, true]) {
      const run = await testEngine([source("orders", [1, 2]), held, ship], { sweepMs: 1_000, cancelGraceMs: 1_000 });
      const task = await run.engine.run(flowOf(each()), { deadlineSec: 60 });
      await time.during(until(async () => (await childrenOf(run.store, task.id)).length === 2));
      if (pauses) await time.during(task.pause());
      await time.pass(60_000);
      expect((await time.during(task.wait())).failure).toMatchObject({ reasonCode: "deadline_exceeded" });
      await time.during(until(() => allEnded(run, task.id)));
    }
  });

  test("is skipped by its condition without tasks", async () => {
    const run = await testEngine([source("orders", [1]), check(), ship]);
    const when = { params: { ships: true } };
    const graph = flowOf(each({ when }));
    const skipped = await run.engine.run(graph, { params: { ships: false } });
    expect(await skipped.result()).toEqual({ each: [] });
    expect(await childrenOf(run.store, skipped.id)).toEqual([]);
    const ran = await run.engine.run(graph, { params: { ships: true } });
    expect((await ran.result()).each).toHaveLength(1);
  });

  test("does not fail its task if it is optional, and its other tasks end with it", async () => {
    const gate = new Gate();
    const mixed = check(async (order) => {
      if (order === 1) throw new PermanentError("bad", "no");
      await gate.pass();
    });
    const run = await testEngine([source("orders", [1, 2]), { ...mixed, errors: ["bad"] }, ship], { sweepMs: 200 });
    const task = await run.engine.run(flowOf(each({ optional: true, retry_policy: { max: 0 } })));
    expect((await task.wait()).status).toBe("finished");
    gate.open();
    await until(() => allEnded(run, task.id));
    const statuses = (await childrenOf(run.store, task.id)).map(({ status, parent }) => [parent?.uid, status]);
    expect(statuses.sort()).toEqual([
      ["0", "failed"],
      ["1", "cancelled"],
    ]);
  });

  test("runs for the outcomes of nodes that have failed, while its task ends", async () => {
    const broken = handler("broken", {
      processBatch: () => {
        throw new PermanentError("bad", "no");
      },
      errors: ["bad"],
    });
    const seen: unknown[] = [];
    const look = handler("check", { processBatch: (payload) => seen.push((payload as Json & { order: Json }).order) });
    const run = await testEngine([source("orders", [1]), broken, look, ship]);
    const onEnd = each({ from: "broken" });
    const input_inline = { input_adapter: "pull.outcomes", input_args: { where: { status: "failed" } } };
    const ended: GraphNode = { ...onEnd, io: { ...onEnd.io, start_when: "ended", input_inline } };
    const task = await run.engine.run({
      nodes: [node("orders"), node("broken", ["orders"]), ended],
      flows: { order: oneOrder },
    });
    const view = await task.wait();
    expect(view.failure).toMatchObject({ nodeId: "broken", reasonCode: "bad" });
    expect(view.nodes.map(({ status }) => status)).toEqual(["finished", "failed", "finished"]);
    expect(seen).toMatchObject([{ nodeId: "broken", status: "failed" }]);
    expect((await childrenOf(run.store, task.id)).map(({ status }) => status)).toEqual(["finished"]);
  });

  test("is not claimed again by a stopping coordinator, however long its functions take", async () => {
    const [runs, checks] = [new Gate(), new Gate()];
    const slow: CoordinatorFunctionDefinition = {
      kind: "coordinatorFn",
      name: "slow",
      args: z.looseObject({}),
      output: z.json(),
      run: async () => {
        await runs.pass();
        return null;
      },
    };
    const roles = testRoles();
    const types = ["orders", "check", "ship"];
    const store = memoryStore({ state: roles.state });
    const { release } = store;
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    // Takes a turn of the event loop, as a database does: a loop of promises alone would never end.
    store.release = async (...asked) => turn().then(() => release.apply(store, asked));
    const claims = vi.spyOn(store, "claim");
    const coordinator = await roles.coordinator(types, { coordinatorFns: [slow], store });
    const held = check((order) => checks.pass().then(() => order));
    await roles.worker([source("orders", [1]), held, ship]);
    const task = await coordinator.run(flowOf(each(), node("slow", [], { fn: "slow" })));
    await until(() => runs.arrived === 1 && checks.arrived === 1);
    claims.mockClear();
    const stopped = coordinator.stop({ graceMs: 100_000 });
    checks.open(); // the results of its task cannot be read any more
    const statusOf = async (taskId: string) => (await roles.store.readTask(taskId))?.status;
    await until(async () => (await statusOf((await childrenOf(roles.store, task.id))[0]?.id ?? "")) === "finished");
    for (let turns = 0; turns < 100; turns++) await turn();
    expect(claims.mock.calls.map(([{ nodeId }]) => nodeId)).not.toContain("each");
    runs.open();
    await stopped;
    const [record] = await roles.store.readShards(task.id, ["each"]);
    expect(record).toMatchObject({ status: "queued", lost: 0 }); // it was released, for another coordinator
  });

  test("begins no task of a flow that is paused", async () => {
    const run = await testEngine([source("orders", [1, 2]), check(), ship]);
    await run.engine.flows.pause("order");
    const task = await run.engine.run({
      nodes: [node("orders"), each()],
      flows: { order: { name: "order", ...oneOrder } },
    });
    await until(async () => (await childrenOf(run.store, task.id)).length === 2);
    for (const { id } of await childrenOf(run.store, task.id)) expect(await run.store.readShards(id)).toEqual([]);
    await run.engine.flows.resume("order");
    expect((await task.result()).each).toHaveLength(2);
  });
});
