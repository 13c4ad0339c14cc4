import { describe, expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { StatusMessage, TaskSnapshotMessage, TaskStartMessage } from "../../../src/core/messages/messages.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { Worker } from "../../../src/engine/worker.ts";
import { PermanentError, RetryableError } from "../../../src/errors/index.ts";
import { carryAtMost, sharedBus } from "../../helpers/engines.ts";
import { handler } from "../../helpers/handlers.ts";
import { MemoryRows } from "../../helpers/plain-rows.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { Gate, until } from "../../helpers/waiting.ts";

/** A FlowKit worker that serves this handler, and its messages to an external coordinator. */
async function open(definition: HandlerDefinition) {
  const bus = sharedBus(memoryBus());
  const rows = new MemoryRows();
  const said: StatusMessage[] = [];
  const replies: TaskSnapshotMessage[] = [];
  await bus.subscribe({
    group: "theirs",
    topics: [`status.${definition.name}.v1`],
    handle: async (message) => void said.push(message as StatusMessage),
  });
  await bus.subscribe({
    group: "theirs too",
    topics: ["reply.tasks.v1"],
    handle: async (message) => void replies.push(message as TaskSnapshotMessage),
  });
  const store = Object.assign(memoryStore(), { plainRows: rows });
  const logger = new RecordingLogger();
  const worker = new Worker({ store, bus, handlers: [definition], coordinator: "external", logger });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  const has = (kind: StatusMessage["kind"]) => said.some((message) => message.kind === kind);
  return {
    bus,
    said,
    replies,
    rows,
    kinds: () => said.map(({ kind, epoch }) => `${kind} ${epoch}`),
    discover: (nodeId: string) =>
      bus.publish("query.tasks.v1", "t", {
        kind: "TASK_DISCOVER",
        ...{ taskId: "t", nodeId, shard: 0, epoch: 5, type: definition.name, wantEpoch: 5, corrId: `about ${nodeId}` },
      }),
    start: (rest: Pick<TaskStartMessage, "inputRef" | "inputInline" | "batching" | "traceparent">, nodeId = "n") => {
      const address = { taskId: "t", nodeId, shard: 0, epoch: 4, type: definition.name } as const;
      const command = { kind: "TASK_START", ...address, cancelToken: "token", ...rest } as const;
      return bus.publish(`cmd.${definition.name}.v1`, `t:${nodeId}`, command);
    },
    ends: (kind: StatusMessage["kind"]) => until(() => has(kind), kind),
  };
}

test("an input_ref becomes the handler's argument of that name", async () => {
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

test("a handler whose arguments do not accept the command's input_ref fails with that message, and nothing runs", async () => {
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

test("a command with batching is refused permanently, with an explanation: its batches would differ", async () => {
  const read = handler("read", { iterBatches: () => [{ payload: 1 }] });
  const { start, ends, said, rows, kinds } = await open(read);
  await start({ batching: { size: 10 } });
  await ends("TASK_FAILED");
  expect(kinds()).toEqual(["TASK_ACCEPTED 4", "TASK_FAILED 4"]);
  expect(said.at(-1)).toMatchObject({
    reasonCode: "bad_input_args",
    permanent: true,
    error: expect.stringMatching(/'batching'.*rechunk:size/),
  });
  expect(rows.rows.size).toBe(0);
  await start({ batching: null }, "other"); // the worker keeps running, and null counts as absent
  await ends("TASK_DONE");
});

test.each([
  ["absent", {}],
  ["null", { inputRef: null, batching: null }],
  ["empty", { inputRef: {}, batching: {} }],
])("a field that a node does not have may be %s", async (_, rest) => {
  const read = handler("read", { args: z.strictObject({}), iterBatches: () => [{ payload: 1 }] });
  const { start, ends } = await open(read);
  await start(rest);
  await ends("TASK_DONE");
});

test("a batch that fails ends the attempt at once: the coordinators retry it, by their own policy", async () => {
  const tries: unknown[] = [];
  const read = handler("read", {
    iterBatches: () => [{ uid: "a", payload: {} }],
    processBatch(_payload, ctx) {
      tries.push(ctx.tries);
      throw new RetryableError("busy");
    },
  });
  const { start, ends, said } = await open(read);
  await start({});
  await ends("TASK_FAILED");
  expect(said.at(-1)).toMatchObject({ reasonCode: "busy", permanent: false });
  expect(tries).toEqual([1]);
});

test.each([
  ["retryable", new RetryableError("busy", "try later"), { reasonCode: "busy", permanent: false, error: "try later" }],
  [
    "permanent",
    new PermanentError("bad", "no such page"),
    { reasonCode: "bad", permanent: true, error: "no such page" },
  ],
])(
  "a batch that fails by a %s error is reported before the attempt, and so are the stored ones",
  async (_, thrown, why) => {
    const read = handler("read", {
      iterBatches: () => ["a", "b", "c"].map((uid) => ({ uid, payload: uid })),
      processBatch(payload) {
        if (payload === "b") throw thrown;
        return { pages: 1 };
      },
    });
    const { start, ends, said, kinds, rows } = await open(read);
    await start({});
    await ends("TASK_FAILED");
    expect(kinds().slice(-3)).toEqual(["BATCH_OK 4", "BATCH_FAILED 4", "TASK_FAILED 4"]);
    const { workerId } = said.at(-1) as StatusMessage;
    expect(said.at(-2)).toMatchObject({ kind: "BATCH_FAILED", batchUid: "b", workerId, ...why });
    expect(said.at(-1)).toMatchObject(why);
    expect([...(rows.rows.get("t:n:0")?.keys() ?? [])]).toEqual(["a"]);
  },
);

test("a failure outside of batches is reported without one", async () => {
  const read = handler("read", {
    iterBatches: () => [{ uid: "a", payload: {} }],
    finalize: () => {
      throw new RetryableError("busy");
    },
  });
  const { start, ends, kinds } = await open(read);
  await start({});
  await ends("TASK_FAILED");
  expect(kinds().slice(-2)).toEqual(["BATCH_OK 4", "TASK_FAILED 4"]);
});

test("the trace context of a command is passed to the handler, and included in status messages", async () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const read = handler("read", {
    iterBatches: () => [{ uid: "a", payload: 1 }],
    processBatch: (_, ctx) => ctx.traceparent,
  });
  const { start, ends, said, rows } = await open(read);
  await start({ traceparent });
  await ends("TASK_DONE");
  expect(rows.rows.get("t:n:0")?.get("a")?.meta).toBe(traceparent);
  expect(said.map((message) => message.traceparent)).toEqual(said.map(() => traceparent));
});

test("a heartbeat with the same lease immediately follows the acceptance, so that coordinators regard the node as running", async () => {
  const gate = new Gate();
  const read = handler("read", { iterBatches: () => [{ payload: 1 }], processBatch: () => gate.pass().then(() => 1) });
  const { start, said, kinds } = await open(read);
  await start({});
  await until(() => gate.arrived === 1, "the batch");
  await until(() => said.length >= 2, "both");
  expect(kinds()).toEqual(["TASK_ACCEPTED 4", "TASK_HEARTBEAT 4"]);
  const [accepted, heartbeat] = said;
  expect({ ...heartbeat, kind: "TASK_ACCEPTED" }).toEqual(accepted);
});

describe("asked which worker runs a node, a worker", () => {
  test("that runs it replies, with its lease", async () => {
    const gate = new Gate();
    const read = handler("read", {
      iterBatches: () => [{ payload: 1 }],
      processBatch: () => gate.pass().then(() => 1),
    });
    const { start, said, replies, discover } = await open(read);
    await start({});
    await until(() => gate.arrived === 1 && said.length >= 1, "the batch");
    await discover("n");
    await until(() => replies.length === 1, "the answer");
    const [accepted] = said;
    const { workerId } = accepted as StatusMessage;
    expect(replies[0]).toMatchObject({
      corrId: "about n",
      runState: "running",
      workerId,
      attemptEpoch: 4,
      lease: { workerId, leaseId: (accepted as { leaseId?: string }).leaseId, deadline: expect.any(Number) },
    });
  });

  test("that is idle replies, and says whether the node is complete, so that no sender waits in vain", async () => {
    const { start, ends, replies, discover } = await open(handler("read", { iterBatches: () => [{ payload: 1 }] }));
    await start({});
    await ends("TASK_DONE");
    await discover("n");
    await discover("other");
    await until(() => replies.length === 2, "the answers");
    const about = (nodeId: string) => replies.find((reply) => reply.nodeId === nodeId);
    const idle = { kind: "TASK_SNAPSHOT", taskId: "t", shard: 0, epoch: 5, type: "read", runState: "idle" } as const;
    expect(about("n")).toEqual({
      ...idle,
      nodeId: "n",
      corrId: "about n",
      attemptEpoch: 0,
      artifacts: { complete: true },
    });
    expect(about("other")).toEqual({ ...idle, nodeId: "other", corrId: "about other", attemptEpoch: 0 });
  });
});

test("a batch that is too large for a message is reported with as many metrics as fit, and its row keeps all of it", async () => {
  const large = { pages: 3, text: "x".repeat(20_000), lang: "en", done: true, sizes: Array(2_000).fill(1), last: 7 };
  const read = handler("read", { iterBatches: () => [{ uid: "a", payload: 1 }], processBatch: () => large });
  const { bus, start, ends, said, rows } = await open(read);
  carryAtMost(bus, 2_000);
  await start({});
  await ends("TASK_DONE");
  const told = said.find(({ kind }) => kind === "BATCH_OK");
  expect(told).toMatchObject({ batchUid: "a" });
  const metrics = { pages: 3, last: 7, lang: "en", done: true, __truncated__: true };
  expect(told).toHaveProperty("metrics", metrics);
  expect(told).not.toHaveProperty("artifactsRef"); // they would replace the row's data by these metrics
  expect(rows.rows.get("t:n:0")?.get("a")?.meta).toEqual(large);
});

test("a batch that is not an object is reported without a reference, or coordinators would overwrite the row with its metrics", async () => {
  const read = handler("read", { iterBatches: () => [{ uid: "a", payload: 1 }], processBatch: () => [1, 2] });
  const { start, ends, said, rows } = await open(read);
  await start({});
  await ends("TASK_DONE");
  const told = said.find(({ kind }) => kind === "BATCH_OK");
  expect(told).toMatchObject({ batchUid: "a", metrics: {} });
  expect(told).not.toHaveProperty("artifactsRef");
  expect(rows.rows.get("t:n:0")?.get("a")?.meta).toEqual([1, 2]);
});
