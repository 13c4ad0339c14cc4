import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import type { CoordinatorFunctionDefinition } from "../../../src/definitions/index.ts";
import type { JsonObject } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const fn = (id: string, parents: readonly string[], name: string, fnArgs: JsonObject = {}, more = {}) =>
  node(id, parents, { fn: name, fnArgs, ...more });

const custom = (name: string, run: CoordinatorFunctionDefinition["run"]): CoordinatorFunctionDefinition => ({
  kind: "coordinatorFn",
  name,
  args: z.looseObject({}),
  output: z.json(),
  run,
});

describe("variables", () => {
  test("set, merge, incr and unset in a chain", async () => {
    const { engine } = await testEngine([]);
    const task = await engine.run(
      graphOf(
        fn("set", [], "vars.set", { kv: { "run.by": "cron", limits: { rows: 10, days: 7 } } }),
        fn("merge", ["set"], "vars.merge", { data: { limits: { rows: 20 }, tags: ["a"] } }),
        fn("incr", ["merge"], "vars.incr", { key: "limits.rows", by: 5 }),
        fn("unset", ["incr"], "vars.unset", { keys: ["limits.days", "run.by"] }),
      ),
    );
    await task.result();
    expect((await task.status()).vars).toEqual({ limits: { rows: 25 }, tags: ["a"] });
  });

  test("fifteen concurrent increments add up", async () => {
    const { engine } = await testEngine([]);
    const task = await engine.run(
      graphOf(...numbers(15).map((n) => fn(`i${n}`, [], "vars.incr", { key: "n", by: n }))),
    );
    await task.result();
    expect((await task.status()).vars).toEqual({ n: 105 });
  });

  test("a handler reads their current values", async () => {
    const { engine } = await testEngine([source("a", [1], { processBatch: (_n, ctx) => ctx.vars() })]);
    const task = await engine.run(graphOf(fn("set", [], "vars.set", { kv: { x: 1 } }), node("a", ["set"])));
    expect(await task.result()).toEqual({ a: [{ x: 1 }] });
  });

  test("a function that fails after its update does not apply it twice", async () => {
    let runs = 0;
    const bump = custom("bump", async ({ vars }) => {
      await vars.update((current) => ({ ...current, n: ((current.n as number | undefined) ?? 0) + 1 }));
      if (runs++ === 0) throw new Error("after the change");
      return null;
    });
    const { engine } = await testEngine([], { coordinatorFns: [bump] });
    const task = await engine.run(graphOf(fn("a", [], "bump", {}, { retry_policy: atOnce }), fn("b", ["a"], "bump")));
    await task.result();
    expect((await task.status()).vars).toEqual({ n: 2 });
  });

  test("a second update in one run is refused: the store would take it for the first, stored by an earlier attempt", async () => {
    const change = custom("change", async ({ vars }) => {
      await vars.update((current) => ({ ...current, first: 1 }));
      await vars.update((current) => ({ ...current, second: 2 }));
      return null;
    });
    const { engine } = await testEngine([], { coordinatorFns: [change] });
    const task = await engine.run(graphOf(fn("a", [], "change")));
    await expect(task.result()).rejects.toMatchObject({
      details: { nodeId: "a", reasonCode: "unexpected_error", epoch: 1 },
    });
    expect((await task.status()).vars).toEqual({ first: 1 });
  });

  test("two tasks have separate ones", async () => {
    const { engine } = await testEngine([]);
    const run = (by: number) => engine.run(graphOf(fn("i", [], "vars.incr", { key: "n", by })));
    const tasks = await Promise.all([run(1), run(2)]);
    for (const task of tasks) await task.result();
    expect(await Promise.all(tasks.map(async (task) => (await task.status()).vars))).toEqual([{ n: 1 }, { n: 2 }]);
  });
});

describe("merge.generic", () => {
  test("merges in the order of from_nodes, then of seq, under its key", async () => {
    const { engine } = await testEngine([
      source("a", [{ rows: [1], day: "Mon" }, { rows: [2] }]),
      source("b", [{ rows: [3], day: "Tue", deep: { x: 1 } }]),
    ]);
    const task = await engine.run(
      graphOf(
        node("a"),
        node("b"),
        fn("m", ["a", "b"], "merge.generic", { from_nodes: ["b", "a"], target: { key: "all" } }),
      ),
    );
    expect(await task.result()).toEqual({ m: { all: { rows: [3, 1, 2], day: "Mon", deep: { x: 1 } } } });
  });

  test("under any, it still reads all of its from_nodes to their ends", async () => {
    const gate = new Gate();
    const { engine, record } = await testEngine([
      source("quick", [[1]]),
      handler("slow", { iterBatches: () => paced([[2], [3]], () => gate.pass()) }),
    ]);
    const task = await engine.run(
      graphOf(
        node("quick"),
        node("slow"),
        fn(
          "m",
          ["quick", "slow"],
          "merge.generic",
          { from_nodes: ["quick", "slow"], target: { key: "all" } },
          { fan_in: "any" },
        ),
      ),
    );
    await until(async () => (await record(task.id, "m").catch(() => undefined))?.status === "running");
    gate.open();
    expect(await task.result()).toEqual({ m: { all: [1, 2, 3] } });
  });

  test("its output is an artifact like any other: handlers read it", async () => {
    const { engine } = await testEngine([source("a", [[1], [2]]), handler("sink")]);
    const task = await engine.run(
      graphOf(
        node("a"),
        fn("m", ["a"], "merge.generic", { from_nodes: ["a"], target: { key: "items" } }),
        node("sink", ["m"], { adapter: "pull.rechunk", adapterArgs: { size: 1, meta_list_key: "items" } }),
      ),
    );
    expect(await task.result()).toEqual({ sink: [[1], [2]] });
  });
});

describe("custom functions", () => {
  test("receive their arguments decoded with parameters filled in, and their output is stored", async () => {
    const double: CoordinatorFunctionDefinition = {
      kind: "coordinatorFn",
      name: "double",
      args: z.object({ n: z.number(), of: z.string().default("nothing") }),
      output: z.object({ n: z.number(), of: z.string() }),
      run: ({ args }) => {
        const { n, of } = args as { n: number; of: string };
        return { n: n * 2, of };
      },
    };
    const { engine } = await testEngine([], { coordinatorFns: [double] });
    const task = await engine.run(graphOf(fn("d", [], "double", { n: { $ref: "params.n" } })), { params: { n: 21 } });
    expect(await task.result()).toEqual({ d: { n: 42, of: "nothing" } });
  });

  test("fail by the same rules as handlers: transient, permanent, and a mismatching output", async () => {
    const run = vi.fn(() => {
      throw new Error("again");
    });
    const { engine } = await testEngine([], { coordinatorFns: [custom("bad", run), custom("misfit", () => 1n)] });
    const task = await engine.run(graphOf(fn("b", [], "bad", {}, { retry_policy: { ...atOnce, max: 2 } })));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "unexpected_error", epoch: 3 } });
    expect(run).toHaveBeenCalledTimes(3);
    const misfit = await engine.run(graphOf(fn("m", [], "misfit")));
    await expect(misfit.result()).rejects.toMatchObject({ details: { reasonCode: "schema_mismatch", epoch: 1 } });
  });

  test("reading a node that is not upstream fails with bad_fn_args instead of waiting forever", async () => {
    for (const other of ["later", "ghost", "self"]) {
      const peek = custom("peek", async ({ artifacts }) => {
        for await (const artifact of artifacts(other)) return artifact.meta;
        return null;
      });
      const { engine } = await testEngine([handler("later")], { coordinatorFns: [peek] });
      const task = await engine.run(graphOf(fn("self", [], "peek"), node("later", ["self"])));
      await expect(task.result(), other).rejects.toMatchObject({
        details: { reasonCode: "bad_fn_args", nodeId: "self" },
      });
    }
  });

  test("that hang are abandoned when their task is cancelled", async () => {
    const gate = new Gate();
    const { engine } = await testEngine([], {
      coordinatorFns: [custom("hang", () => gate.pass())],
      cancelGraceMs: 20,
      leaseMs: 90,
    });
    const task = await engine.run(graphOf(fn("h", [], "hang")));
    await until(() => gate.arrived === 1);
    await task.cancel();
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  });

  test("with invalid arguments never run", async () => {
    const run = vi.fn();
    const strict = { ...custom("strict", run), args: z.strictObject({ n: z.number() }) };
    const { engine, store } = await testEngine([], { coordinatorFns: [strict] });
    await expect(engine.run(graphOf(fn("s", [], "strict", { m: 1 })))).rejects.toMatchObject({ code: "GRAPH_INVALID" });
    const graph = { schema_version: "1.0", nodes: [fn("s", [], "strict", { m: 1 })], edges: [] } as const;
    await store.createTask({ id: "t", graph, params: {}, priority: 0 });
    await expect(engine.task("t").result()).rejects.toMatchObject({ details: { reasonCode: "bad_fn_args", epoch: 1 } });
    expect(run).not.toHaveBeenCalled();
  });
});
