import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { TaskEvent } from "../../../src/core/tasks/api.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { noTicks, testEngine } from "../../helpers/engines.ts";
import { ExternalSide } from "../../helpers/external-side.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const stores = ["memory", "sqlite"] as const;
const never = { params: { mode: "never" } };

const src = source("src", numbers(3));
const checked = handler("checked", {
  result: z.json(),
  async finalize(ctx) {
    return { batches: ctx.batchCount, bad: "many" };
  },
});
const pass = handler("pass");
const broken = handler("broken", {
  processBatch(value) {
    if (value === 2) throw new PermanentError("declined", "no funds");
    return value;
  },
});
const handlers = [src, checked, pass, broken];

async function run(kind: (typeof stores)[number], nodes: readonly GraphNode[], more: Partial<Given> = {}) {
  const store =
    kind === "sqlite" ? sqliteStore(join(tempFolder(), "runs.db")) : memoryStore({ state: new MemoryState() });
  // A lost wake-up would make the test hang.
  const { engine } = await testEngine(more.handlers ?? handlers, { store, ...noTicks, capacity: 8 });
  const task = await engine.run(graphOf(...nodes), { params: { mode: "fast", n: 1 } });
  const statuses = async () =>
    Object.fromEntries((await task.status()).nodes.map(({ nodeId, status }) => [nodeId, status]));
  const log = async (nodeId: string) => {
    const outputs: unknown[] = [];
    for await (const output of task.artifacts(nodeId)) outputs.push(output);
    return outputs;
  };
  return { engine, task, statuses, log, store };
}
interface Given {
  readonly handlers: readonly HandlerDefinition[];
}
const sink = (id: string, parents: readonly string[], more: Parameters<typeof node>[2] = {}) =>
  node(id, parents, { type: "pass", ...more });

describe.each(stores)("when in a %s store", (kind) => {
  test("a node runs if its condition holds, and is skipped otherwise, without a batch", async () => {
    const { task, statuses, log } = await run(kind, [
      node("src"),
      sink("fast", ["src"], { when: { params: { mode: "fast" } } }),
      sink("slow", ["src"], { when: { params: { mode: "slow" } } }),
      node("checked", ["src"], { when: never }),
      sink("either", ["src"], { when: [never, { params: { n: { $exists: true } } }] }),
    ]);
    expect(await task.result()).toStrictEqual({ fast: [0, 1, 2], slow: [], either: [0, 1, 2], checked: undefined });
    expect(await statuses()).toMatchObject({
      fast: "finished",
      slow: "skipped",
      either: "finished",
      checked: "skipped",
    });
    expect(await log("slow")).toEqual([]);
  });

  test("judges the results and statuses of parents, of functions too", async () => {
    const { task, statuses } = await run(kind, [
      node("src"),
      node("checked", ["src"]),
      node("vars", [], { fn: "vars.set", fnArgs: { kv: { k: 1 } } }),
      sink("fix", ["checked"], { when: { results: { checked: { bad: ["some", "many"] } } } }),
      sink("none", ["checked"], { when: { results: { checked: { bad: "none" } } } }),
      sink("done", ["checked", "src"], { when: { status: { checked: "finished", src: { $not: "skipped" } } } }),
      sink("set", ["vars"], { when: { results: { vars: { keys: { $exists: true } } } } }),
      sink("after", ["none"], { when: { status: { none: "skipped" }, results: { none: { $exists: false } } } }),
    ]);
    await task.result();
    expect(await statuses()).toMatchObject({
      fix: "finished",
      none: "skipped",
      done: "finished",
      set: "finished",
      after: "finished",
    });
  });

  test("skipping does not spread: what follows runs with what there is", async () => {
    const { task, statuses } = await run(kind, [
      node("src", [], { when: never }),
      sink("each", ["src"]),
      sink("all", ["src", "each"], { adapter: "pull.gather" }),
      node("checked", ["src"]),
    ]);
    expect(await task.result()).toEqual({ all: [{ src: [], each: [] }], checked: { batches: 0, bad: "many" } });
    expect(await statuses()).toEqual({ src: "skipped", each: "finished", all: "finished", checked: "finished" });
  });

  test("a skipped parent does not count for any and count, while enough others can", async () => {
    const gather = { adapter: "pull.gather" };
    const { task } = await run(kind, [
      node("src"),
      sink("off", ["src"], { when: never }),
      sink("off2", ["src"], { when: never }),
      sink("on", ["src"]),
      sink("any", ["off", "on"], { fan_in: "any", ...gather }),
      sink("two", ["off", "on", "src"], { fan_in: "count:2", ...gather }),
      sink("most", ["off", "on", "off2"], { fan_in: "count:2", ...gather }),
      sink("none", ["off", "off2"], { fan_in: "count:2", ...gather }),
    ]);
    const on = [0, 1, 2];
    expect(await task.result()).toEqual({ any: [{ on }], two: [{ on, src: on }], most: [{ on }], none: [{}] });
  });

  test("with first_batch the parameters decide, before any parent has ended", async () => {
    const gate = new Gate();
    const slow = source("slow", [], {
      async *iterBatches() {
        yield { payload: 1 };
        await gate.pass();
      },
    });
    const nodes = [
      node("slow"),
      sink("off", ["slow"], { start: "first_batch", when: never }),
      sink("next", ["off"], { start: "first_batch" }),
      sink("on", ["slow"], { start: "first_batch", when: { params: { mode: "fast" } } }),
    ];
    const { task } = await run(kind, nodes, { handlers: [slow, pass] });
    const seen = new Map<string, string>();
    for await (const event of task.events()) {
      if (event.kind === "node") seen.set(event.nodeId, event.to);
      if (seen.get("next") === "finished") gate.open();
    }
    expect(Object.fromEntries(seen)).toEqual({ slow: "finished", off: "skipped", next: "finished", on: "finished" });
    expect(await task.result()).toEqual({ next: [], on: [1] });
  });

  test("all partitions are skipped, as readers, events and explain show", async () => {
    const { task, log } = await run(kind, [
      node("src"),
      sink("wide", ["src"], { partitions: 3, when: { results: { src: 1 } } }),
      sink("tail", ["wide"]),
    ]);
    expect(await task.result()).toEqual({ tail: [] });
    expect(await log("wide")).toEqual([]);
    const events: TaskEvent[] = [];
    for await (const event of task.events()) events.push(event);
    const skips = events.filter((event) => event.kind === "node" && event.nodeId === "wide");
    expect(skips).toMatchObject([0, 1, 2].map((shard) => ({ shard, to: "skipped", cause: "skip", from: "absent" })));
    const { nodes } = await task.explain();
    expect(nodes.filter(({ nodeId }) => nodeId === "wide").map(({ text }) => text)).toEqual(
      [0, 1, 2].map((shard) => `wide/${shard} was skipped: its condition did not hold`),
    );
  });

  test("a retry adopts what was skipped, and judges again where a parent runs again", async () => {
    let fails = true;
    const gate = new Gate();
    const breaks = handler("breaks", {
      async processBatch(value) {
        await gate.pass();
        if (fails) throw new PermanentError("boom");
        return value;
      },
    });
    const nodes = [
      node("src"),
      sink("off", ["src"], { when: never }),
      sink("tail", ["off"]),
      node("breaks", ["src"]),
      sink("last", ["breaks"], { when: { status: { breaks: "finished" } } }),
    ];
    const { engine, task, statuses, store } = await run(kind, nodes, { handlers: [src, pass, breaks] });
    await until(async () => (await statuses()).tail === "finished", "the end of the node behind the skipped one");
    gate.open();
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_FAILED" });
    expect(await statuses()).toMatchObject({ off: "skipped", last: "cancelled" });
    fails = false;
    const again = await engine.retry(task.id, { from: "failed" });
    expect(await again.result()).toEqual({ tail: [], last: [0, 1, 2] });
    const records = await store.readShards(again.id, ["off", "tail"]);
    expect(records).toMatchObject([
      { nodeId: "off", status: "skipped", history: [{ cause: "adopt" }] },
      { nodeId: "tail", status: "finished", history: [{ cause: "adopt" }] },
    ]);
  });
});

describe.each(stores)("optional in a %s store", (kind) => {
  test("a failed node does not fail the task, and what it had stored is read", async () => {
    const { task, statuses, log } = await run(kind, [
      node("src"),
      node("broken", ["src"], { optional: true }),
      sink("next", ["broken"]),
      sink("soon", ["broken"], { start: "first_batch" }),
      sink("joined", ["broken", "src"], { adapter: "pull.gather" }),
      sink("if", ["broken"], { when: { status: { broken: "failed" } } }),
      sink("any", ["broken", "src"], { fan_in: "any", adapter: "pull.gather" }),
    ]);
    expect(await task.result()).toEqual({
      next: [0, 1],
      soon: [0, 1],
      joined: [{ broken: [0, 1], src: [0, 1, 2] }],
      if: [0, 1],
      any: [{ src: [0, 1, 2] }],
    });
    expect(await statuses()).toMatchObject({ broken: "failed", next: "finished" });
    expect(await log("broken")).toEqual([0, 1]);
    const view = await task.status();
    expect(view).toMatchObject({ status: "finished" });
    expect(view.failure).toBeUndefined();
    expect(view.nodes.find(({ nodeId }) => nodeId === "broken")).toMatchObject({
      status: "failed",
      failure: { reasonCode: "declined", message: "no funds" },
    });
  });

  test("of a partitioned node, the other partitions continue", async () => {
    const { task, statuses, store } = await run(kind, [
      node("src"),
      node("broken", ["src"], { optional: true, partitions: 3 }),
      sink("next", ["broken"]),
    ]);
    await task.result();
    expect(await statuses()).toEqual({ src: "finished", broken: "failed", next: "finished" });
    const records = await store.readShards(task.id, ["broken"]);
    expect(records.map(({ status }) => status).sort()).toEqual(["failed", "finished", "finished"]);
    expect(records.every(({ count }) => count !== undefined)).toBe(true);
  });

  test("what it had stored is kept, even if its source starts over after that; its readers read nothing twice", async () => {
    const failed = new Gate();
    let runs = 0;
    const turning = handler("turning", {
      resumable: false,
      async *iterBatches() {
        const isFirst = runs++ === 0;
        for (const payload of isFirst ? [1, 2] : [10, 20]) yield { payload };
        if (!isFirst) return;
        await failed.pass();
        throw new Error("the connection was lost");
      },
    });
    const failsLater = handler("broken", {
      processBatch(value) {
        if (value === 2) throw new PermanentError("declined");
        return value;
      },
    });
    const { task, statuses, log, store } = await run(
      kind,
      [
        node("turning", [], { retry_policy: atOnce }),
        node("broken", ["turning"], { optional: true, start: "first_batch" }),
        sink("soon", ["broken"], { start: "first_batch" }),
        sink("all", ["turning"]),
      ],
      { handlers: [turning, failsLater, pass] },
    );
    const recordOf = async (id: string) => (await store.readShards(task.id, [id]))[0];
    await until(async () => (await statuses()).broken === "failed");
    failed.open();
    expect(await task.result()).toEqual({ soon: [1], all: [10, 20] });
    expect(await log("broken")).toEqual([1]);
    expect(await recordOf("turning")).toMatchObject({ generation: 1 });
    expect(await recordOf("broken")).toMatchObject({ generation: 0, sourceGens: {}, count: 1 });
  });

  test("a retry runs it again, from what it had stored", async () => {
    const fails = new Set(["late", "broken"]);
    const mended = (name: string) =>
      handler(name, {
        processBatch(value) {
          if (fails.has(name) && value === 2) throw new PermanentError("boom");
          return value;
        },
      });
    const nodes = [
      node("src"),
      node("broken", ["src"], { optional: true }),
      sink("next", ["broken"]),
      node("late", ["src", "next"], { adapter: "pull.from_artifacts", adapterArgs: { from_nodes: ["src"] } }),
    ];
    const given = { handlers: [src, pass, mended("broken"), mended("late")] };
    const { engine, task, store } = await run(kind, nodes, given);
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_FAILED", details: { nodeId: "late" } });
    fails.clear();
    const again = await engine.retry(task.id, { from: "failed" });
    expect(await again.result()).toEqual({ late: [0, 1, 2] });
    const [broken] = await store.readShards(again.id, ["broken"]);
    expect(broken).toMatchObject({ status: "finished", count: 3, history: [{ cause: "dispatch" }, {}, {}] });
  });
});

test("external workers serve a node with a condition, but cannot read one that may end without being complete", async () => {
  const { coordinator } = await ExternalSide.open([src, pass]);
  const unreadable = { path: "/nodes/2/depends_on", code: "GRAPH_UNSUPPORTED" };
  for (const more of [{ when: never }, { optional: true }]) {
    const graph = graphOf(node("src"), sink("mid", ["src"], more), node("ocr", ["mid"]));
    await expect(coordinator.run(graph)).rejects.toMatchObject({ details: { findings: [unreadable] } });
  }
  const task = await coordinator.run(
    graphOf(node("src"), node("ocr", ["src"], { when: never }), sink("next", ["ocr"])),
  );
  expect(await task.result()).toEqual({ next: [] });
});
