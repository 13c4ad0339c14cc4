import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { Worker } from "../../../src/embedded/worker.ts";
import type { StatusMessage, TaskStartMessage } from "../../../src/engine/protocol/messages.ts";
import { sharedBus } from "../../helpers/engines.ts";
import { handler } from "../../helpers/handlers.ts";
import { MemoryRows } from "../../helpers/plain-rows.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { until } from "../../helpers/waiting.ts";

/** A worker of ours that serves this handler, and what it says to a coordinator that isn't. */
async function open(definition: HandlerDefinition) {
  const bus = sharedBus(memoryBus());
  const rows = new MemoryRows();
  const said: StatusMessage[] = [];
  await bus.subscribe({
    group: "theirs",
    topics: [`status.${definition.name}.v1`],
    handle: async (message) => void said.push(message as StatusMessage),
  });
  const store = Object.assign(memoryStore(), { plainRows: rows });
  const logger = new RecordingLogger();
  const worker = new Worker({ store, bus, handlers: [definition], coordinator: "foreign", logger });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  const has = (kind: StatusMessage["kind"]) => said.some((message) => message.kind === kind);
  return {
    said,
    rows,
    start: (rest: Pick<TaskStartMessage, "inputRef" | "inputInline" | "batching" | "traceparent">, nodeId = "n") => {
      const address = { taskId: "t", nodeId, shard: 0, epoch: 4, type: definition.name } as const;
      const command = { kind: "TASK_START", ...address, cancelToken: "token", ...rest } as const;
      return bus.publish(`cmd.${definition.name}.v1`, `t:${nodeId}`, command);
    },
    ends: (kind: StatusMessage["kind"]) => until(() => has(kind), kind),
  };
}

test("an input_ref is the handler's argument of that name", async () => {
  const args = z.object({ input_ref: z.object({ bucket: z.string() }), limit: z.int() });
  const read = handler("read", {
    args,
    iterBatches: (given) => [{ uid: "all", payload: given }],
    processBatch: (payload) => payload,
  });
  const { start, ends, rows } = await open(read);
  await start({ inputRef: { bucket: "films" }, inputInline: { limit: 3 } });
  await ends("TASK_DONE");
  expect(rows.rows.get("t:n:0")?.get("all")?.meta).toEqual({ input_ref: { bucket: "films" }, limit: 3 });
});

test("a handler whose arguments lack the input_ref of a command hears so, and nothing runs", async () => {
  const read = handler("read", { args: z.strictObject({}), iterBatches: () => [{ payload: 1 }] });
  const { start, ends, said, rows } = await open(read);
  await start({ inputRef: { bucket: "films" } });
  await ends("TASK_FAILED");
  expect(said.at(-1)).toMatchObject({
    reasonCode: "bad_input",
    permanent: true,
    error: expect.stringMatching("input_ref"),
  });
  expect(rows.rows.size).toBe(0);
});

test("a command with a batching is refused for good, in words: its batches would be others than it says", async () => {
  const read = handler("read", { iterBatches: () => [{ payload: 1 }] });
  const { start, ends, said, rows } = await open(read);
  await start({ batching: { size: 10 } });
  await ends("TASK_FAILED");
  expect(said.map(({ kind, epoch }) => `${kind} ${epoch}`)).toEqual(["TASK_ACCEPTED 4", "TASK_FAILED 4"]);
  expect(said.at(-1)).toMatchObject({
    reasonCode: "bad_input_args",
    permanent: true,
    error: expect.stringMatching(/'batching'.*rechunk:size/),
  });
  expect(rows.rows.size).toBe(0);
  await start({ batching: null }, "other"); // the worker goes on, and null says nothing
  await ends("TASK_DONE");
});

test.each([
  ["absent", {}],
  ["null", { inputRef: null, batching: null }],
  ["empty", { inputRef: {}, batching: {} }],
])("what a node doesn't have may be %s", async (_, rest) => {
  const read = handler("read", { args: z.strictObject({}), iterBatches: () => [{ payload: 1 }] });
  const { start, ends } = await open(read);
  await start(rest);
  await ends("TASK_DONE");
});

test("the trace context of a command is the handler's, and is in what is said of the attempt", async () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const read = handler("read", {
    iterBatches: () => [{ uid: "a", payload: 1 }],
    processBatch: (_, ctx) => ctx.traceparent,
  });
  const { start, ends, said, rows } = await open(read);
  await start({ traceparent });
  await ends("TASK_DONE");
  expect(rows.rows.get("t:n:0")?.get("a")?.meta).toBe(traceparent);
  expect(said.map((message) => message.traceparent)).toEqual([traceparent, traceparent, traceparent]);
});
