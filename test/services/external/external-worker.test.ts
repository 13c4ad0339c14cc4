import { expect, test } from "vitest";
import type { Json } from "../../../src/errors/index.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { type ExternalAttempt, ExternalWorker, type Work } from "./external-worker.ts";
import { ownDatabase, ownSide, ownTypes } from "./own-side.ts";

needsServices("kafka", "mongodb");

const patience = 30_000;
const pages = [{ page: 1 }, { page: 2 }, { page: 3 }];

test("engine -> external -> engine: an external worker reads artifacts of the engine's workers, and they read its", async () => {
  const types = ownTypes();
  const { database, db } = ownDatabase();
  const external = await ExternalWorker.open(types.ocr, {
    db,
    work: async (attempt) => {
      await attempt.accept();
      for (const { batch_uid, meta } of await attempt.read()) {
        await attempt.storeAndTell(`ocr-${batch_uid}`, { text: `page ${meta.page}, ${attempt.input.lang}` });
      }
      await attempt.done({ pages: 3 });
    },
  });
  const { coordinators } = await ownSide({
    database,
    types: Object.values(types),
    external: types.ocr,
    handlers: [source(types.read, pages), handler(types.keep)],
  });
  const graph = graphOf(
    node("read", [], { type: types.read }),
    node("ocr", ["read"], { type: types.ocr, args: { lang: "en" } }),
    node("keep", ["ocr"], { type: types.keep, start: "first_batch" }),
  );
  const task = await coordinators[0].run(graph);
  expect(await task.result()).toEqual({
    keep: [{ text: "page 1, en" }, { text: "page 2, en" }, { text: "page 3, en" }],
  });
  expect(external.commands).toMatchObject([
    {
      v: 1,
      msg_type: "cmd",
      role: "coordinator",
      step_type: types.ocr,
      attempt_epoch: 1,
      payload: {
        cmd: "TASK_START",
        input_inline: { lang: "en", input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["read"] } },
      },
    },
  ]);
  expect(external.cancels).toEqual([]);
  const ends = () => db.collection("artifacts").countDocuments({ node_id: "ocr", status: "complete" });
  await until(async () => (await ends()) === 1, "one complete row", patience);
});

/** A graph of three nodes, the second of which runs on an external worker. */
const pipeline = (types: ReturnType<typeof ownTypes>, start?: "first_batch") =>
  graphOf(
    node("read", [], { type: types.read }),
    node("ocr", ["read"], {
      type: types.ocr,
      retry_policy: { max: 3, ...atOnce },
      ...(start === undefined ? {} : { start }),
    }),
    node("keep", ["ocr"], { type: types.keep }),
  );

async function open(
  work: Work,
  options: {
    readonly rows?: readonly Json[];
    readonly coordinators?: number;
    readonly acceptMs?: number;
    readonly start?: "first_batch";
  } = {},
) {
  const types = ownTypes();
  const { database, db } = ownDatabase();
  const external = await ExternalWorker.open(types.ocr, { db, work });
  const { rows = pages, start, ...more } = options;
  const { coordinators } = await ownSide({
    database,
    types: Object.values(types),
    external: types.ocr,
    handlers: [source(types.read, rows), handler(types.keep)],
    ...more,
  });
  const task = await coordinators[0].run(pipeline(types, start));
  return { types, db, external, coordinators, task };
}

/** Reads all batches, and stores and reports each under its source's uid. */
async function readAll(attempt: ExternalAttempt): Promise<void> {
  for (const { batch_uid, meta } of await attempt.read()) {
    await attempt.storeAndTell(`ocr-${batch_uid}`, { page: meta.page, epoch: attempt.epoch });
  }
}

const kept = (epoch: number) => ({ keep: pages.map(({ page }) => ({ page, epoch })) });

test("a failure is retried under the next epoch, and each batch is stored once", async () => {
  const { external, task, db } = await open(async (attempt) => {
    if (attempt.epoch === 1) {
      await db.collection("stream_progress").insertOne({ task_id: attempt.command.task_id, consumer_node: "ocr" });
      const [first] = await attempt.read();
      await attempt.storeAndTell(`ocr-${first?.batch_uid}`, { page: 0, epoch: 1 });
      await attempt.fail("no_ink", { permanent: false, error: "dry" });
    } else {
      expect(await db.collection("stream_progress").countDocuments()).toBe(0);
      await readAll(attempt);
      await attempt.done();
    }
  });
  expect(await task.result()).toEqual(kept(2));
  expect(external.commands.map(({ attempt_epoch }) => attempt_epoch)).toEqual([1, 2]);
});

test("a row whose BATCH_OK is lost counts after TASK_DONE, even if an earlier attempt wrote it first", async () => {
  const { task } = await open(async (attempt) => {
    for (const { batch_uid, meta } of await attempt.read()) {
      await attempt.store(batch_uid, { page: meta.page, epoch: attempt.epoch });
      if (attempt.epoch === 1) break;
    }
    if (attempt.epoch === 1) {
      await attempt.store("stale", { page: 0 });
      await attempt.fail("no_ink", { permanent: false });
    } else await attempt.done();
  });
  expect(await task.result()).toEqual(kept(2));
});

test("a permanent failure fails the task with the worker's message", async () => {
  const { task, external } = await open((attempt) =>
    attempt.fail("bad_scan", { permanent: true, error: "upside down" }),
  );
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_FAILED", details: { reasonCode: "bad_scan" } });
  await expect(task.result()).rejects.toThrow("upside down");
  expect(external.commands).toHaveLength(1);
});

test("a cancel reaches the worker, and its answer ends the task", async () => {
  const { task, external } = await open(async (attempt) => {
    await attempt.accept();
    await until(() => external.cancels.length > 0, "the signal", patience);
    await attempt.storeAndTell("late", { page: 0 });
    await attempt.cancelled("requested");
  });
  await until(
    async () => (await task.status()).nodes.some((each) => each.nodeId === "ocr" && each.status === "running"),
    "the attempt",
    patience,
  );
  await task.cancel({ reason: "enough" });
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  expect(external.cancels[0]).toMatchObject({
    task_id: task.id,
    node_id: "ocr",
    attempt_epoch: 1,
    payload: { sig: "CANCEL", reason: "enough", cancel_token: external.commands[0]?.payload.cancel_token },
  });
});

test("a crashed worker loses its attempt; another one continues, and late messages of the first have no effect", async () => {
  let dead: ExternalAttempt | undefined;
  const { task, external } = await open(async (attempt) => {
    if (attempt.epoch === 1) {
      dead = attempt;
      await attempt.accept(1_000);
      return;
    }
    await attempt.accept();
    await dead?.storeAndTell("stale", { page: 99 });
    await dead?.done();
    await readAll(attempt);
    await attempt.done();
  });
  expect(await task.result()).toEqual(kept(2));
  expect(external.cancels).toContainEqual(
    expect.objectContaining({ attempt_epoch: 1, payload: expect.objectContaining({ reason: "lease_lost" }) }),
  );
});

test("a command that no worker accepted is sent again", async () => {
  const { task } = await open(
    async (attempt) => {
      if (attempt.epoch === 1) return;
      await readAll(attempt);
      await attempt.done();
    },
    { acceptMs: 1_000 },
  );
  expect(await task.result()).toEqual(kept(2));
});

test("two coordinators, each event twice and without an acceptance: the same outcome", async () => {
  const { task, coordinators } = await open(
    async (attempt) => {
      for (const { batch_uid, meta } of await attempt.read()) {
        await attempt.storeAndTell(batch_uid, { page: meta.page, epoch: 1 });
        await attempt.batchOk(batch_uid);
      }
      await attempt.accept();
      await attempt.done();
      await attempt.done();
    },
    { coordinators: 2 },
  );
  expect(coordinators).toHaveLength(2);
  expect(await task.result()).toEqual(kept(1));
});

test("a source of 200 batches is read in order, to its end; one of 201 fails the node", async () => {
  const numbered = (count: number) => Array.from({ length: count }, (_, page) => ({ page }));
  const whole = await open(
    async (attempt) => {
      const read = await attempt.read();
      await attempt.storeAndTell("all", { pages: read.map(({ meta }) => meta.page) });
      await attempt.done();
    },
    { rows: numbered(200) },
  );
  expect(await whole.task.result()).toEqual({ keep: [{ pages: numbered(200).map(({ page }) => page) }] });
  const longer = await open(async (attempt) => attempt.done(), { rows: numbered(201) });
  await expect(longer.task.result()).rejects.toMatchObject({
    details: { nodeId: "ocr", reasonCode: "foreign_source_too_long" },
  });
  expect(longer.external.commands).toEqual([]);
});

test("a source whose batches are not objects fails the node", async () => {
  const { task } = await open(async (attempt) => attempt.done(), { rows: [[1, 2]] });
  await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "foreign_source_no_object" } });
});
