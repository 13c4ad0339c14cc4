import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { JsonObject } from "../../../src/errors/index.ts";
import { canonicalGraph, diffGraphs, type Graph, parseGraph } from "../../../src/graph/index.ts";
import { validGraph } from "./arbitrary-graph.ts";

const nothing = {
  same: true,
  nodes: { added: [], removed: [], changed: [] },
  edges: { added: [], removed: [], incompatible: [], lostCases: [] },
  graph: [],
};

describe("diffGraphs", () => {
  it("finds no difference between equivalent graphs", () => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const graph = parseGraph(raw);
        const other = parseGraph({ ...raw, nodes: raw.nodes.toReversed() });
        expect(diffGraphs(graph, canonicalGraph(graph))).toEqual(nothing);
        expect(diffGraphs(graph, other)).toEqual(nothing);
      }),
    );
  });

  it("reports nodes, edges and changed paths", () => {
    const before = parseGraph({
      name: "one",
      nodes: [
        { node_id: "a", type: "x", io: { input_inline: { size: 1, rows: [1, 2] } }, retry_policy: { max: 5 } },
        { node_id: "b", type: "y", depends_on: ["a"] },
        { node_id: "c", type: "z", depends_on: ["b"] },
      ],
    });
    const after = parseGraph({
      name: "two",
      nodes: [
        { node_id: "a", type: "x", io: { input_inline: { size: 2, rows: [2, 1], "new/key": 1 } }, timeout_sec: 5 },
        { node_id: "d", type: "y", depends_on: ["a"] },
        { node_id: "c", type: "z", depends_on: ["d"] },
      ],
    });
    expect(diffGraphs(before, after)).toEqual({
      same: false,
      nodes: {
        added: ["d"],
        removed: ["b"],
        changed: [
          {
            nodeId: "a",
            changes: [
              { path: "/io/input_inline/rows", before: [1, 2], after: [2, 1] },
              { path: "/io/input_inline/size", before: 1, after: 2 },
              { path: "/io/input_inline/new~1key", after: 1 },
              { path: "/retry_policy", before: { max: 5 } },
              { path: "/timeout_sec", after: 5 },
            ],
          },
          { nodeId: "c", changes: [{ path: "/depends_on", before: ["b"], after: ["d"] }] },
        ],
      },
      edges: {
        added: [
          ["a", "d"],
          ["d", "c"],
        ],
        removed: [
          ["a", "b"],
          ["b", "c"],
        ],
        incompatible: [],
        lostCases: [],
      },
      graph: [{ path: "/name", before: "one", after: "two" }],
    });
  });

  describe("edges that became incompatible", () => {
    const row = z.object({ id: z.string(), price: z.number() });
    const changed = z.object({ id: z.int(), price: z.number() });
    /** Validated without its schemas, because the data need not fit. */
    const graph = (input: object, read: z.ZodType, write: z.ZodType = z.object({ rows: z.array(row) })): Graph => ({
      ...parseGraph({
        nodes: [
          { node_id: "a", type: "x" },
          { node_id: "b", type: "y", depends_on: ["a"], io: { input_inline: input } },
        ],
      }),
      schemas: { x: { output: jsonSchema(write) }, y: { input: jsonSchema(read) } },
    });
    const whole = { input_adapter: "pull.artifacts" };
    const rechunk = (key?: string) => ({
      input_adapter: "pull.rechunk",
      input_args: { size: 2, ...(key === undefined ? {} : { meta_list_key: key }) },
    });
    const rows = z.object({ rows: z.array(row) });

    it.each([
      ["as they are", whole, rows, rows, undefined],
      [
        "as they are",
        whole,
        rows,
        z.object({ rows: z.array(changed) }),
        "edge 'a' -> 'b': .rows[].id is number, needs string",
      ],
      [
        "cut from a list",
        rechunk("rows"),
        z.array(row),
        z.object({ rows: z.array(changed) }),
        "edge 'a' -> 'b': [].id is number, needs string",
      ],
      [
        "cut without a list",
        rechunk(),
        z.array(rows),
        z.object({}),
        "edge 'a' -> 'b': [].rows is missing (needs { id: string, price: number }[])",
      ],
      [
        "gathered",
        { input_adapter: "pull.gather", input_args: { from: { left: "a" } } },
        z.object({ left: z.array(rows) }),
        z.object({ rows: z.array(changed) }),
        "input of 'b': .left[].rows[].id is number, needs string",
      ],
    ])("%s (%#)", (_, input, read, write, message) => {
      const { edges } = diffGraphs(graph(input, read), graph(input, read, write));
      expect(edges.incompatible).toEqual(message === undefined ? [] : [{ from: ["a"], to: "b", message }]);
    });

    it("do not include those that never fitted", () => {
      const bad = graph(whole, z.object({ other: z.string() }));
      expect(diffGraphs(bad, bad).edges.incompatible).toEqual([]);
      const good = graph(whole, rows);
      const message = "edge 'a' -> 'b': .other is missing (needs string)";
      expect(diffGraphs(good, bad).edges.incompatible).toEqual([{ from: ["a"], to: "b", message }]);
    });
  });

  describe("keys of version 1.1", () => {
    const one = (id: string, more: object = {}) => ({ node_id: id, type: id, depends_on: ["read"], ...more });
    const of = (more: object, rest: object = {}) =>
      parseGraph({
        nodes: [{ node_id: "read", type: "read" }, one("b", more)],
        params_schema: { type: "object", properties: { mode: { type: "string" }, sec: { type: "number" } } },
        ...rest,
      });
    const take = (where: object) => ({
      io: { input_inline: { input_adapter: "pull.artifacts", input_args: { from_nodes: ["read"], where } } },
    });
    const wait = (args: object, more: object = {}) => ({
      type: "coordinator_fn",
      io: { fn: "wait.signal", fn_args: args },
      ...more,
    });
    const outcomes = (args: object = {}) => ({
      io: { start_when: "ended", input_inline: { input_adapter: "pull.outcomes", input_args: args } },
    });
    const runs = (flow: string, more: object = {}) => ({ type: "flow", io: { flow, item: "row", ...more } });
    const row = (properties: object, max = 3) => ({
      nodes: [{ node_id: "x", type: "x", retry_policy: { max } }],
      params_schema: { type: "object", properties: { row: {}, ...properties } },
    });
    const flows = { flows: { order: row({}), other: row({}) } };

    it.each<[key: string, before: Graph, after: Graph, change: object]>([
      [
        "when",
        of({ when: { params: { mode: ["b", "a"] } } }),
        of({ when: { params: { mode: "a" } } }),
        { path: "/when/params/mode", before: ["a", "b"], after: "a" },
      ],
      [
        "a further condition",
        of({ when: { params: { mode: "b" } } }),
        of({ when: [{ params: { mode: "b" } }, { params: { mode: "a" } }] }),
        {
          path: "/when",
          before: { params: { mode: "b" } },
          after: [{ params: { mode: "a" } }, { params: { mode: "b" } }],
        },
      ],
      [
        "where",
        of(take({ kind: { $not: "a" } })),
        of(take({ kind: { $not: ["b", "a"] } })),
        { path: "/io/input_inline/input_args/where/kind/$not", before: "a", after: ["a", "b"] },
      ],
      ["optional", of({}), of({ optional: true }), { path: "/optional", after: true }],
      ["delay_sec", of({ delay_sec: 5 }), of({ delay_sec: 6 }), { path: "/delay_sec", before: 5, after: 6 }],
      [
        "a delay by a parameter",
        of({ delay_sec: 5 }),
        of({ delay_sec: { $ref: "params.sec" } }),
        { path: "/delay_sec", before: 5, after: { $ref: "params.sec" } },
      ],
      [
        "outcomes",
        of(outcomes()),
        of(outcomes({ where: { status: "failed" } })),
        { path: "/io/input_inline/input_args/where", after: { status: "failed" } },
      ],
      [
        "the payload of a wait",
        of(wait({ payload: { type: "integer" } })),
        of(wait({ payload: { type: "string" } })),
        { path: "/io/fn_args/payload/type", before: "integer", after: "string" },
      ],
      [
        "the time limit of a wait",
        of(wait({ payload: {} }, { timeout_sec: 5 })),
        of(wait({ payload: {}, on_timeout: 1 }, { timeout_sec: 5 })),
        { path: "/io/fn_args/on_timeout", after: 1 },
      ],
      [
        "flow",
        of(runs("order"), flows),
        of(runs("other"), flows),
        { path: "/io/flow", before: "order", after: "other" },
      ],
      [
        "settled",
        of(runs("order"), flows),
        of(runs("order", { settled: true }), flows),
        { path: "/io/settled", after: true },
      ],
    ])("%s", (_, before, after, change) => {
      const { nodes, edges } = diffGraphs(before, after);
      expect(nodes.changed).toContainEqual({ nodeId: "b", changes: [change] });
      expect(edges).toEqual({ added: [], removed: [], incompatible: [], lostCases: [] });
    });

    it("start_when ended, and the version that it needs", () => {
      const { nodes, graph } = diffGraphs(
        of({ io: { input_inline: { input_adapter: "pull.gather" } } }),
        of(outcomes()),
      );
      expect(nodes.changed[0]?.changes).toContainEqual({ path: "/io/start_when", after: "ended" });
      expect(graph).toEqual([{ path: "/schema_version", before: "1.0", after: "1.1" }]);
    });

    it("ignores their defaults, and the order of patterns", () => {
      const written = of({ optional: false, delay_sec: 0, io: { start_when: "ready" } });
      expect(diffGraphs(of({}), written)).toEqual(nothing);
      const [mode, not] = [{ params: { mode: ["a", "b"] } }, { params: { mode: { $not: ["c", "d"] } } }];
      const reordered = [{ params: { mode: { $not: ["d", "c"] } } }, { params: { mode: ["b", "a"] } }];
      expect(diffGraphs(of({ when: [mode, not] }), of({ when: reordered }))).toEqual(nothing);
      const settled = of(runs("order", { settled: false }), flows);
      expect(diffGraphs(settled, of(runs("order"), { flows: { other: row({}), order: row({}) } }))).toEqual(nothing);
    });

    it("flows, by name", () => {
      const { graph } = diffGraphs(of(runs("order"), flows), of(runs("order"), { flows: { order: row({ a: {} }) } }));
      expect(graph.map(({ path }) => path)).toEqual(["/flows/order/params_schema/properties/a", "/flows/other"]);
    });
  });

  describe("data that fits no longer", () => {
    /** Validated without its schemas, because the data need not fit. */
    const graph = (
      nodes: readonly object[],
      schemas: Record<string, z.ZodType | readonly z.ZodType[]>,
      more = {},
    ): Graph => ({
      ...parseGraph({ nodes, ...more }),
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([type, of]) => {
          const [output, input] = Array.isArray(of) ? of : [of];
          return [type, { output: jsonSchema(output), ...(input === undefined ? {} : { input: jsonSchema(input) }) }];
        }),
      ),
    });

    it("behind a wait, if its payload changes", () => {
      const of = (type: string) =>
        graph(
          [
            { node_id: "ok", type: "coordinator_fn", io: { fn: "wait.signal", fn_args: { payload: { type } } } },
            { node_id: "b", type: "b", depends_on: ["ok"], io: { input_inline: { input_adapter: "pull.artifacts" } } },
          ],
          { b: [z.null(), z.int()] },
        );
      const message = "edge 'ok' -> 'b': the whole payload is string, needs number";
      expect(diffGraphs(of("integer"), of("string")).edges.incompatible).toEqual([{ from: ["ok"], to: "b", message }]);
    });

    it("at a node that runs a flow, if the item changes, and within the flow", () => {
      const chain = [
        { node_id: "x", type: "x" },
        { node_id: "y", type: "y", depends_on: ["x"], io: { input_inline: { input_adapter: "pull.artifacts" } } },
      ];
      const each = { flow: "order", item: "row", input_inline: { input_adapter: "pull.artifacts" } };
      const nodes = [
        { node_id: "read", type: "read" },
        { node_id: "each", type: "flow", depends_on: ["read"], io: each },
      ];
      const of = (type: string, inner: z.ZodType): Graph => {
        const item = { params_schema: { type: "object", properties: { row: { type } } } };
        const order = graph(chain, { x: inner, y: [z.null(), z.int()] }, item);
        const { schemas: _, ...bare } = order;
        return { ...graph(nodes, { read: z.int() }, { flows: { order: bare } }), flows: { order } };
      };
      expect(diffGraphs(of("integer", z.int()), of("string", z.string())).edges.incompatible).toEqual([
        { from: ["read"], to: "each", message: "edge 'read' -> 'each': the whole payload is number, needs string" },
        {
          flow: "order",
          from: ["x"],
          to: "y",
          message: "flow 'order': edge 'x' -> 'y': the whole payload is string, needs number",
        },
      ]);
    });

    const Kinds = z.object({ kind: z.enum(["refund", "sale"]), bank: z.object({ country: z.string() }) });
    const More = Kinds.extend({ kind: z.enum(["refund", "sale", "chargeback"]) });
    const reader = (id: string, where?: object, more: object = {}) => ({
      node_id: id,
      type: id,
      depends_on: ["src"],
      io: {
        input_inline: { input_adapter: "pull.artifacts", input_args: { ...(where === undefined ? {} : { where }) } },
      },
      ...more,
    });
    const routed = (output: z.ZodType, ...readers: readonly object[]) =>
      graph([{ node_id: "src", type: "src" }, ...readers], { src: output });
    const [refund, sale] = [reader("refund", { kind: "refund" }), reader("sale", { kind: "sale" })];
    const german = reader("german", { bank: { country: "de" } });
    const others = reader("others", { bank: { country: { $not: "de" } } });

    it.each<[what: string, before: Graph, after: Graph, lost: readonly string[]]>([
      ["nothing", routed(Kinds, refund, sale), routed(Kinds, sale, refund), []],
      ["its node", routed(Kinds, refund, sale), routed(Kinds, refund), ["edge 'src': kind \"sale\" goes nowhere"]],
      [
        "its value in a pattern",
        routed(Kinds, reader("both", { kind: ["refund", "sale"] })),
        routed(Kinds, reader("both", { kind: "sale" })),
        ["edge 'src': kind \"refund\" goes nowhere"],
      ],
      [
        "the node that took all",
        routed(Kinds, reader("all")),
        routed(Kinds, reader("all", { kind: "sale" })),
        ["edge 'src': kind \"refund\" goes nowhere"],
      ],
      [
        "to a new condition",
        routed(Kinds, refund, sale),
        routed(Kinds, refund, { ...sale, when: { params: { mode: "full" } } }),
        ["edge 'src': kind \"sale\" goes nowhere"],
      ],
      [
        "to a new case",
        routed(Kinds, refund, sale),
        routed(More, refund, sale),
        ["edge 'src': kind \"chargeback\" goes nowhere"],
      ],
      [
        "a nested key",
        routed(Kinds, german, others),
        routed(Kinds, reader("german", { bank: { country: "fr" } }), others),
        ["edge 'src': bank.country \"de\" goes nowhere"],
      ],
      [
        "the rest",
        routed(Kinds, german, others),
        routed(Kinds, german),
        [
          "'bank.country' of 'src' is string, which has no cases: a node must take the rest (where bank.country: not(...))",
        ],
      ],
      ["what never went anywhere", routed(More, refund, sale), routed(More, sale), []],
      ["a lone node", routed(Kinds, refund), routed(Kinds), []],
      ["an unknown type", routed(z.any(), refund, reader("all")), routed(z.any(), refund), []],
    ])("a case that lost %s", (_, before, after, lost) => {
      const { edges, same } = diffGraphs(before, after);
      expect(edges.lostCases.map(({ message }) => message)).toEqual(lost);
      expect(same && lost.length > 0).toBe(false);
      expect(diffGraphs(after, after).edges.lostCases).toEqual([]);
    });

    it("cases of a flow that a node runs", () => {
      const of = (...readers: readonly object[]) =>
        parseGraph({
          nodes: [
            { node_id: "read", type: "read" },
            { node_id: "each", type: "flow", depends_on: ["read"], io: { flow: "order", item: "row" } },
          ],
          flows: {
            order: {
              ...routed(Kinds, ...readers),
              params_schema: { type: "object", properties: { row: {} } },
            },
          },
        });
      expect(diffGraphs(of(refund, sale), of(sale)).edges.lostCases).toEqual([
        { flow: "order", from: "src", key: "kind", message: "flow 'order': edge 'src': kind \"refund\" goes nowhere" },
      ]);
    });

    it("a value of a where that the data no longer has", () => {
      const fewer = Kinds.extend({ kind: z.literal("sale") });
      expect(diffGraphs(routed(Kinds, refund, sale), routed(fewer, refund, sale)).edges.incompatible).toEqual([
        { from: ["src"], to: "refund", message: 'node \'refund\': where.kind cannot be "refund": it is "sale"' },
      ]);
    });
  });
});

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: "input" }) as JsonObject;
