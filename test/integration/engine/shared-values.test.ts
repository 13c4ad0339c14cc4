import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { CoordinatorFunctionDefinition, HandlerDefinition, SourceBatch } from "../../../src/definitions/index.ts";
import { spoil } from "../../../src/testing/cluster/computation.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { collect } from "../../helpers/waiting.ts";

const Rows = z.object({ rows: z.array(z.number()) });
const common = { kind: "handler", errors: [], resumable: true } as const;

const source: HandlerDefinition = {
  ...common,
  name: "source",
  output: Rows,
  *iterBatches() {
    yield { payload: { rows: [1, 2] } };
    yield { payload: { rows: [3] } };
  },
};

function stores() {
  const folder = mkdtempSync(join(tmpdir(), "flowkit-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { memory: () => memoryStore(), sqlite: () => sqliteStore(join(folder, "runs.db")) };
}

async function engineOn(
  kind: "memory" | "sqlite",
  more: {
    readonly handlers: readonly HandlerDefinition[];
    readonly coordinatorFns?: readonly CoordinatorFunctionDefinition[];
  },
) {
  const { handlers, ...options } = more;
  const { engine } = await testEngine(handlers, { store: stores()[kind](), ...options });
  return engine;
}

describe.each(["memory", "sqlite"] as const)("in a %s store", (kind) => {
  test("a caller may change its artifacts and its result without affecting others", async () => {
    const engine = await engineOn(kind, { handlers: [source] });
    const task = await engine.run(graphOf(node("a", [], { type: "source" })));
    const expected = [{ rows: [1, 2] }, { rows: [3] }];
    const result = (await task.result()) as { a: { rows: number[] }[] };
    expect(result).toEqual({ a: expected });
    result.a[0]?.rows.push(99);
    result.a.length = 1;
    expect(result).toEqual({ a: [{ rows: [1, 2, 99] }] });
    for await (const artifact of task.artifacts("a")) (artifact as { rows: number[] }).rows.length = 0;
    expect(await task.result()).toEqual({ a: expected });
  });

  test("a handler that changes its input, which it is given as its source's schema has made it, affects no other", async () => {
    const seen: unknown[] = [];
    const careless: HandlerDefinition = {
      ...common,
      name: "careless",
      input: Rows,
      output: Rows,
      processBatch(payload) {
        seen.push(structuredClone(payload));
        (payload as { rows: number[] }).rows.push(99);
        return { rows: [] };
      },
    };
    const engine = await engineOn(kind, { handlers: [source, careless] });
    const nodes = ["b", "c"].map((id) => node(id, ["a"], { type: "careless", start: "first_batch" }));
    const task = await engine.run(graphOf(node("a", [], { type: "source" }), ...nodes));
    expect(await task.result()).toEqual({ b: [{ rows: [] }, { rows: [] }], c: [{ rows: [] }, { rows: [] }] });
    expect(seen).toHaveLength(4);
    expect(seen).toEqual(expect.arrayContaining([{ rows: [1, 2] }, { rows: [3] }]));
    expect(seen.filter((payload) => JSON.stringify(payload) === '{"rows":[1,2]}')).toHaveLength(2);
    expect(await collect(task.artifacts("a"))).toEqual([{ rows: [1, 2] }, { rows: [3] }]);
  });

  test("the result of finalize belongs to its caller", async () => {
    const summed: HandlerDefinition = { ...source, result: Rows, finalize: () => ({ rows: [6] }) };
    const engine = await engineOn(kind, { handlers: [summed] });
    const task = await engine.run(graphOf(node("a", [], { type: "source" })));
    const result = (await task.result()) as { a: { rows: number[] } };
    result.a.rows.push(99);
    expect(await task.result()).toEqual({ a: { rows: [6] } });
  });

  test("a handler that changes its parameters and its input affects no other", async () => {
    const seen: unknown[] = [];
    const careless: HandlerDefinition = {
      ...common,
      name: "careless",
      output: z.unknown(),
      processBatch(payload, ctx): null {
        seen.push(structuredClone([ctx.params, payload]));
        spoil(ctx.params);
        spoil(payload);
        expect(() => Object.assign(ctx.params, { more: 1 })).toThrow(TypeError);
        return null;
      },
    };
    const engine = await engineOn(kind, { handlers: [source, careless] });
    const graph = graphOf(
      node("a", [], { type: "source" }),
      node("b", ["a"], { type: "careless" }),
      node("c", ["a"], { type: "careless" }),
    );
    const params = { limits: { rows: 10 } };
    const task = await engine.run(graph, { params });
    await task.result();
    const batches = [{ rows: [1, 2] }, { rows: [3] }];
    expect(seen).toHaveLength(4);
    for (const batch of batches)
      expect(seen.filter((each) => JSON.stringify(each) === JSON.stringify([params, batch]))).toHaveLength(2);
    expect((await task.status()).params).toEqual(params);
    spoil(await task.status());
    expect((await task.status()).params).toEqual(params);
  });

  test("variables do not change if a handler or a caller changes them in place", async () => {
    const set = node("set", [], { fn: "vars.set", fnArgs: { kv: { n: { m: [1] } } } });
    const reader: HandlerDefinition = {
      ...common,
      name: "reader",
      output: z.unknown(),
      async *iterBatches(_args, ctx): AsyncGenerator<SourceBatch<unknown>> {
        spoil(await ctx.vars());
        yield { payload: await ctx.vars() };
      },
    };
    const engine = await engineOn(kind, { handlers: [reader] });
    const task = await engine.run(graphOf(set, node("r", ["set"], { type: "reader" })));
    expect(await task.result()).toEqual({ r: [{ n: { m: [1] } }] });
    spoil((await task.status()).vars);
    expect((await task.status()).vars).toEqual({ n: { m: [1] } });
  });

  test("an update may change its variables in place: each applies once", async () => {
    const kept: unknown[] = [];
    const count: CoordinatorFunctionDefinition = {
      kind: "coordinatorFn",
      name: "count",
      args: z.unknown(),
      output: z.null(),
      async run({ vars }) {
        spoil(await vars.get());
        await vars.update((current) => {
          const own = current as { n?: number; list?: number[] };
          own.n = (own.n ?? 0) + 1;
          own.list = [...(own.list ?? []), 1];
          kept.push(own);
          return current;
        });
        for (const each of kept) spoil(each);
        return null;
      },
    };
    const engine = await engineOn(kind, { handlers: [], coordinatorFns: [count] });
    const nodes = Array.from({ length: 12 }, (_, at) => node(`c${at}`, [], { fn: "count" }));
    const task = await engine.run(graphOf(...nodes));
    await task.result();
    expect((await task.status()).vars).toEqual({ n: 12, list: Array.from({ length: 12 }, () => 1) });
  });

  test.for([
    ["nothing", (): undefined => undefined, "must return the variables"],
    ["a list", () => [], "must return the variables"],
    ["what isn't JSON", () => ({ at: new Date(0) }), ".at is a Date"],
  ] as const)("an update that returns %s fails", async ([, change, words]) => {
    const wrong: CoordinatorFunctionDefinition = {
      kind: "coordinatorFn",
      name: "wrong",
      args: z.unknown(),
      output: z.null(),
      async run({ vars }) {
        await vars.update(change as never);
        return null;
      },
    };
    const engine = await engineOn(kind, { handlers: [], coordinatorFns: [wrong] });
    const task = await engine.run(graphOf(node("w", [], { fn: "wrong" })));
    const view = await task.wait();
    expect(view.failure).toMatchObject({ reasonCode: "schema_mismatch", nodeId: "w" });
    expect(view.failure?.message).toContain(words);
    expect(view.vars).toEqual({});
  });

  test("a cycle, or an infinite value, fails the node that made it", async () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    let deep: unknown = [];
    for (let depth = 0; depth < 20_000; depth++) deep = [deep];
    for (const payload of [cycle, deep]) {
      const endless: HandlerDefinition = {
        ...common,
        name: "endless",
        output: z.json(),
        *iterBatches() {
          yield { payload };
        },
      };
      const reads: HandlerDefinition = {
        ...common,
        name: "reads",
        input: z.json(),
        output: z.null(),
        processBatch: () => null,
      };
      const engine = await engineOn(kind, { handlers: [endless, reads] });
      const task = await engine.run(graphOf(node("a", [], { type: "endless" }), node("b", ["a"], { type: "reads" })));
      const { failure } = await task.wait();
      expect(failure).toMatchObject({ nodeId: "a", reasonCode: "schema_mismatch", epoch: 1 });
      expect(failure?.message).toContain("is nested");
    }
  });

  test("half a surrogate pair is refused in names", async () => {
    const odd: HandlerDefinition = {
      ...source,
      *iterBatches() {
        yield { uid: "\ud800", payload: { rows: [] } };
      },
    };
    const engine = await engineOn(kind, { handlers: [odd] });
    const graph = graphOf(node("a", [], { type: "source" }));
    expect((await (await engine.run(graph)).wait()).failure).toMatchObject({ reasonCode: "bad_input" });
    await expect(engine.run(graph, { idempotencyKey: "\ud800" })).rejects.toThrow("well-formed");
  });
});
