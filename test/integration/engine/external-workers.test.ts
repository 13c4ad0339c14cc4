import { describe, expect, onTestFinished, test } from "vitest";
import { memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { AnnounceMessage, Message } from "../../../src/core/messages/messages.ts";
import { systemClock } from "../../../src/core/ports/system.ts";
import { Coordinator } from "../../../src/engine/coordinator.ts";
import { Worker } from "../../../src/engine/worker.ts";
import { type Json, PermanentError, RetryableError } from "../../../src/errors/index.ts";
import { sharedBus } from "../../helpers/engines.ts";
import { ExternalSide } from "../../helpers/external-side.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const ours = [source("read", [{ page: 1 }]), handler("keep")];
const graph = graphOf(
  node("read"),
  node("ocr", ["read"], { retry_policy: { max: 2, permanent_on: ["bad_scan"], ...atOnce } }),
  node("keep", ["ocr"]),
);

async function running(options: Parameters<typeof ExternalSide.open>[1] = {}) {
  const side = await ExternalSide.open(ours, options);
  const task = await side.coordinator.run(graph);
  return { side, task, command: await side.command(1) };
}

test("a node behind a handler of outcomes gets its command also in a task that has failed", async () => {
  const broken = source("read", [{ page: 1 }], {
    processBatch() {
      throw new PermanentError("torn", "page 1 is torn");
    },
  });
  const side = await ExternalSide.open([broken, handler("note"), handler("keep")]);
  const note = node("note", ["read"], { adapter: "pull.outcomes" });
  const task = await side.coordinator.run(
    graphOf(
      node("read"),
      { ...note, io: { ...note.io, start_when: "ended" } },
      node("ocr", ["note"]),
      node("keep", ["read"]),
    ),
  );
  const command = await side.command(1);
  expect((await task.status()).status).toBe("cancelling");
  await side.batch(command, "a", { text: "a" });
  await side.done(command);
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_FAILED", message: expect.stringContaining("torn") });
  expect((await side.record(task.id))?.status).toBe("finished");
});

describe("an external worker's attempt", () => {
  test("acceptance, batches and end become claim, artifacts and outcome", async () => {
    const { side, task, command } = await running();
    await side.lease(command, "TASK_ACCEPTED");
    await side.reaches(task.id, "running");
    const { lease } = (await side.record(task.id)) ?? {};
    expect(lease).toMatchObject({ workerId: "w1", claimId: "lease-w1-1" });
    await side.batch(command, "a", { text: "a" });
    await side.batch(command, "b", { text: "b" });
    await side.done(command);
    expect(await task.result()).toEqual({ keep: [{ text: "a" }, { text: "b" }] });
    expect(await side.record(task.id)).toMatchObject({ epoch: 1, count: 2, metrics: { pages: 2 } });
    expect(side.cancels).toEqual([]);
    await until(() => side.external.ends.size === 0, "the end of its worker's word that it has no more");
    await side.done(command); // a repeated message
    await until(() => side.external.ends.size === 0, "the end of that");
  });

  test("its lease lasts as long as the message says, by the sender's clock", async () => {
    const { side, task, command } = await running();
    const before = systemClock().now();
    await side.lease(command, "TASK_ACCEPTED", { forMs: 40_000 });
    await side.reaches(task.id, "running");
    const deadline = async () => ((await side.record(task.id))?.lease?.deadline ?? 0) - before;
    expect(await deadline()).toBeGreaterThanOrEqual(40_000);
    expect(await deadline()).toBeLessThan(100_000);
    await side.lease(command, "TASK_HEARTBEAT", { forMs: 200_000 });
    await until(async () => (await deadline()) >= 200_000, "the renewal");
  });

  test("an event without an acceptance counts as the acceptance", async () => {
    const { side, task, command } = await running();
    await side.batch(command, "a", { text: "a" });
    await side.lease(command, "TASK_ACCEPTED");
    await side.done(command);
    expect(await task.result()).toEqual({ keep: [{ text: "a" }] });
    expect(side.cancels).toEqual([]);
  });

  test("a repeated event has no effect", async () => {
    const { side, task, command } = await running();
    const twice = async (say: () => Promise<void>) => {
      await say();
      await say();
    };
    await twice(() => side.lease(command, "TASK_ACCEPTED"));
    await twice(() => side.batch(command, "a", { text: "a" }));
    await twice(() => side.batch(command, "b", { text: "b" }));
    await side.batch(command, "a", { text: "a" });
    await twice(() => side.done(command));
    expect(await task.result()).toEqual({ keep: [{ text: "a" }, { text: "b" }] });
    expect((await side.record(task.id))?.history.map(({ cause }) => cause)).toEqual(["dispatch", "claim", "complete"]);
  });

  test("a batch without a row fails the attempt", async () => {
    const { side, task, command } = await running();
    await side.say(command, { kind: "BATCH_OK", batchUid: "a", metrics: {}, artifactsRef: {} });
    const again = await side.command(2);
    expect(again.epoch).toBe(2);
    expect((await side.record(task.id))?.history).toContainEqual(
      expect.objectContaining({ cause: "fail", reasonCode: "foreign_row_missing" }),
    );
    expect(side.cancels).toMatchObject([{ targetWorkerId: "w1", epoch: 1 }]);
  });

  test("a batch whose message was lost is stamped at the end; one left by an earlier attempt is not", async () => {
    const { side, task, command } = await running();
    await side.lease(command, "TASK_ACCEPTED");
    side.store(command, "stale", { text: "stale" });
    await side.say(command, { kind: "TASK_FAILED", reasonCode: "no_ink", permanent: false });
    const second = await side.command(2);
    await side.batch(second, "a", { text: "a" });
    side.store(second, "b", { text: "b" });
    await side.batch(second, "c", { text: "c" });
    await side.done(second);
    expect(await task.result()).toEqual({ keep: [{ text: "a" }, { text: "c" }, { text: "b" }] });
  });

  test("a batch reported without a row becomes no artifact", async () => {
    const { side, task, command } = await running();
    await side.say(command, { kind: "BATCH_OK", batchUid: "a", metrics: {} });
    await side.done(command);
    expect(await task.result()).toEqual({ keep: [] });
  });
});

describe("the end of an external worker's attempt", () => {
  test("a failure is retried with the next epoch, and stored batches are kept", async () => {
    const { side, task, command } = await running();
    await side.batch(command, "a", { text: "a" });
    await side.say(command, { kind: "TASK_FAILED", reasonCode: "no_ink", permanent: false, error: "dry" });
    const second = await side.command(2);
    expect(second.epoch).toBe(2);
    expect(side.external.prepared).toBe(2);
    await side.batch(second, "a", { text: "a" });
    await side.batch(second, "b", { text: "b" });
    await side.done(second);
    expect(await task.result()).toEqual({ keep: [{ text: "a" }, { text: "b" }] });
    expect((await side.record(task.id))?.failures).toBe(1);
  });

  test("retries are counted", async () => {
    const { side, task } = await running();
    for (const number of [1, 2, 3]) {
      const command = await side.command(number);
      await side.say(command, { kind: "TASK_FAILED", reasonCode: "no_ink", permanent: false, error: "dry" });
    }
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_FAILED", details: { reasonCode: "no_ink" } });
    expect(side.commands).toHaveLength(3);
  });

  test.for([
    ["the worker says that it is permanent", { reasonCode: "no_ink", permanent: true }],
    ["the graph does", { reasonCode: "bad_scan", permanent: false }],
  ] as const)("a failure is permanent if %s", async ([, how]) => {
    const { side, task, command } = await running();
    await side.say(command, { kind: "TASK_FAILED", ...how, error: { page: 7 } });
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: how.reasonCode, nodeId: "ocr" } });
    expect((await side.record(task.id))?.failure).toMatchObject({ message: '{"page":7}', epoch: 1 });
  });

  test.for([
    ["CANCELLED", { kind: "CANCELLED", reason: "whatever it says" }],
    ["TASK_DONE", { kind: "TASK_DONE", metrics: {} }],
    ["TASK_FAILED", { kind: "TASK_FAILED", reasonCode: "stopped", permanent: true }],
  ] as const)("a cancel is sent, and %s confirms it", async ([, event]) => {
    const { side, task, command } = await running();
    await side.lease(command, "TASK_ACCEPTED");
    await side.reaches(task.id, "running");
    await task.cancel({ reason: "enough" });
    await until(() => side.cancels.length > 0, "the signal");
    const { cancelToken } = command;
    expect(side.cancels[0]).toMatchObject({ targetWorkerId: "w1", epoch: 1, reason: "enough", cancelToken });
    await side.batch(command, "late", { text: "late" });
    await side.say(command, event);
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
    expect(await side.record(task.id)).toMatchObject({ status: "cancelled" });
    expect((await side.record(task.id))?.history.at(-1)?.cause).toBe("confirm_cancelled");
    expect(await side.external.store.tail({ taskId: task.id, nodeId: "ocr", shard: 0 }, 0)).toMatchObject({
      length: 0,
    });
  });

  test("a worker that releases an attempt that was not cancelled has not failed", async () => {
    const { side, task, command } = await running();
    await side.lease(command, "TASK_ACCEPTED");
    await side.say(command, { kind: "CANCELLED", reason: "shutdown" });
    const second = await side.command(2);
    await side.done(second, "w2");
    expect(await task.result()).toEqual({ keep: [] });
    expect(await side.record(task.id)).toMatchObject({ epoch: 2, failures: 0, lost: 0 });
  });
});

describe("ownership of an attempt", () => {
  test("a command that is not accepted gets the next epoch, and a late acceptance a cancel", async () => {
    const { side, task, command } = await running({ externalAcceptMs: 50 });
    const second = await side.command(2);
    expect(second).toMatchObject({ epoch: 2, inputInline: command.inputInline });
    await side.lease(command, "TASK_ACCEPTED");
    await until(() => side.cancels.length > 0, "the signal");
    expect(side.cancels[0]).toMatchObject({ targetWorkerId: "w1", epoch: 1, cancelToken: command.cancelToken });
    expect((await side.record(task.id))?.lease).toBeUndefined();
  });

  test("a dead worker loses its lease and receives a cancel, and another one continues", async () => {
    const { side, task, command } = await running();
    await side.lease(command, "TASK_ACCEPTED", { forMs: 1 }); // a second, as short as it gets
    await side.batch(command, "a", { text: "a" });
    const second = await side.command(2);
    expect(second.epoch).toBe(2);
    await until(() => side.cancels.length > 0, "the signal");
    expect(side.cancels[0]).toMatchObject({ targetWorkerId: "w1", epoch: 1, reason: "lease_lost" });
    await side.lease(second, "TASK_ACCEPTED", { workerId: "w2" });
    // The first worker is still alive and has not noticed.
    await side.batch(command, "stale", { text: "stale" });
    await side.done(command);
    await side.say(command, { kind: "TASK_FAILED", reasonCode: "stale", permanent: true });
    await side.batch(second, "a", { text: "a" }, "w2");
    await side.batch(second, "b", { text: "b" }, "w2");
    await side.done(second, "w2");
    expect(await task.result()).toEqual({ keep: [{ text: "a" }, { text: "b" }] });
    expect(await side.record(task.id)).toMatchObject({ lost: 1, failures: 0, count: 2 });
  });

  test("of two workers that accept one command, the first owns it and the other receives a cancel", async () => {
    const { side, task, command } = await running();
    await side.lease(command, "TASK_ACCEPTED");
    await side.reaches(task.id, "running");
    await side.lease(command, "TASK_ACCEPTED", { workerId: "w2" });
    await side.batch(command, "theirs", { text: "theirs" }, "w2");
    await side.say(command, { kind: "TASK_FAILED", reasonCode: "theirs", permanent: true }, "w2");
    await until(() => side.cancels.length === 2, "the signals");
    expect(new Set(side.cancels.map(({ targetWorkerId }) => targetWorkerId))).toEqual(new Set(["w2"]));
    await side.batch(command, "a", { text: "a" });
    await side.done(command);
    expect(await task.result()).toEqual({ keep: [{ text: "a" }] });
  });

  test("a worker's messages about its earlier attempt do not affect its later one", async () => {
    const { side, task, command } = await running();
    await side.say(command, { kind: "TASK_FAILED", reasonCode: "no_ink", permanent: false });
    const second = await side.command(2);
    await side.lease(second, "TASK_ACCEPTED");
    await side.reaches(task.id, "running");
    await side.batch(command, "stale", { text: "stale" });
    await side.say(command, { kind: "TASK_FAILED", reasonCode: "stale", permanent: true });
    await side.done(command);
    await side.batch(second, "a", { text: "a" });
    await side.done(second);
    expect(await task.result()).toEqual({ keep: [{ text: "a" }] });
    expect(await side.record(task.id)).toMatchObject({ epoch: 2, failures: 1 });
  });

  test.for([
    ["by fan_in", ["first", "read"], { fan_in: "any" }],
    ["being further up", ["first"], { adapter: "pull.from_artifacts", adapterArgs: { from_nodes: ["first", "read"] } }],
  ] as const)(
    "a source that it does not wait for, %s, and that restarts makes it restart",
    async ([, parents, options]) => {
      const time = stillTime();
      const gate = new Gate();
      const read = handler("read", {
        resumable: false,
        async *iterBatches(_args, { epoch }) {
          yield { payload: { page: 1 } };
          await gate.pass();
          if (epoch === 1) throw new RetryableError("torn");
          yield { payload: { page: 2 } };
        },
      });
      const side = await ExternalSide.open([source("first", [{ page: 0 }]), read, handler("keep")]);
      const retry = { retry_policy: { max: 3, ...atOnce } };
      const above = parents.length === 1 ? [node("any", ["read", "read0"], { fn: "noop", fan_in: "any" })] : [];
      const task = await side.coordinator.run(
        graphOf(
          node("read0", [], { type: "first" }),
          node(
            "first",
            above.map(({ node_id }) => node_id),
          ),
          node("read", [], retry),
          ...above,
          node("ocr", parents, { ...options, ...retry }),
        ),
      );
      const command = await time.during(side.command(1));
      await side.batch(command, "first", { page: 0 });
      await side.batch(command, "torn", { page: 1 });
      await until(() => gate.arrived === 1, "the first try");
      gate.open();
      const isFinished = async () => (await side.record(task.id, "read"))?.status === "finished";
      await time.during(until(isFinished, "the second try"));
      await time.pass(1); // a source that ended in the same millisecond may have ended later
      await side.done(command);
      const second = await time.during(side.command(2));
      expect(await side.record(task.id)).toMatchObject({ generation: 1, epoch: 2, failures: 1 });
      await side.batch(second, "a", { page: 1 });
      await side.done(second);
      expect(await time.during(task.result())).toMatchObject({ ocr: [{ page: 1 }] });
    },
  );

  test.each(["fails", "loses its lease"])(
    "output that an attempt that %s built from a source that restarts later is not part of the next one's",
    async (how) => {
      const time = stillTime();
      const gate = new Gate();
      const read = handler("read", {
        resumable: false,
        async *iterBatches(_args, { epoch }) {
          yield { payload: { epoch } };
          await gate.pass();
          if (epoch === 1) throw new RetryableError("torn");
          yield { payload: { epoch } };
        },
      });
      const side = await ExternalSide.open([read]);
      const retry = { retry_policy: { max: 3, ...atOnce } };
      const streaming = { start: "first_batch", ...retry } as const;
      const task = await side.coordinator.run(graphOf(node("read", [], retry), node("ocr", ["read"], streaming)));
      const command = await side.command(1);
      if (how === "loses its lease") await side.lease(command, "TASK_ACCEPTED", { forMs: 1 });
      await side.batch(command, "withdrawn", { epoch: 1 });
      const log = { taskId: task.id, nodeId: "ocr", shard: 0 };
      await until(async () => (await side.external.store.readArtifacts(log, 0, 0, 1)).length === 1, "its output");
      if (how === "fails") await side.say(command, { kind: "TASK_FAILED", reasonCode: "no_ink", permanent: false });
      const second = await time.during(side.command(2));
      gate.open();
      const isFinished = async () => (await side.record(task.id, "read"))?.status === "finished";
      await time.during(until(isFinished, "the source's second try"));
      await time.pass(1);
      for (const uid of ["a", "b"]) await side.batch(second, uid, { epoch: 2 });
      await side.done(second);
      const third = await time.during(side.command(3));
      expect(await side.record(task.id)).toMatchObject({ generation: 1, epoch: 3 });
      for (const uid of ["a", "b"]) await side.batch(third, uid, { epoch: 2 });
      await side.done(third);
      expect(await time.during(task.result())).toEqual({ ocr: [{ epoch: 2 }, { epoch: 2 }] });
      expect(side.commands).toHaveLength(3); // its new output is not checked a third time
    },
  );

  test("no message can end a node that external workers do not serve", async () => {
    const gate = new Gate();
    const side = await ExternalSide.open([
      source("read", [{ page: 1 }], { processBatch: (page) => gate.pass().then(() => page as Json) }),
    ]);
    const task = await side.coordinator.run(graphOf(node("read"), node("ocr", ["read"])));
    await until(() => gate.arrived === 1, "our attempt");
    const { lease } = (await side.record(task.id, "read")) ?? {};
    const forged = {
      kind: "TASK_START",
      taskId: task.id,
      nodeId: "read",
      shard: 0,
      epoch: 1,
      type: "ocr",
      cancelToken: "",
    } as const;
    await side.say(forged, { kind: "TASK_FAILED", reasonCode: "forged", permanent: true }, lease?.workerId);
    await side.say(forged, { kind: "TASK_DONE", metrics: {} }, lease?.workerId);
    gate.open();
    await side.done(await side.command(1));
    expect(await task.result()).toEqual({ ocr: [] });
  });
});

describe("worker announcements", () => {
  const announced = async (side: ExternalSide, taskId: string) => {
    const { nodes } = await side.coordinator.task(taskId).explain();
    return nodes.find(({ nodeId }) => nodeId === "ocr")?.why;
  };
  const online = { kind: "WORKER_ONLINE", roles: ["ocr", "more"], version: "1", capacity: 2 } as const;

  test("a node that no worker has accepted was offered to the workers that announced themselves", async () => {
    const { side, task, command } = await running();
    const say = (message: AnnounceMessage) => side.bus.publish("workers.announce.v1", "", message);
    expect(await announced(side, task.id)).toEqual({ reason: "offered", type: "ocr", announced: 0 });
    await say({ ...online, workerId: "w1", capabilities: { roles: ["ocr"] } });
    await say({ ...online, workerId: "w1" }); // a repeat may lack what it can
    await say({ ...online, workerId: "w2" });
    await say({ ...online, workerId: "ours", capabilities: { store_claims: true } });
    await say({ ...online, workerId: "other", roles: ["more"] });
    await say({ ...online, workerId: "long ago", sentAt: Date.now() - 3_600_000 });
    // Messages before "last" have been received with it.
    await say({ ...online, workerId: "last" });
    await until(async () => (await side.external.store.liveWorkers()).some(({ id }) => id === "last"), "the last word");
    expect(await announced(side, task.id)).toEqual({ reason: "offered", type: "ocr", announced: 3 });
    await say({ kind: "WORKER_OFFLINE", workerId: "w2" });
    await until(async () => !(await side.external.store.liveWorkers()).some(({ id }) => id === "w2"), "the goodbye");
    expect(await announced(side, task.id)).toEqual({ reason: "offered", type: "ocr", announced: 2 });
    await side.lease(command, "TASK_ACCEPTED");
    await side.reaches(task.id, "running");
    expect(await announced(side, task.id)).toMatchObject({ reason: "running", workerId: "w1" });
  });

  test.for([
    ["", ["WORKER_ONLINE", "WORKER_OFFLINE"]],
    ["etl.", []],
  ] as const)("a FlowKit worker announces itself on a bus with prefix '%s': %o", async ([prefix, kinds]) => {
    const bus = { ...sharedBus(memoryBus()), prefix };
    const said: Message[] = [];
    const handle = async (message: Message) => void said.push(message);
    await bus.subscribe({ group: "test", topics: ["workers.announce.v1"], handle });
    const store = memoryStore();
    const coordinator = new Coordinator({ store, bus, handlers: ours });
    const worker = new Worker({ store, bus, handlers: ours, capacity: 3 });
    onTestFinished(() => coordinator.stop());
    await Promise.all([coordinator.start(), worker.start()]);
    await until(async () => (await store.liveWorkers()).length === 2, "both in the store"); // including those that run functions
    await worker.stop();
    expect(said.map(({ kind }) => kind)).toEqual(kinds);
    if (prefix === "") {
      const capabilities = { roles: ["read", "keep"], store_claims: true };
      expect(said[0]).toMatchObject({ roles: ["read", "keep"], capabilities, capacity: 3 });
    }
  });
});

test("a retry runs the sources of an external worker's node again, even if they had finished", async () => {
  const gate = new Gate();
  let broken = true;
  const side = await ExternalSide.open([
    source("read", [{ page: 1 }]),
    source("late", [{ page: 2 }], {
      processBatch: async (page) => {
        await gate.pass();
        if (broken) throw new PermanentError("torn");
        return page as Json;
      },
    }),
  ]);
  const graph = graphOf(node("read"), node("late"), node("ocr", ["read", "late"], { fan_in: "any" }));
  const task = await side.coordinator.run(graph);
  const command = await side.command(1);
  await side.batch(command, "a", { page: 1 });
  await side.done(command);
  await side.reaches(task.id, "finished");
  gate.open();
  await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "torn" } });
  broken = false;
  const again = await side.coordinator.retry(task.id, { from: "failed" });
  const second = await side.command(2);
  expect(second.taskId).toBe(again.id);
  await until(async () => (await side.record(again.id, "read"))?.status === "finished", "its source");
  expect((await side.record(again.id, "read"))?.artifactsOf).toBeUndefined();
  await side.batch(second, "a", { page: 1 });
  await until(async () => (await side.record(again.id, "late"))?.status === "finished", "its other source");
  await side.done(second);
  expect(await again.result()).toEqual({ ocr: [{ page: 1 }] });
});
