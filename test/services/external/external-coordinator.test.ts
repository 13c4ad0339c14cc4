import { randomUUID } from "node:crypto";
import type { Document } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import { mongoStore } from "../../../src/adapters/mongo/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { Worker } from "../../../src/engine/worker.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { handler } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { openKafka, ownDatabase } from "./own-side.ts";
import { type Envelope, listen, makeTopics, openSender } from "./plain-kafka.ts";

needsServices("kafka", "mongodb");

const patience = 30_000;

/** An external coordinator in plain calls of the two drivers, and a worker of the engine that serves it. */
async function open(definition: HandlerDefinition) {
  const type = definition.name;
  const { db, database } = ownDatabase();
  const topics = [`cmd.${type}.v1`, `status.${type}.v1`, "signals.v1", "query.tasks.v1", "reply.tasks.v1"];
  await makeTopics(topics);
  const sender = await openSender();
  const events: Envelope[] = [];
  const replies: Envelope[] = [];
  const task = randomUUID();
  await listen(`status.${type}.v1`, { take: (envelope) => void events.push(envelope) });
  await listen("reply.tasks.v1", {
    take: (envelope) => void (envelope.task_id === task && replies.push(envelope)),
  });
  const worker = new Worker({
    store: mongoStore({ url: inject("mongodbUrl"), database }),
    bus: openKafka(`g-${randomUUID().slice(0, 8)}`),
    handlers: [definition],
    coordinator: "external",
  });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  const envelope = (about: { node: string; epoch: number }, rest: Document) => ({
    v: 1,
    role: "coordinator",
    corr_id: randomUUID(),
    dedup_id: randomUUID(),
    task_id: task,
    node_id: about.node,
    step_type: type,
    attempt_epoch: about.epoch,
    ts_ms: Date.now(),
    ...rest,
  });
  return {
    db,
    task,
    events,
    replies,
    said: () => events.map(({ attempt_epoch, payload }) => `${payload.kind} ${attempt_epoch}`),
    /** The action of a coordinator on TASK_DONE. */
    markComplete: (node_id: string) =>
      db
        .collection("artifacts")
        .updateOne(
          { task_id: task, node_id, batch_uid: { $exists: false } },
          { $set: { status: "complete", meta: {} } },
          { upsert: true },
        ),
    rows: (node_id: string) =>
      db.collection("artifacts").find({ task_id: task, node_id }).sort({ created_at: 1 }).toArray(),
    /** A row of a source, as written by another worker. */
    store: (node_id: string, batch_uid: string, rest: Document) =>
      db
        .collection("artifacts")
        .insertOne({ task_id: task, node_id, batch_uid, status: "partial", created_at: new Date(), ...rest }),
    start: (about: { node: string; epoch: number }, input_inline: Document) =>
      sender.send(
        `cmd.${type}.v1`,
        `${task}:${about.node}`,
        envelope(about, { msg_type: "cmd", payload: { cmd: "TASK_START", input_inline, cancel_token: "token" } }),
      ),
    cancel: (about: { node: string; epoch: number }, workerId: string) =>
      sender.send(
        "signals.v1",
        workerId,
        envelope(about, {
          msg_type: "event",
          payload: { sig: "CANCEL", reason: "enough", cancel_token: "token" },
          target_worker_id: workerId,
        }),
      ),
    discover: (about: { node: string; epoch: number }, corr_id: string) =>
      sender.send(
        "query.tasks.v1",
        task,
        envelope(about, {
          msg_type: "query",
          corr_id,
          payload: { query: "TASK_DISCOVER", want_epoch: about.epoch },
        }),
      ),
  };
}

const type = (): string => `up-${randomUUID().slice(0, 8)}`;
const reading = { input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["read"] }, mark: "!" };

test("serves a command with its given epoch: accepted, a message per batch, done, and the rows are stored", async () => {
  const up = handler(type(), {
    processBatch: (page, ctx) => ({ text: `${(page as { text: string }).text}${ctx.args === undefined ? "?" : "!"}` }),
  });
  const { db, start, store, said, events, rows, markComplete } = await open(up);
  await store("read", "a", { meta: { text: "a" } });
  await start({ node: "up", epoch: 7 }, reading);
  await until(() => said().includes("BATCH_OK 7"), "the first batch", patience);
  // Its source continues while it reads, and ends.
  await store("read", "b", { meta: { text: "b" } });
  await store("read", "__final__", { status: "complete" });
  await until(() => said().includes("TASK_DONE 7"), "the end", patience);
  expect(said()).toEqual(["TASK_ACCEPTED 7", "TASK_HEARTBEAT 7", "BATCH_OK 7", "BATCH_OK 7", "TASK_DONE 7"]);
  for (const { payload } of events.slice(2)) expect(payload.artifacts_ref).toEqual(expect.anything());
  await markComplete("up");
  const written = await rows("up");
  expect(written).toMatchObject([
    { status: "partial", meta: { text: "a!" }, attempt_epoch: 7 },
    { status: "partial", meta: { text: "b!" } },
    { status: "complete", meta: {} },
  ]);
  expect(events[2]?.payload.batch_uid).toBe(written[0]?.batch_uid);
  // The engine stores nothing else in an external database.
  const names = (await db.listCollections().toArray()).map(({ name }) => name);
  expect(names).toEqual(["artifacts"]);
});

test("a duplicated command is served once; the next epoch writes the same rows again", async () => {
  const up = handler(type(), { processBatch: (page) => page as { text: string } });
  const { start, store, said, rows } = await open(up);
  await store("read", "a", { meta: { text: "a" } });
  await store("read", "__final__", { status: "complete" });
  await start({ node: "up", epoch: 1 }, reading);
  await until(() => said().includes("TASK_DONE 1"), "the end", patience);
  await start({ node: "up", epoch: 1 }, reading);
  await start({ node: "up", epoch: 2 }, reading);
  await until(() => said().includes("TASK_DONE 2"), "the second end", patience);
  expect(said().filter((words) => words.startsWith("TASK_ACCEPTED"))).toEqual(["TASK_ACCEPTED 1", "TASK_ACCEPTED 2"]);
  expect(await rows("up")).toHaveLength(2);
});

test("serves another node of a task that it served before", async () => {
  const up = handler(type(), { processBatch: (page) => page as { text: string } });
  const { start, store, said, rows } = await open(up);
  await store("read", "a", { meta: { text: "a" } });
  await store("read", "__final__", { status: "complete" });
  await start({ node: "up", epoch: 1 }, reading);
  await until(() => said().includes("TASK_DONE 1"), "the end", patience);
  await start({ node: "further", epoch: 2 }, { ...reading, input_args: { from_nodes: ["up"] } });
  await until(() => said().includes("TASK_DONE 2"), "the further node's end", patience);
  expect(await rows("further")).toMatchObject([{ meta: { text: "a" } }, { status: "complete" }]);
});

test("a failure is reported with its code and whether it is permanent", async () => {
  const up = handler(type(), {
    processBatch: () => {
      throw new PermanentError("no_ink", "the printer is dry");
    },
  });
  const { start, store, said, events } = await open(up);
  await store("read", "a", { meta: { text: "a" } });
  await start({ node: "up", epoch: 1 }, reading);
  await until(() => said().includes("TASK_FAILED 1"), "the failure", patience);
  expect(events.at(-1)?.payload).toMatchObject({ reason_code: "no_ink", permanent: true });
});

test("answers which worker runs a node, and obeys a cancel", async () => {
  const up = handler(type(), {
    processBatch: (_, ctx) =>
      new Promise((_resolve, reject) => {
        ctx.signal.addEventListener("abort", () => reject(new Error("stopped")));
      }),
  });
  const { start, store, said, events, replies, cancel, discover } = await open(up);
  await store("read", "a", { meta: { text: "a" } });
  await start({ node: "up", epoch: 3 }, reading);
  await until(() => said().includes("TASK_ACCEPTED 3"), "the acceptance", patience);
  const corr = randomUUID();
  await discover({ node: "up", epoch: 3 }, corr);
  await until(() => replies.length > 0, "the answer", patience);
  const worker_id = String(events[0]?.payload.worker_id);
  expect(replies[0]).toMatchObject({
    msg_type: "reply",
    corr_id: corr,
    payload: { reply: "TASK_SNAPSHOT", worker_id, run_state: "running", attempt_epoch: 3, lease: { worker_id } },
  });
  await discover({ node: "other", epoch: 1 }, corr);
  await until(() => replies.length > 1, "the answer about a node without an attempt", patience);
  expect(replies[1]).toMatchObject({
    node_id: "other",
    corr_id: corr,
    payload: { run_state: "idle", attempt_epoch: 0 },
  });
  await cancel({ node: "up", epoch: 3 }, worker_id);
  await until(() => said().includes("CANCELLED 3"), "the end", patience);
  expect(events.at(-1)?.payload).toMatchObject({ reason: "enough" });
  expect(said()).toEqual(["TASK_ACCEPTED 3", "TASK_HEARTBEAT 3", "CANCELLED 3"]);
});

test("a cancel of an earlier attempt has no effect", async () => {
  const gate = new Gate();
  const up = handler(type(), {
    processBatch: async (page, ctx) => {
      await gate.pass(ctx.signal);
      return page as { text: string };
    },
  });
  const { start, store, said, events, cancel } = await open(up);
  await store("read", "a", { meta: { text: "a" } });
  await store("read", "__final__", { status: "complete" });
  await start({ node: "up", epoch: 3 }, reading);
  await start({ node: "other", epoch: 1 }, reading);
  await until(() => gate.arrived === 2 && events.length >= 2, "both attempts, and their events", patience);
  const worker_id = String(events[0]?.payload.worker_id);
  await cancel({ node: "up", epoch: 2 }, worker_id);
  await cancel({ node: "other", epoch: 1 }, worker_id); // once this one has arrived, so has the previous one
  await until(() => said().includes("CANCELLED 1"), "the end of the other", patience);
  gate.open();
  await until(() => said().includes("TASK_DONE 3"), "the end", patience);
  expect(said()).not.toContain("CANCELLED 3");
});
