import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { Client, Coordinator, Worker } from "../../../src/engine/index.ts";
import { RetryableError, silentLogger } from "../../../src/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { runProcess } from "../../helpers/run-process.ts";

const refusing = (bad: number) =>
  handler("step", {
    processBatch: (n) => {
      if (n === bad) throw new RetryableError("refused", `no ${n}`);
      return n;
    },
  });
const retried = { retry_policy: { max: 1, ...atOnce } } as const;

describe("on-call reads in the log", () => {
  test("each failed try, the node and the task that failed", async () => {
    const { engine, logged } = await testEngine([source("src", numbers(3)), refusing(1)]);
    const task = await engine.run({ ...graphOf(node("src"), node("step", ["src"], retried)), name: "etl" });
    await task.wait();
    const at = { taskId: task.id, flow: "etl", nodeId: "step", shard: 0, epoch: 1, batchUid: "1" };
    const why = { reasonCode: "refused", error: "no 1" };
    expect(logged).toEqual([
      { level: "info", fields: { taskId: task.id, flow: "etl" }, message: "a task started" },
      {
        level: "warn",
        fields: { ...at, ...why, tries: 1, maxTries: 2, retryInMs: 0 },
        message: "a batch failed; will retry",
      },
      { level: "warn", fields: { ...at, ...why, tries: 2 }, message: "a node failed" },
      { level: "error", fields: { ...at, ...why, tries: 2 }, message: "a task failed" },
    ]);
  });

  test("an attempt that failed outside of batches, and the end of a task that finished", async () => {
    let attempts = 0;
    const setup = () => {
      if (++attempts === 1) throw new Error("no connection");
    };
    const { engine, logged } = await testEngine([source("src", [1], { setup })]);
    const task = await engine.run(graphOf(node("src", [], retried)));
    await task.result();
    const of = { taskId: task.id, flow: undefined };
    expect(logged).toEqual([
      { level: "info", fields: of, message: "a task started" },
      {
        level: "warn",
        fields: {
          ...{ ...of, nodeId: "src", shard: 0, epoch: 1, method: "setup", reasonCode: "setup_failed" },
          ...{ error: "no connection", failures: 1, maxFailures: 2, retryInMs: 0 },
        },
        message: "an attempt failed; will retry",
      },
      { level: "info", fields: of, message: "a task finished" },
    ]);
  });

  test("a batch that is set aside", async () => {
    const policy = { retry_policy: { max: 0 }, batches: { on_failure: "set_aside" } } as const;
    const { engine, logged } = await testEngine([source("src", numbers(3)), refusing(1)]);
    const task = await engine.run(graphOf(node("src"), node("step", ["src"], policy)));
    await task.result();
    expect(logged.filter(({ level }) => level !== "info")).toEqual([
      {
        level: "warn",
        fields: expect.objectContaining({ nodeId: "step", batchUid: "1", reasonCode: "refused", tries: 1 }),
        message: "a batch failed for good; set aside",
      },
    ]);
  });

  test("a task that was cancelled, and its retry", async () => {
    const { engine, logged } = await testEngine([
      source("src", [1], {
        processBatch: (_, ctx) => new Promise((_done, fail) => ctx.signal.addEventListener("abort", fail)),
      }),
    ]);
    const graph = graphOf(node("src"));
    const task = await engine.run(graph);
    await task.cancel({ reason: "not today" });
    await task.wait();
    const again = await engine.retry(task.id, { from: "failed" });
    await again.cancel();
    await again.wait();
    expect(logged.map(({ message, fields }) => [message, fields])).toEqual([
      ["a task started", { taskId: task.id, flow: undefined }],
      ["a task was cancelled", { taskId: task.id, flow: undefined, reason: "not today" }],
      ["a task started", { taskId: again.id, flow: undefined, retryOf: task.id }],
      ["a task was cancelled", { taskId: again.id, flow: undefined, reason: expect.any(String) }],
    ]);
  });
});

test("a task that another process created starts in the logs of the worker and of the coordinator, once each", async () => {
  const state = new MemoryState();
  const store = () => memoryStore({ state });
  const [ofCoordinator, ofWorker] = [new RecordingLogger(), new RecordingLogger()];
  const handlers = [source("src", [1]), handler("step")];
  await using client = new Client({ store: store(), logger: silentLogger, handlers });
  await using coordinator = new Coordinator({ store: store(), logger: ofCoordinator, handlers });
  await using worker = new Worker({ store: store(), logger: ofWorker, handlers });
  for (const part of [client, coordinator, worker]) await part.start();
  const { id: taskId } = await client.run({ ...graphOf(node("src"), node("step", ["src"])), name: "etl" });
  await client.task(taskId).result();
  const of = { taskId, flow: "etl" };
  const messages = ({ lines }: RecordingLogger) => lines.map(({ message, fields }) => [message, fields]);
  expect(messages(ofWorker)).toEqual([["a task started", of]]);
  expect(messages(ofCoordinator)).toEqual([
    ["a task started", of],
    ["a task finished", of],
  ]);
});

describe("an engine without a logger", () => {
  const program = (options: string) => `
    import { createEngine } from "flowkit/engine";
    import { defineHandler, flow, PermanentError, silentLogger } from "flowkit";
    import * as z from "zod";
    const bad = defineHandler("bad", { output: z.int(), processBatch() { throw new PermanentError("broken", "it is broken"); } });
    const shop = flow("shop").node("pay", bad);
    for (const day of [1, 2]) {
      await using engine = await createEngine({ handlers: shop.handlers, ${options} });
      await (await engine.run(shop)).wait();
    }
  `;
  const run = async (options: string) => {
    const from = ["--import", resolve("test/helpers/flowkit-from-source.ts"), "--input-type=module"];
    const { exitCode, output } = await runProcess("node", [...from, "-e", program(options)]);
    expect(exitCode, output).toBe(0);
    return output;
  };

  test("writes what goes wrong to stderr, and once how to change that", async () => {
    const [first, ...lines] = (await run("")).trimEnd().split("\n");
    expect(first).toMatch(/^flowkit logs warnings and errors to stderr; pass `logger` /);
    const where = 'taskId="[^"]+" flow="shop" nodeId="pay" shard=0 epoch=1';
    const why = 'reasonCode="broken" batchUid="0" tries=1 error="it is broken"';
    const end = [`flowkit warn a node failed ${where} ${why}`, `flowkit error a task failed ${where} ${why}`];
    expect(lines).toEqual([...end, ...end].map((line) => expect.stringMatching(`^${line}$`)));
  });

  test("writes nothing with silentLogger", async () => {
    expect(await run("logger: silentLogger")).toBe("");
  });
});
