import { describe, expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import type { InputAdapterDefinition } from "../../../src/definitions/index.ts";
import { defineHandler, defineInputAdapter, flow } from "../../../src/dsl/index.ts";
import type { JsonObject } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node, unchecked } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";

const rows = { items: [1, 2, 3], other: ["x"] };

describe("arguments that an adapter does not accept", () => {
  const cases: readonly {
    readonly why: string;
    readonly adapter: string;
    readonly args: JsonObject;
    readonly code: string;
  }[] = [
    { why: "no size", adapter: "pull.from_artifacts.rechunk:size", args: {}, code: "bad_input_args" },
    { why: "size 0", adapter: "pull.from_artifacts.rechunk:size", args: { size: 0 }, code: "bad_input_args" },
    { why: "a size that is not an integer", adapter: "pull.rechunk", args: { size: 1.5 }, code: "bad_input_args" },
    { why: "size true", adapter: "pull.rechunk", args: { size: true }, code: "bad_input_args" },
    {
      why: "a key that is not a string",
      adapter: "pull.rechunk",
      args: { size: 1, meta_list_key: 7 },
      code: "bad_input_args",
    },
    { why: "an argument of no adapter", adapter: "pull.from_artifacts", args: { sise: 1 }, code: "bad_input_args" },
    { why: "a list of no sources", adapter: "pull.from_artifacts", args: { from_nodes: [] }, code: "bad_input_args" },
    {
      why: "a source of no graph",
      adapter: "pull.from_artifacts",
      args: { from_nodes: ["nobody"] },
      code: "bad_input_args",
    },
    {
      why: "a source downstream",
      adapter: "pull.from_artifacts",
      args: { from_nodes: ["after"] },
      code: "bad_input_args",
    },
    { why: "the node itself", adapter: "pull.gather", args: { from_nodes: ["sink"] }, code: "bad_input_args" },
    { why: "an unknown adapter", adapter: "pull.from_nowhere", args: {}, code: "bad_input_adapter" },
  ];

  test.for(cases)(
    "$why: refused by run, and with $code if a store contains such a graph anyway",
    async ({ adapter, args, code }) => {
      const [iterBatches, processBatch, setup] = [vi.fn(() => []), vi.fn(), vi.fn()];
      const sink = handler("sink", { iterBatches, processBatch, setup });
      const world = await testEngine([source("src", [rows]), sink, handler("after")]);
      const nodes = [node("src"), node("sink", ["src"], { adapter, adapterArgs: args }), node("after", ["sink"])];
      await expect(world.engine.run(graphOf(...nodes))).rejects.toMatchObject({ code: "GRAPH_INVALID" });

      await world.store.createTask({ id: "stored", graph: unchecked(...nodes), params: {}, priority: 0 });
      const task = world.engine.task("stored");
      await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: code, nodeId: "sink", epoch: 1 } });
      for (const method of [iterBatches, processBatch, setup]) expect(method).not.toHaveBeenCalled();
      expect((await task.status()).nodes.find(({ nodeId }) => nodeId === "after")?.status).toBe("cancelled");
    },
  );

  test.for(cases)(
    "$why: likewise in a handler's own suggestion, which no graph check sees",
    async ({ adapter, args, code }) => {
      const processBatch = vi.fn();
      const { engine } = await testEngine([
        source("src", [rows]),
        handler("sink", { processBatch, inputAdapter: { adapter, args } }),
        handler("after"),
      ]);
      const task = await engine.run(graphOf(node("src"), node("sink", ["src"]), node("after", ["sink"])));
      await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: code } });
      expect(processBatch).not.toHaveBeenCalled();
    },
  );

  test("one refusal contains all findings", async () => {
    const { engine } = await testEngine([source("src", [])]);
    const run = engine.run(
      graphOf(
        node("src"),
        node("a", ["src"], { type: "src", adapter: "pull.rechunk", adapterArgs: { size: 0 } }),
        node("b", ["src", "ghost"], { type: "src", adapter: "nope" }),
        node("c", ["a"], { type: "stranger" }),
      ),
    );
    const error = await run.catch((caught: unknown) => caught);
    const findings = (error as { details: { findings: { code: string }[] } }).details.findings;
    expect(new Set(findings.map(({ code }) => code))).toEqual(
      new Set(["GRAPH_ADAPTER_ARGS", "GRAPH_UNKNOWN_ADAPTER", "GRAPH_UNKNOWN_DEPENDENCY", "GRAPH_UNKNOWN_TYPE"]),
    );
  });
});

describe("the adapter that delivers", () => {
  const chunks = { adapter: "pull.rechunk", args: { size: 2, meta_list_key: "items" } };

  test("is the graph's, even if the handler has a suggestion and iterBatches", async () => {
    const iterBatches = vi.fn(() => []);
    const { engine } = await testEngine([
      source("src", [rows]),
      handler("sink", {
        iterBatches,
        inputAdapter: { adapter: "pull.rechunk", args: { size: 1, meta_list_key: "other" } },
      }),
    ]);
    const task = await engine.run(
      graphOf(node("src"), node("sink", ["src"], { adapter: chunks.adapter, adapterArgs: chunks.args })),
    );
    expect(await task.result()).toEqual({ sink: [[1, 2], [3]] });
    expect(iterBatches).not.toHaveBeenCalled();
  });

  test("is the handler's suggestion if the graph names none, even if it has iterBatches", async () => {
    const iterBatches = vi.fn(() => []);
    const { engine } = await testEngine([
      source("src", [rows]),
      handler("sink", { iterBatches, inputAdapter: chunks }),
    ]);
    const task = await engine.run(graphOf(node("src"), node("sink", ["src"])));
    expect(await task.result()).toEqual({ sink: [[1, 2], [3]] });
    expect(iterBatches).not.toHaveBeenCalled();
  });

  test("is iterBatches if no adapter is named, even in a node with parents", async () => {
    const { engine } = await testEngine([source("src", [rows]), source("sink", ["own"])]);
    const task = await engine.run(graphOf(node("src"), node("sink", ["src"])));
    expect(await task.result()).toEqual({ sink: ["own"] });
  });

  test("delivers every artifact of every parent by default", async () => {
    const { engine } = await testEngine([source("src", [rows]), handler("sink")]);
    const task = await engine.run(graphOf(node("src"), node("sink", ["src"])));
    expect(await task.result()).toEqual({ sink: [rows] });
  });

  test.for(["from_node", "from_nodes"])(
    "%s names an ancestor that is not a parent, in the graph and in a suggestion",
    async (key) => {
      const args = { [key]: key === "from_node" ? "src" : ["src"] };
      const { engine } = await testEngine([
        source("src", [rows]),
        handler("mid", { processBatch: () => "mid" }),
        handler("graph"),
        handler("suggested", { inputAdapter: { adapter: "pull.artifacts", args } }),
      ]);
      const task = await engine.run(
        graphOf(
          node("src"),
          node("mid", ["src"]),
          node("graph", ["mid"], { adapter: "pull.from_artifacts", adapterArgs: args }),
          node("suggested", ["mid"]),
        ),
      );
      expect(await task.result()).toEqual({ graph: [rows], suggested: [rows] });
    },
  );

  test("a root without iterBatches gets its arguments as its only batch, with parameters filled in", async () => {
    const { engine } = await testEngine([
      handler("root", {
        input: z.object({ date: z.iso.date(), size: z.int() }),
        processBatch: (payload) => [payload as string],
      }),
    ]);
    const task = await engine.run(graphOf(node("root", [], { args: { date: { $ref: "params.date" }, size: 3 } })), {
      params: { date: "2026-11-24" },
    });
    expect(await task.result()).toEqual({ root: [[{ date: "2026-11-24", size: 3 }]] });
  });

  test("a custom adapter splits each artifact, with its arguments decoded", async () => {
    const everyNth: InputAdapterDefinition = {
      kind: "inputAdapter",
      name: "every.nth",
      args: z.object({ nth: z.int().default(2) }),
      expand: ({ meta, nodeId, args }) =>
        (meta as typeof rows).items.flatMap((item, at) =>
          at % (args as { nth: number }).nth === 0 ? [`${nodeId}:${item}`] : [],
        ),
    };
    const { engine, artifacts } = await testEngine([source("src", [rows, rows]), handler("sink")], {
      inputAdapters: [everyNth],
    });
    const task = await engine.run(
      graphOf(node("src"), node("sink", ["src"], { adapter: "every.nth", adapterArgs: { from_nodes: ["src"] } })),
    );
    expect(await task.result()).toEqual({ sink: ["src:1", "src:3", "src:1", "src:3"] });
    expect((await artifacts(task.id, "sink")).map(({ uid }) => uid)).toEqual(["0.0", "0.1", "1.0", "1.1"]);
  });

  test("uids are derived from a batch's origin, so a second run has the same ones", async () => {
    const run = async () => {
      const { engine, artifacts } = await testEngine([source("a", [rows]), source("b", [rows]), handler("sink")]);
      const task = await engine.run(
        graphOf(
          node("a"),
          node("b"),
          node("sink", ["a", "b"], { adapter: "pull.rechunk", adapterArgs: { size: 2, meta_list_key: "items" } }),
        ),
      );
      await task.result();
      return (await artifacts(task.id, "sink")).map(({ uid }) => uid);
    };
    const uids = await run();
    expect(uids.toSorted()).toEqual(["a/0.0", "a/0.1", "b/0.0", "b/0.1"]);
    expect(await run()).toEqual(uids);
  });

  test("a gather delivers its sources by alias", async () => {
    const { engine } = await testEngine([source("a", [1, 2]), source("b", []), handler("join")]);
    const task = await engine.run(
      graphOf(
        node("a"),
        node("b"),
        node("join", ["a", "b"], { adapter: "pull.gather", adapterArgs: { from: { left: "a", right: "b" } } }),
      ),
    );
    expect(await task.result()).toEqual({ join: [{ left: [1, 2], right: [] }] });
  });
});

test("a stored graph with a type that no worker serves waits, and runs once one does", async () => {
  const { state, store } = await testEngine([source("src", [1])]);
  await store.createTask({ id: "t", graph: unchecked(node("src"), node("late", ["src"])), params: {}, priority: 0 });
  const other = await testEngine([source("src", [1]), handler("late")], {
    state,
    store: memoryStore({ state }),
    sweepMs: 20,
  });
  expect(await other.engine.task("t").result()).toEqual({ late: [1] });
});

test("no schema is compiled again for a node that ran before, with any adapter", async () => {
  const Row = z.object({ n: z.int() });
  const Rows = z.object({ items: z.array(Row) });
  const rows = { items: [{ n: 1 }, { n: 2 }] };
  const read = defineHandler("read", { output: Rows, iterBatches: () => [{ uid: "page", payload: rows }] });
  const same = defineHandler("same", { input: Rows, output: Rows, processBatch: (page) => page });
  const cut = defineHandler("cut", { input: z.array(Row), output: z.array(Row), processBatch: (some) => some });
  const all = defineHandler("all", {
    input: z.object({ same: z.array(Rows) }),
    output: Rows,
    processBatch: () => rows,
  });
  const own = defineHandler("own", { input: Row, output: Row, processBatch: (row) => row });
  const skipping = defineInputAdapter("own.rows", {
    args: z.object({ skip: z.int() }),
    payload: Row,
    expand: ({ meta, args }) => Rows.parse(meta).items.slice(args.skip),
  });
  const every = flow("every-adapter", { adapters: [skipping] })
    .node("read", read)
    .then("same", same)
    .node("cut", cut, {
      after: ["read"],
      input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "items" },
    })
    .node("all", all, { after: ["same"], input: { adapter: "pull.gather" } })
    .node("own", own, { after: ["read"], input: { adapter: "own.rows", skip: 1 } });
  const { engine } = await testEngine(Object.values(every.handlers), { inputAdapters: every.inputAdapters });
  const first = await (await engine.run(every)).result();

  const compiled: string[] = [];
  vi.stubGlobal(
    "Function",
    new Proxy(Function, {
      construct(target, args: string[]) {
        compiled.push(args.at(-1) ?? "");
        return Reflect.construct(target, args) as object;
      },
    }),
  );
  onTestFinished(() => void vi.unstubAllGlobals());
  z.object({ probe: z.int() }).parse({ probe: 1 });
  expect(compiled).toHaveLength(1); // it would be seen
  expect(await (await engine.run(every)).result()).toEqual(first);
  expect(compiled).toHaveLength(1);
});
