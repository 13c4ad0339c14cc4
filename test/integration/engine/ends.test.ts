import { describe, expect, expectTypeOf, onTestFinished, test } from "vitest";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import type { TaskFailure } from "../../../src/core/model/records.ts";
import { Coordinator } from "../../../src/engine/coordinator.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const breaks = handler("breaks", {
  processBatch() {
    throw new PermanentError("broken", "no luck");
  },
});

describe("engine.on", () => {
  test("reports how each task ended, once", async () => {
    const gate = new Gate();
    const waits = handler("waits", { processBatch: (_, ctx) => gate.pass(ctx.signal) });
    const { engine } = await testEngine([source("src", [1]), breaks, waits]);
    const seen: object[] = [];
    engine.on("taskFinished", (event) => void seen.push({ finished: event.taskId, flow: event.flow }));
    engine.on("taskFailed", (event) => {
      expectTypeOf(event.failure).toEqualTypeOf<TaskFailure>();
      seen.push({ failed: event.taskId, at: event.failure.nodeId, code: event.failure.reasonCode });
    });
    engine.on("taskCancelled", (event) => void seen.push({ cancelled: event.taskId, reason: event.cancelReason }));
    const fine = await engine.run({ ...graphOf(node("src")), name: "fine" });
    await fine.result();
    const bad = await engine.run(graphOf(node("src"), node("breaks", ["src"])));
    await bad.wait();
    const slow = await engine.run(graphOf(node("src"), node("waits", ["src"])));
    await until(() => gate.arrived === 1);
    await slow.cancel({ reason: "wrong day" });
    await slow.wait();
    await engine.stop();
    expect(seen).toEqual([
      { finished: fine.id, flow: "fine" },
      { failed: bad.id, at: "breaks", code: "broken" },
      { cancelled: slow.id, reason: "wrong day" },
    ]);
  });

  test("only in the process that ended the task, until the listener is disposed", async () => {
    const store = memoryStore();
    const seen: string[] = [];
    const idle = new Coordinator({ store, workerTypes: ["src"], sweepMs: 3_600_000, tickMs: 3_600_000 });
    await idle.start();
    onTestFinished(() => idle.stop());
    idle.on("taskFinished", () => seen.push("idle"));
    const engine = await createEngine({ handlers: [source("src", [1])], store });
    onTestFinished(() => engine.stop());
    const listening = engine.on("taskFinished", () => seen.push("own"));
    await (await engine.run(graphOf(node("src")))).result();
    await until(() => seen.length > 0);
    listening[Symbol.dispose]();
    await (await engine.run(graphOf(node("src")))).result();
    await engine.stop();
    await idle.stop();
    expect(seen).toEqual(["own"]);
  });

  test("a listener that throws is logged, and does not prevent the others; a stop awaits them", async () => {
    const logger = new RecordingLogger();
    const engine = await createEngine({ handlers: [source("src", [1])], logger });
    onTestFinished(() => engine.stop());
    let ended = false;
    engine.on("taskFinished", () => {
      throw new Error("pager is gone");
    });
    engine.on("taskFinished", async () => {
      await new Promise((resolve) => setImmediate(resolve));
      ended = true;
    });
    await (await engine.run(graphOf(node("src")))).result();
    await engine.stop();
    expect(ended).toBe(true);
    expect(logger.problems).toEqual([{ level: "error", message: "a listener failed", error: "Error: pager is gone" }]);
    expect(() => engine.on("taskEnded" as "taskFailed", () => {})).toThrow("no event 'taskEnded'");
  });
});
