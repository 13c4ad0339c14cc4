import { describe, expect, test } from "vitest";
import { MemoryState } from "../../../src/adapters/memory/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

describe("a paused task", () => {
  test("ends the batches in progress, begins nothing new, and continues where it stopped", async () => {
    const gates = numbers(6).map(() => new Gate());
    const begun: number[] = [];
    const { engine, record, artifacts } = await testEngine([
      source("src", numbers(6), {
        processBatch: async (payload, ctx) => {
          begun.push(payload as number);
          await gates[payload as number]?.pass(ctx.signal);
          return payload as number;
        },
      }),
      handler("after"),
    ]);
    const task = await engine.run(graphOf(node("src"), node("after", ["src"])));
    gates[0]?.open();
    await until(() => begun.length === 2);
    expect(await task.pause()).toBe("recorded");
    expect(await task.pause()).toBe("already");
    expect((await task.status()).status).toBe("paused");
    expect((await task.explain()).nodes[0]?.text).toMatch(/its task is paused$/);
    gates[1]?.open();
    await until(async () => (await record(task.id, "src")).status === "deferred");
    expect(begun).toEqual([0, 1]);
    const paused = await record(task.id, "src");
    expect(paused).toMatchObject({ failures: 0, lost: 0, epoch: 1 });
    expect(paused.dueAt).toBeUndefined();
    expect((await task.explain()).nodes[0]?.text).toBe(
      "src is paused with its task, and continues when the task is resumed",
    );
    expect((await task.status()).nodes[0]?.status).toBe("paused");
    for (const gate of gates) gate.open();
    expect(await task.resume()).toBe("recorded");
    expect(await task.resume()).toBe("already");
    expect(await task.result()).toEqual({ after: numbers(6) });
    expect(begun).toEqual(numbers(6));
    expect((await artifacts(task.id, "src")).map(({ seq, epoch }) => [seq, epoch])).toEqual(
      numbers(6).map((seq) => [seq, seq < 2 ? 1 : 2]),
    );
    expect(await task.pause()).toBe("terminal");
    expect(await task.resume()).toBe("terminal");
  });

  test("claims nothing that was queued, and dispatches nothing that can be claimed", async () => {
    const gate = new Gate();
    const { engine, record, writes } = await testEngine(
      [handler("first", { processBatch: () => gate.pass().then(() => 1) }), handler("next"), handler("other")],
      { capacity: 1 },
    );
    const task = await engine.run(graphOf(node("first"), node("other"), node("next", ["first"])));
    await until(() => gate.arrived === 1);
    await engine.pause(task.id);
    expect((await record(task.id, "other")).status).toBe("deferred");
    gate.open();
    await until(async () => (await record(task.id, "next").catch(() => undefined)) !== undefined);
    const idle = await engine.run(graphOf(node("other")));
    await idle.result();
    const claimed = writes.flatMap((event) =>
      event.kind === "shard" && event.cause === "claim" && event.record.taskId === task.id ? event.record.nodeId : [],
    );
    expect(claimed).toEqual(["first"]);
    expect(await record(task.id, "next")).toMatchObject({ status: "deferred", paused: {} });
    await engine.resume(task.id);
    expect(await task.result()).toEqual({ other: [{}], next: [1] });
  });

  test("interrupts a source that waits for its next batch", async () => {
    const gate = new Gate();
    const { engine, record } = await testEngine([
      handler("src", {
        iterBatches: (_args, ctx) => paced(numbers(3), (nth) => (nth < 1 ? Promise.resolve() : gate.pass(ctx.signal))),
      }),
    ]);
    const task = await engine.run(graphOf(node("src")));
    await until(() => gate.arrived === 1);
    await task.pause();
    await until(async () => (await record(task.id, "src")).status === "deferred");
    gate.open();
    await task.resume();
    expect(await task.result()).toEqual({ src: numbers(3) });
  });

  test("is paused in all processes, and stays so when they start again", async () => {
    const state = new MemoryState();
    const first = await testEngine([handler("a"), handler("b")], { state, capacity: 1 });
    const task = await first.engine.run(graphOf(node("a", [], { delay_sec: 1_000 }), node("b", ["a"])));
    await task.pause();
    await first.engine.stop();
    const second = await testEngine([handler("a"), handler("b")], { state, sweepMs: 20 });
    const again = second.engine.task(task.id);
    expect((await again.status()).status).toBe("paused");
    await again.resume();
    expect((await again.status()).status).toBe("deferred");
    const resumed = await second.record(task.id, "a");
    expect(resumed.dueAt).toBe((resumed.history[0]?.at ?? 0) + 1_000_000);
    await again.cancel();
    expect((await again.wait()).status).toBe("cancelled");
  });

  test("keeps when a retry is due, and does not retry meanwhile", async () => {
    const time = stillTime();
    let tries = 0;
    const { engine, record } = await testEngine([
      handler("a", {
        setup: () => {
          tries++;
          throw new Error("not yet");
        },
      }),
    ]);
    const policy = { max: 5, backoff_sec: 10, backoff_factor: 1, jitter: 0 };
    const task = await engine.run(graphOf(node("a", [], { retry_policy: policy })));
    while ((await record(task.id, "a").catch(() => undefined))?.status !== "deferred") await time.pass(1);
    await time.during(task.pause());
    await time.pass(60_000);
    expect(tries).toBe(1);
    await time.during(task.resume());
    await time.pass(100);
    expect(tries).toBe(2);
    await time.during(task.cancel());
  });

  test("that is cancelled runs the handlers of outcomes, which were paused too", async () => {
    const gate = new Gate();
    const undone: unknown[] = [];
    const { engine, record } = await testEngine([
      handler("a", { processBatch: () => gate.pass().then(() => 1) }),
      handler("undo", { processBatch: (outcome) => undone.push(outcome) }),
    ]);
    const io = { start_when: "ended", input_inline: { input_adapter: "pull.outcomes" } } as const;
    const task = await engine.run(graphOf(node("a"), { ...node("undo", ["a"]), io }));
    await until(() => gate.arrived === 1);
    await task.pause();
    gate.open();
    await until(async () => (await record(task.id, "undo").catch(() => undefined))?.status === "deferred");
    expect(undone).toEqual([]);
    await task.cancel();
    expect((await task.wait()).status).toBe("cancelled");
    expect(undone).toEqual([{ nodeId: "a", status: "finished" }]);
  });

  test("fails at its deadline", async () => {
    const time = stillTime();
    const { engine } = await testEngine([handler("a")]);
    const task = await engine.run(graphOf(node("a", [], { delay_sec: 5 })), { deadlineSec: 60 });
    await time.during(task.pause());
    expect(await time.during(task.wait())).toMatchObject({
      status: "failed",
      failure: { reasonCode: "deadline_exceeded" },
    });
  });

  test("gets its signals: the node ends once it is resumed, even if its time has passed since", async () => {
    const time = stillTime();
    const wait = node("ask", [], { fn: "wait.signal", fnArgs: { payload: {}, on_timeout: "late" }, timeout_sec: 60 });
    const { engine, record } = await testEngine([]);
    const task = await time.during(engine.run(graphOf(wait)));
    await time.during(task.pause());
    await time.pass(50_000);
    expect(await time.during(task.signal("ask", "yes"))).toBe("accepted");
    await time.pass(50_000);
    expect((await record(task.id, "ask")).status).toBe("deferred");
    await time.during(task.resume());
    expect(await time.during(task.result())).toEqual({ ask: "yes" });
  });

  test("appears in the events of the task", async () => {
    const { engine } = await testEngine([handler("a")]);
    const task = await engine.run(graphOf(node("a", [], { delay_sec: 1_000 })));
    const told: string[] = [];
    for await (const event of task.events({ sampleMs: 1 })) {
      if (event.kind === "node") told.push(`${event.nodeId} ${event.cause} ${event.to}`);
      if (event.kind === "node" && event.cause === "dispatch") await task.pause();
      if (event.kind !== "task") continue;
      told.push(`${event.status} ${event.paused ?? ""}`);
      if (event.paused === true) await task.resume();
      if (event.paused === false) await task.cancel();
    }
    expect(told).toEqual([
      ...["running ", "a dispatch deferred", "a pause deferred", "running true", "a resume deferred", "running false"],
      ...["a cancel cancelled", "cancelled "],
    ]);
  });
});
