import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { noTicks, testEngine } from "../../helpers/engines.ts";
import { ExternalSide } from "../../helpers/external-side.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

const stores = ["memory", "sqlite"] as const;
const never = { params: { mode: "never" } };

const src = source("src", numbers(3));
const pass = handler("pass");
const broken = handler("broken", {
  processBatch(value) {
    if (value === 2) throw new PermanentError("declined", "no funds");
    return value;
  },
});

/** Reads how its parents have ended. */
const ended = (id: string, parents: readonly string[], more: Parameters<typeof node>[2] = {}): GraphNode => {
  const { adapterArgs, ...rest } = more;
  const reads = node(id, parents, {
    type: "pass",
    adapter: "pull.outcomes",
    ...rest,
    ...(adapterArgs && { adapterArgs }),
  });
  return { ...reads, io: { ...reads.io, start_when: "ended" } };
};
const sink = (id: string, parents: readonly string[], more: Parameters<typeof node>[2] = {}) =>
  node(id, parents, { type: "pass", ...more });

async function run(
  kind: (typeof stores)[number],
  nodes: readonly GraphNode[],
  more: { handlers?: readonly HandlerDefinition[]; deadlineSec?: number; sweepMs?: number } = {},
) {
  const store =
    kind === "sqlite" ? sqliteStore(join(tempFolder(), "runs.db")) : memoryStore({ state: new MemoryState() });
  const { handlers = [src, pass, broken], deadlineSec, ...timing } = more;
  // A lost wake-up would make the test hang.
  const options = { store, capacity: 8, cancelGraceMs: 60_000, ...noTicks, ...timing };
  const { engine, logged } = await testEngine(handlers, options);
  const task = await engine.run(graphOf(...nodes), deadlineSec === undefined ? {} : { deadlineSec });
  const ends = async () => {
    const view = await task.wait();
    const nodes = Object.fromEntries(view.nodes.map(({ nodeId, status }) => [nodeId, status]));
    return { status: view.status, failure: view.failure, nodes };
  };
  const log = async (nodeId: string) => {
    const metas: unknown[] = [];
    for (const record of await store.readShards(task.id, [nodeId])) {
      metas.push(...(await store.readArtifacts(record, record.generation, 0, 100)).map(({ meta }) => meta));
    }
    return metas;
  };
  /** The failures named by the last event and by the log lines of errors. */
  const reported = async () => {
    const last = (await collect(task.events())).at(-1);
    const lines = () => logged.filter(({ level, message = "" }) => level === "error" || message.endsWith("cancelled"));
    await until(() => lines().length > 0, "the end to be logged");
    return { last, lines: lines() };
  };
  return { engine, task, ends, log, store, reported };
}

const declined = { status: "failed", reasonCode: "declined", message: "no funds", batchUid: "2" };

describe.each(stores)("outcomes in a %s store", (kind) => {
  test("a node that starts when its parents have ended reads their outcomes, also if all succeeded", async () => {
    const { ends, log, task } = await run(kind, [
      node("src"),
      sink("off", ["src"], { when: never }),
      node("broken", ["src"], { optional: true }),
      ended("always", ["src", "off", "broken"]),
      ended("undo", ["src", "broken"], { adapterArgs: { where: { status: "failed", reasonCode: ["declined"] } } }),
      ended("fine", ["src"], { adapterArgs: { where: { status: "failed" } } }),
    ]);
    expect(await ends()).toMatchObject({ status: "finished" });
    const failed = { nodeId: "broken", ...declined };
    const others = [
      { nodeId: "src", status: "finished" },
      { nodeId: "off", status: "skipped" },
    ];
    expect(await task.result()).toEqual({ always: [...others, failed], undo: [failed], fine: [] });
    expect(await log("always")).toHaveLength(3);
  });

  test("it runs when the task fails, and the task ends when it has ended, with the first failure", async () => {
    const gate = new Gate();
    const other = handler("other", { processBatch: (_, ctx) => gate.pass(ctx.signal) });
    const slow = new Gate();
    const undo = handler("undo", { processBatch: (value) => slow.pass().then(() => value) });
    const nodes = [
      node("src"),
      node("broken", ["src"]),
      node("other", ["src"]),
      sink("later", ["broken", "other"]),
      ended("undo", ["broken", "other", "later"], { type: "undo" }),
      sink("report", ["undo", "src"]),
      sink("lost", ["undo", "broken"]),
    ];
    const { task, ends, log } = await run(kind, nodes, { handlers: [src, pass, broken, other, undo] });
    await until(() => slow.arrived > 0, "undo to run");
    expect(await task.status()).toMatchObject({ status: "cancelling", failure: { nodeId: "broken" } });
    expect((await task.explain()).nodes.find(({ nodeId }) => nodeId === "report")?.why).toMatchObject({
      reason: "waiting_for_parents",
      waitingOn: ["undo"],
    });
    slow.open();
    expect(await ends()).toMatchObject({
      status: "failed",
      failure: { nodeId: "broken", reasonCode: "declined" },
      nodes: {
        src: "finished",
        broken: "failed",
        other: "cancelled",
        later: "cancelled",
        undo: "finished",
        report: "finished",
        lost: "cancelled",
      },
    });
    expect(await log("undo")).toEqual([
      { nodeId: "broken", ...declined },
      { nodeId: "other", status: "cancelled" },
      { nodeId: "later", status: "cancelled" },
    ]);
    expect(await log("report")).toHaveLength(6);
  });

  test("an outcome has the alias of its source, by which where can choose", async () => {
    const from = { read: "sub.read", broken: "sub.broken" };
    const { ends, log } = await run(kind, [
      node("sub.read", [], { type: "src" }),
      node("sub.broken", ["sub.read"], { type: "broken" }),
      ended("undo", ["sub.read", "sub.broken"], { adapterArgs: { from, where: { nodeId: "broken" } } }),
    ]);
    expect(await ends()).toMatchObject({ status: "failed", nodes: { undo: "finished" } });
    expect(await log("undo")).toEqual([{ nodeId: "broken", ...declined }]);
  });

  test("it runs when the task is cancelled; a failure in it leaves the outcome as it was", async () => {
    const gate = new Gate();
    const held = handler("held", { processBatch: (_, ctx) => gate.pass(ctx.signal) });
    const fails = handler("fails", {
      processBatch() {
        throw new PermanentError("boom");
      },
    });
    const nodes = [
      node("src"),
      node("held", ["src"]),
      ended("undo", ["held"], { type: "fails" }),
      ended("last", ["undo"]),
    ];
    const { task, ends, log, reported } = await run(kind, nodes, { handlers: [src, pass, held, fails] });
    await until(() => gate.arrived > 0, "the node to run");
    expect(await task.cancel()).toBe("recorded");
    expect(await ends()).toMatchObject({
      status: "cancelled",
      nodes: { held: "cancelled", undo: "failed", last: "finished" },
    });
    const { failure, laterFailures } = await task.status();
    expect(failure).toBeUndefined();
    expect(laterFailures).toMatchObject([{ nodeId: "undo", reasonCode: "boom" }]);
    const error = await task.result().catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "TASK_CANCELLED",
      message: `task ${task.id} was cancelled: cancelled by request; then at node 'undo', batch 'held': boom: boom`,
      details: { taskId: task.id, laterFailures: [{ nodeId: "undo", reasonCode: "boom", batchUid: "held" }] },
    });
    expect(await log("last")).toMatchObject([{ nodeId: "undo", status: "failed", reasonCode: "boom" }]);
    const boom = { nodeId: "undo", shard: 0, batchUid: "held", reasonCode: "boom" };
    expect(await reported()).toMatchObject({
      last: { kind: "task", status: "cancelled", laterFailures: [boom] },
      lines: [
        { level: "info", fields: { taskId: task.id }, message: "a task was cancelled" },
        {
          level: "error",
          fields: { taskId: task.id, ...boom, tries: 1, error: "boom" },
          message: "a node failed after its task was cancelled",
        },
      ],
    });
  });

  test("its own failure, and those behind it, are appended to the failure of the task", async () => {
    const fails = handler("fails", {
      processBatch() {
        throw new PermanentError("boom", "no trace");
      },
    });
    const nodes = [
      node("src"),
      node("broken", ["src"]),
      ended("undo", ["broken"], { type: "fails" }),
      ended("lenient", ["broken"], { type: "fails", optional: true }),
      ended("last", ["undo"]),
      sink("report", ["last"], { type: "fails" }),
    ];
    const { task, ends, reported } = await run(kind, nodes, { handlers: [src, pass, broken, fails] });
    expect(await ends()).toMatchObject({ status: "failed", failure: { nodeId: "broken", reasonCode: "declined" } });
    expect((await task.status()).laterFailures).toMatchObject([{ nodeId: "undo" }, { nodeId: "report" }]);
    const error = await task.result().catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "TASK_FAILED",
      message:
        `task ${task.id} failed at node 'broken', batch '2': declined: no funds; ` +
        "then at node 'undo', batch 'broken': boom: no trace; then at node 'report', batch 'undo': boom: no trace",
      details: { nodeId: "broken", reasonCode: "declined", laterFailures: [{ nodeId: "undo" }, { nodeId: "report" }] },
    });
    const message = "a node failed after its task had failed";
    expect(await reported()).toMatchObject({
      last: { kind: "task", failure: { nodeId: "broken" }, laterFailures: [{ nodeId: "undo" }, { nodeId: "report" }] },
      lines: [
        { fields: { nodeId: "broken" }, message: "a task failed" },
        { fields: { nodeId: "undo", reasonCode: "boom", error: "no trace" }, message },
        { fields: { nodeId: "report" }, message },
      ],
    });
  });

  test("its failure is that of the task if nothing failed before", async () => {
    const fails = handler("fails", {
      processBatch() {
        throw new PermanentError("boom");
      },
    });
    const nodes = [node("src"), ended("undo", ["src"], { type: "fails" })];
    const { task, ends, reported } = await run(kind, nodes, { handlers: [src, fails] });
    expect(await ends()).toMatchObject({ status: "failed", failure: { nodeId: "undo" } });
    expect((await task.status()).laterFailures).toBeUndefined();
    const { last, lines } = await reported();
    expect(last).not.toHaveProperty("laterFailures");
    expect(lines.map(({ message }) => message)).toEqual(["a task failed"]);
  });

  test("a second cancel ends it too", async () => {
    const gate = new Gate();
    const undo = handler("undo", { processBatch: (_, ctx) => gate.pass(ctx.signal) });
    const nodes = [
      node("src"),
      node("broken", ["src"]),
      ended("undo", ["broken"], { type: "undo" }),
      sink("report", ["undo"]),
      ended("last", ["report"]),
    ];
    const { task, ends } = await run(kind, nodes, { handlers: [src, pass, broken, undo] });
    await until(() => gate.arrived > 0, "undo to run");
    expect(await task.cancel()).toBe("already");
    const cancelled = { undo: "cancelled", report: "cancelled", last: "cancelled" };
    expect(await ends()).toMatchObject({ status: "failed", failure: { nodeId: "broken" }, nodes: cancelled });
  });

  test("the deadline ends it too, before it starts and while it runs", async () => {
    const gate = new Gate();
    const held = handler("held", { processBatch: (_, ctx) => gate.pass(ctx.signal) });
    const first = [node("src"), node("held", ["src"]), ended("undo", ["held"])];
    const timing = { deadlineSec: 0.1, tickMs: 5, sweepMs: 5 };
    const before = await run(kind, first, { handlers: [src, pass, held], ...timing });
    expect(await before.ends()).toMatchObject({
      status: "failed",
      failure: { reasonCode: "deadline_exceeded" },
      nodes: { undo: "cancelled" },
    });
    const second = [node("src"), node("broken", ["src"]), ended("undo", ["broken"], { type: "held" })];
    const during = await run(kind, second, { handlers: [src, broken, held], ...timing, deadlineSec: 0.5 });
    expect(await during.ends()).toMatchObject({
      status: "failed",
      failure: { nodeId: "broken" },
      nodes: { undo: "cancelled" },
    });
  });

  test("a partitioned node has failed if one of its shards has, with the failure of the first one", async () => {
    const wide = handler("wide", {
      processBatch(value, ctx) {
        if (ctx.shard !== 0) throw new PermanentError(`shard_${ctx.shard}`);
        return value;
      },
    });
    const items = source("items", numbers(40));
    const nodes = [
      node("items"),
      node("wide", ["items"], { partitions: 3, optional: true }),
      ended("undo", ["wide"]),
      ended("halves", ["wide", "items", "undo"], { partitions: 2 }),
    ];
    const { ends, log } = await run(kind, nodes, { handlers: [items, pass, wide] });
    expect(await ends()).toMatchObject({ status: "finished" });
    expect(await log("undo")).toMatchObject([{ nodeId: "wide", status: "failed", reasonCode: "shard_1" }]);
    const halves = (await log("halves")) as { readonly nodeId: string }[];
    expect(halves.map(({ nodeId }) => nodeId).sort()).toEqual(["items", "undo", "wide"]);
  });

  test("a function that changes variables runs while the task ends", async () => {
    const { task, ends } = await run(kind, [
      node("src"),
      node("broken", ["src"]),
      ended("undo", ["broken"]),
      node("mark", ["undo"], { fn: "vars.set", fnArgs: { kv: { undone: true } } }),
    ]);
    expect(await ends()).toMatchObject({ status: "failed", nodes: { undo: "finished", mark: "finished" } });
    expect((await task.status()).vars).toEqual({ undone: true });
  });

  test("its condition may ask how its parents have ended; under any it starts with the first that has", async () => {
    const gate = new Gate();
    const held = handler("held", { processBatch: (value, ctx) => gate.pass(ctx.signal).then(() => value) });
    const nodes = [
      node("src"),
      node("broken", ["src"], { optional: true }),
      node("held", ["src"]),
      ended("if", ["broken", "src"], { when: { status: { broken: "failed" } } }),
      ended("else", ["broken", "src"], { when: { status: { broken: { $not: "failed" } } } }),
      ended("any", ["held", "broken"], { fan_in: "any" }),
    ];
    const { ends, log } = await run(kind, nodes, { handlers: [src, pass, broken, held] });
    await until(async () => (await log("any")).length > 0, "any to run");
    gate.open();
    expect(await ends()).toMatchObject({
      status: "finished",
      nodes: { if: "finished", else: "skipped", any: "finished" },
    });
    expect(await log("any")).toEqual([{ nodeId: "broken", ...declined }]);
  });

  test("a retry runs it again, and what is behind it", async () => {
    let fails = true;
    const mended = handler("mended", {
      processBatch(value) {
        if (fails && value === 2) throw new PermanentError("declined", "no funds");
        return value;
      },
    });
    const nodes = [
      node("src"),
      node("mended", ["src"]),
      ended("undo", ["src"]),
      sink("report", ["undo"]),
      ended("both", ["mended", "report"]),
    ];
    const { engine, task, ends, store } = await run(kind, nodes, { handlers: [src, pass, mended] });
    expect(await ends()).toMatchObject({ status: "failed", nodes: { undo: "finished", report: "finished" } });
    fails = false;
    const again = await engine.retry(task.id, { from: "failed" });
    expect(await again.result()).toEqual({
      both: [
        { nodeId: "mended", status: "finished" },
        { nodeId: "report", status: "finished" },
      ],
    });
    const causes = (await store.readShards(again.id)).map(({ nodeId, history }) => [nodeId, history[0]?.cause]);
    expect(Object.fromEntries(causes)).toEqual({
      src: "adopt",
      mended: "dispatch",
      undo: "dispatch",
      report: "dispatch",
      both: "dispatch",
    });
  });
});

test("external workers cannot read outcomes", async () => {
  const { coordinator } = await ExternalSide.open([src, pass]);
  const graph = graphOf(node("src"), ended("ocr", ["src"], { type: "ocr" }));
  const finding = { code: "GRAPH_UNSUPPORTED", path: "/nodes/1/io/input_inline/input_adapter" };
  await expect(coordinator.run(graph)).rejects.toMatchObject({ details: { findings: [finding] } });
});
