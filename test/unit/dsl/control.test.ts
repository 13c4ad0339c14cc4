import {
  canonicalGraph,
  defineHandler,
  diffGraphs,
  exists,
  flow,
  fromGraph,
  graphHash,
  not,
  param,
  parseGraph,
  toTypeScript,
} from "flowkit";
import { describe, expect, it } from "vitest";
import * as z from "zod";

const Order = z.object({ id: z.string() });
const nothing = { output: z.null(), processBatch: () => null };
const read = defineHandler("read", { output: Order, iterBatches: () => [] });
const check = defineHandler("check", {
  input: Order,
  output: Order,
  result: z.object({ bad: z.enum(["none", "some"]) }),
  errors: ["declined"],
  processBatch: (order) => order,
  finalize: () => ({ bad: "none" as const }),
});
const load = defineHandler("load", { input: Order, ...nothing });
const undo = defineHandler("undo", {
  input: z.object({ nodeId: z.literal("check"), message: z.string() }),
  ...nothing,
});
const params = z.object({ mode: z.enum(["full", "delta"]), since: z.string().optional(), waitSec: z.number() });
const base = flow("etl", { params }).node("read", read).then("check", check);
const outcomes = { startWhen: "ended", input: { adapter: "pull.outcomes" } } as const;
const lastOf = (built: { compile(): ReturnType<typeof parseGraph> }) => built.compile().nodes.at(-1);

const all = base
  .node("load", load, {
    after: ["check"],
    when: [{ params: { mode: "full", since: not(exists) } }, { results: { check: { bad: "some" } } }],
    optional: true,
    delaySec: param("waitSec"),
  })
  .node("undo", undo, { after: ["check"], ...outcomes, where: { status: "failed", reasonCode: ["declined"] } })
  .fn("count", "vars.incr", {
    after: ["load"],
    args: { key: "n" },
    when: { status: { load: not("skipped") } },
    optional: true,
    delaySec: 2,
  });

describe("when, optional, delaySec and outcomes", () => {
  it("are written in the graph", () => {
    const graph = all.compile();
    expect(graph.schema_version).toBe("1.1");
    expect(graph.nodes.slice(2)).toEqual([
      {
        node_id: "load",
        type: "load",
        depends_on: ["check"],
        when: [
          { params: { mode: "full", since: { $not: { $exists: true } } } },
          { results: { check: { bad: "some" } } },
        ],
        optional: true,
        delay_sec: { $ref: "params.waitSec" },
        io: { input_inline: { input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["check"] } } },
      },
      {
        node_id: "undo",
        type: "undo",
        depends_on: ["check"],
        io: {
          start_when: "ended",
          input_inline: {
            input_adapter: "pull.outcomes",
            input_args: { from_nodes: ["check"], where: { status: "failed", reasonCode: ["declined"] } },
          },
        },
      },
      {
        node_id: "count",
        type: "coordinator_fn",
        depends_on: ["load"],
        when: { status: { load: { $not: "skipped" } } },
        optional: true,
        delay_sec: 2,
        io: { fn: "vars.incr", fn_args: { key: "n" } },
      },
    ]);
  });

  it("are generated as they were written, and survive a round trip as JSON", () => {
    const graph = canonicalGraph(all.compile());
    const source = toTypeScript(graph, { handlersFrom: "./handlers.ts" }).replace(/\s+/g, " ");
    expect(source).toContain('import { exists, flow, not, param } from "flowkit";');
    for (const part of [
      'when: [{ params: { mode: "full", since: not(exists) } }, { results: { check: { bad: "some" } } }],',
      'optional: true, delaySec: param("waitSec"),',
      'startWhen: "ended", where: { reasonCode: "declined", status: "failed" }, input: { adapter: "pull.outcomes" },',
      'when: { status: { load: not("skipped") } }, optional: true, delaySec: 2,',
    ]) {
      expect(source).toContain(part);
    }
    const loaded = fromGraph(JSON.parse(JSON.stringify(graph)), { handlers: [read, check, load, undo] });
    expect(graphHash(loaded.compile())).toBe(graphHash(graph));
    expect(diffGraphs(loaded.compile(), graph).same).toBe(true);
  });

  it("of a subflow name its nodes by their ids in the outer flow; outcomes keep those in the subflow", () => {
    const part = flow("part", { params, inputs: { orders: Order } })
      .node("check", check, { after: ["orders"] })
      .node("load", load, {
        after: ["check"],
        when: [{ results: { check: { bad: "some" } } }, { status: { check: "failed" }, params: { mode: "full" } }],
      })
      .node("undo", undo, { after: ["check"], ...outcomes, where: { status: "failed" } });
    const graph = flow("outer", { params })
      .node("read", read)
      .use("eu", part, { inputs: { orders: "read" } })
      .compile();
    expect(graph.nodes[2]?.when).toEqual([
      { results: { "eu.check": { bad: "some" } } },
      { status: { "eu.check": "failed" }, params: { mode: "full" } },
    ]);
    expect(graph.nodes[3]?.io?.input_inline?.input_args).toEqual({
      from: { check: "eu.check" },
      where: { status: "failed" },
    });
    expect(toTypeScript(graph)).toContain("it reads outcomes under other names than those of its parents");
  });

  it("have skeletons of what they need", () => {
    const source = toTypeScript(all.compile()).replace(/\s+/g, " ");
    expect(source).toMatch(/const check = defineHandler\("check", {[^}]* result: z.any\(\),/);
  });

  it("of their defaults leave the version at 1.0", () => {
    const plain = base.then("load", load).compile();
    const written = base.then("load", load, { optional: false, delaySec: 0 }).compile();
    expect(written).toEqual(plain);
    expect(plain.schema_version).toBe("1.0");
  });

  // biome-ignore lint/suspicious/noExplicitAny: what TypeScript refuses, as JavaScript writes it
  const bad = (options: any, handler: any = load) => (base as any).then("w", handler, options);
  it.each([
    ["a text as a condition", bad({ when: "full" }), "node 'w': 'when' must be an object, or a list of objects"],
    ["no condition", bad({ when: [] }), "node 'w': when must not be empty, got an empty list"],
    ["a text as optional", bad({ optional: "yes" }), "node 'w': optional must be true or false, got 'yes'"],
    ["a negative delay", bad({ delaySec: -1 }), "node 'w': delay_sec must be at least 0, got -1"],
    [
      "outcomes before their parents have ended",
      bad({ input: { adapter: "pull.outcomes" } }, undo),
      "node 'w' reads with 'pull.outcomes', so it must have startWhen 'ended'",
    ],
    [
      "outputs after their parents have ended",
      bad({ startWhen: "ended" }),
      "node 'w' starts when its parents have ended, so it must read them with 'pull.outcomes'",
    ],
    [
      "a condition on results before there are some",
      bad({ startWhen: "first_batch", when: { results: { check: { bad: "some" } } } }),
      "node 'w' starts with the first batch of its parents, so its when cannot ask for their results",
    ],
    [
      "a condition that can never hold",
      bad({ when: { status: { check: not(exists) } } }),
      "node 'w': its when can never hold",
    ],
  ])("are refused: %s", (_, built, message) => {
    expect(() => built.compile()).toThrow(message);
  });
});

it("shows a changed condition as one change", () => {
  const [one, other] = (["full", "delta"] as const).map((mode) =>
    base.then("load", load, { when: { params: { mode } } }).compile(),
  );
  expect(diffGraphs(one as never, other as never).nodes.changed).toEqual([
    { nodeId: "load", changes: [{ path: "/when/params/mode", before: "full", after: "delta" }] },
  ]);
  expect(lastOf(base.then("load", load))).not.toHaveProperty("when");
});

describe("wait", () => {
  const Answer = z.object({ ok: z.boolean(), by: z.string() });
  const audit = defineHandler("audit", { input: Answer, ...nothing });
  const waits = base
    .wait("approve", { after: ["check"], payload: Answer, timeoutSec: 60, onTimeout: { ok: false, by: "nobody" } })
    .then("audit", audit)
    .wait("paid", { payload: z.int(), optional: true, when: { params: { mode: "full" } } });

  it("is a coordinator function, whose arguments are the payload's schema and what it stores after its timeout", () => {
    const graph = waits.compile();
    expect(graph.schema_version).toBe("1.1");
    expect(graph.nodes[2]).toMatchObject({
      node_id: "approve",
      type: "coordinator_fn",
      depends_on: ["check"],
      timeout_sec: 60,
      io: {
        fn: "wait.signal",
        fn_args: {
          payload: { type: "object", required: ["ok", "by"] },
          on_timeout: { ok: false, by: "nobody" },
        },
      },
    });
    expect(graph.nodes[4]).toMatchObject({ node_id: "paid", optional: true, when: { params: { mode: "full" } } });
  });

  it("keeps a recursive schema", () => {
    type Tree = { readonly parts: readonly Tree[] };
    const Tree: z.ZodType<Tree, Tree> = z.lazy(() => z.object({ parts: z.array(Tree) }));
    const graph = base.wait("w", { payload: Tree, timeoutSec: 1, onTimeout: { parts: [{ parts: [] }] } }).compile();
    expect(JSON.stringify(graph.nodes[2]?.io?.fn_args)).toContain('"$$ref"');
    expect(parseGraph(graph)).toEqual(graph);
  });

  it("is generated as it was written, and survives a round trip as JSON", () => {
    const graph = canonicalGraph(waits.compile());
    const source = toTypeScript(graph, { handlersFrom: "./handlers.ts" }).replace(/\s+/g, " ");
    expect(source).toContain('import * as z from "zod";');
    expect(source).toContain('.wait("approve", { after: ["check"], payload: z.object({');
    expect(source).toContain('timeoutSec: 60, onTimeout: { by: "nobody", ok: false },');
    const loaded = fromGraph(JSON.parse(JSON.stringify(graph)), { handlers: [read, check, audit] });
    expect(graphHash(loaded.compile())).toBe(graphHash(graph));
  });

  // biome-ignore lint/suspicious/noExplicitAny: what TypeScript refuses, as JavaScript writes it
  const bad = (options: any) => (base as any).wait("w", options);
  it.each([
    ["a text as payload", bad({ payload: "x" }), "node 'w': 'payload' must be a schema of zod 4"],
    [
      "a value after a timeout that the payload does not allow",
      bad({ payload: Answer, timeoutSec: 1, onTimeout: { ok: "no", by: "" } }),
      "node 'w': the value that it stores after its timeout does not match its payload: ok must be true or false",
    ],
    [
      "no timeout",
      bad({ payload: Answer, onTimeout: { ok: true, by: "" } }),
      "node 'w': on_timeout needs a timeout_sec",
    ],
    [
      "a delay",
      bad({ payload: Answer, delaySec: param("waitSec") }),
      "node 'w' waits for a signal, so it cannot have a delay",
    ],
    ["an option of handlers", bad({ payload: Answer, where: {} }), "node 'w': unknown option 'where'"],
  ])("is refused: %s", (_, built, message) => {
    expect(() => built.compile()).toThrow(message);
  });
});
