import { expect, test } from "vitest";
import type { Message } from "../../../src/core/messages/messages.ts";
import type { Bus } from "../../../src/core/ports/index.ts";
import type { BatchContext, HandlerDefinition } from "../../../src/definitions/index.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { sharedBus, testEngine } from "../../helpers/engines.ts";
import { ExternalSide } from "../../helpers/external-side.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const another = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/** A bus that records what was published about attempts. */
function recordedBus(): { readonly bus: Bus; readonly messages: Message[] } {
  const messages: Message[] = [];
  const inner = sharedBus();
  const publish: Bus["publish"] = (topic, key, message) => {
    if ("taskId" in message) messages.push(message);
    return inner.publish(topic, key, message);
  };
  return { bus: { ...inner, publish }, messages };
}

/** Handlers of two nodes, and which traces their methods were called in. */
function traced(fail: () => boolean = () => false): {
  readonly handlers: readonly HandlerDefinition[];
  readonly seen: Set<string | undefined>;
} {
  const seen = new Set<string | undefined>();
  const see = (ctx: Pick<BatchContext, "traceparent">) => void seen.add(ctx.traceparent);
  const read = source("read", [1, 2], { loadInput: (_, ctx) => see(ctx) });
  const keep = handler("keep", {
    processBatch: (value, ctx) => {
      see(ctx);
      if (fail()) throw new PermanentError("broken");
      return value;
    },
    finalize: (ctx) => see(ctx),
  });
  return { handlers: [read, keep], seen };
}

const graph = graphOf(node("read"), node("keep", ["read"], { start: "first_batch" }));

test("the trace context of a run is stored with its task, sent in its messages, and visible to handlers", async () => {
  const { bus, messages } = recordedBus();
  const { handlers, seen } = traced();
  const { engine, store } = await testEngine(handlers, { bus });
  const task = await engine.run(graph, { traceparent });
  await task.result();
  expect((await store.readTask(task.id))?.traceparent).toBe(traceparent);
  expect([...seen]).toEqual([traceparent]);
  expect(new Set(messages.map(({ kind }) => kind))).toEqual(new Set(["TASK_START", "BATCH_OK", "TASK_DONE"]));
  expect([...new Set(messages.map((message) => message.traceparent))]).toEqual([traceparent]);
});

test("without a trace context, there is none anywhere", async () => {
  const { bus, messages } = recordedBus();
  const { handlers, seen } = traced();
  const { engine, store } = await testEngine(handlers, { bus });
  const task = await engine.run(graph);
  await task.result();
  expect([...seen]).toEqual([undefined]);
  expect(await store.readTask(task.id)).not.toHaveProperty("traceparent");
  expect(messages.filter((message) => "traceparent" in message)).toEqual([]);
});

test("a retry has the trace context of the task that failed, or the one that it is given", async () => {
  let broken = true;
  const { handlers, seen } = traced(() => broken);
  const { engine, store } = await testEngine(handlers);
  const task = await engine.run(graph, { traceparent });
  await task.wait();
  const again = await engine.retry(task.id, { from: "failed" });
  expect((await store.readTask(again.id))?.traceparent).toBe(traceparent);
  await again.wait();
  broken = false;
  seen.clear();
  const last = await engine.retry(again.id, { from: "failed", traceparent: another });
  await last.result();
  expect([...seen]).toEqual([another]);
});

test.each([
  "",
  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
  "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
  "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
  "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
  `${traceparent}\n`,
])("an invalid trace context is refused: %j", async (given) => {
  const { engine } = await testEngine(traced().handlers);
  const refused = { code: "ENGINE_OPTIONS", message: expect.stringMatching("traceparent") };
  await expect(engine.run(graph, { traceparent: given })).rejects.toMatchObject(refused);
  expect((await engine.list()).items).toEqual([]);
});

test("the command of an external worker has the trace context", async () => {
  const side = await ExternalSide.open([source("read", [{ page: 1 }])]);
  await side.coordinator.run(graphOf(node("read"), node("ocr", ["read"])), { traceparent });
  expect((await side.command(1)).traceparent).toBe(traceparent);
});
