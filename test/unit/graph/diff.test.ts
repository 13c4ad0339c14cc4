import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { JsonObject } from "../../../src/errors/index.ts";
import { canonicalGraph, diffGraphs, parseGraph } from "../../../src/graph/index.ts";
import { misfit } from "../../../src/graph/schema-fit.ts";
import { validGraph } from "./arbitrary-graph.ts";

const nothing = {
  same: true,
  nodes: { added: [], removed: [], changed: [] },
  edges: { added: [], removed: [], incompatible: [] },
  graph: [],
};

describe("diffGraphs", () => {
  it("finds nothing between ways to write one graph", () => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const graph = parseGraph(raw);
        const other = parseGraph({ ...raw, nodes: raw.nodes.toReversed() });
        expect(diffGraphs(graph, canonicalGraph(graph))).toEqual(nothing);
        expect(diffGraphs(graph, other)).toEqual(nothing);
      }),
    );
  });

  it("names nodes, edges, and the paths that changed", () => {
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
      },
      graph: [{ path: "/name", before: "one", after: "two" }],
    });
  });

  describe("edges that became incompatible", () => {
    const row = z.object({ id: z.string(), price: z.number() });
    const changed = z.object({ id: z.int(), price: z.number() });
    const graph = (input: object, read: z.ZodType, write: z.ZodType = z.object({ rows: z.array(row) })) =>
      parseGraph({
        nodes: [
          { node_id: "a", type: "x" },
          { node_id: "b", type: "y", depends_on: ["a"], io: { input_inline: input } },
        ],
        schemas: { x: { output: jsonSchema(write) }, y: { input: jsonSchema(read) } },
      });
    const rechunk = (key?: string) => ({
      input_adapter: "pull.rechunk",
      input_args: { size: 2, ...(key === undefined ? {} : { meta_list_key: key }) },
    });
    const whole = z.object({ rows: z.array(row) });

    it.each([
      ["as they are", {}, whole, whole, undefined],
      ["as they are", {}, whole, z.object({ rows: z.array(changed) }), ".rows[].id is integer, needs string"],
      [
        "cut from a list",
        rechunk("rows"),
        z.array(row),
        z.object({ rows: z.array(changed) }),
        "[].id is integer, needs string",
      ],
      ["cut without a list", rechunk(), z.array(whole), z.object({}), "[].rows is missing"],
      [
        "gathered",
        { input_adapter: "pull.gather", input_args: { from: { left: "a" } } },
        z.object({ left: z.array(whole) }),
        z.object({ rows: z.array(changed) }),
        "[].rows[].id is integer, needs string",
      ],
    ])("%s (%#)", (_, input, read, write, why) => {
      const { edges } = diffGraphs(graph(input, read), graph(input, read, write));
      expect(edges.incompatible).toEqual(why === undefined ? [] : [{ from: "a", to: "b", why }]);
    });

    it("not those that never fitted", () => {
      const bad = graph({}, z.object({ other: z.string() }));
      expect(diffGraphs(bad, bad).edges.incompatible).toEqual([]);
      const good = graph({}, whole);
      expect(diffGraphs(good, bad).edges.incompatible).toEqual([{ from: "a", to: "b", why: ".other is missing" }]);
    });
  });
});

function misfitOf(given: z.ZodType, wanted: z.ZodType): string | undefined {
  const [from, to] = [jsonSchema(given), jsonSchema(wanted)];
  return misfit({ schema: from, root: from }, { schema: to, root: to });
}

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: "input" }) as JsonObject;

describe("misfit", () => {
  const node: z.ZodType = z.lazy(() => z.object({ value: z.string(), next: z.nullable(node) }));
  it.each<[string, z.ZodType, z.ZodType]>([
    ["the same", z.object({ a: z.string() }), z.object({ a: z.string() })],
    ["an integer for a number", z.int(), z.number()],
    ["more keys than needed", z.object({ a: z.string(), b: z.string() }), z.object({ a: z.string() })],
    ["an optional key that may be absent", z.object({}), z.object({ a: z.string().optional() })],
    ["one of the values", z.literal("a"), z.enum(["a", "b"])],
    ["a value of the type", z.enum(["a", "b"]), z.string()],
    ["a part of a union", z.string(), z.union([z.string(), z.number()])],
    ["all parts of a union", z.union([z.string(), z.null()]), z.union([z.null(), z.number(), z.string()])],
    ["anything taken", z.string(), z.unknown()],
    ["nothing known", z.unknown(), z.string()],
    ["itself within itself", node, node],
    ["all JSON, a union of ways to contain itself", z.json(), z.json()],
    ["a record for a record", z.record(z.string(), z.int()), z.record(z.string(), z.number())],
    ["ranges are not compared", z.number(), z.number().min(5)],
  ])("fits: %s", (_, given, wanted) => {
    expect(misfitOf(given, wanted)).toBeUndefined();
  });

  it.each<[z.ZodType, z.ZodType, string]>([
    [z.string(), z.number(), "it is string, needs number"],
    [z.number(), z.int(), "it is number, needs integer"],
    [
      z.object({ a: z.object({ b: z.string() }) }),
      z.object({ a: z.object({ b: z.null() }) }),
      ".a.b is string, needs null",
    ],
    [z.object({}), z.object({ a: z.string() }), ".a is missing"],
    [z.object({ a: z.string().optional() }), z.object({ a: z.string() }), ".a may be missing"],
    [z.object({ a: z.string(), b: z.string() }), z.strictObject({ a: z.string() }), ".b is not taken"],
    [z.enum(["a", "c"]), z.enum(["a", "b"]), 'it is "a" or "c", needs "a" or "b"'],
    [z.string(), z.enum(["a", "b"]), 'it is string, needs "a" or "b"'],
    [z.union([z.string(), z.number()]), z.string(), "it is number, needs string"],
    [z.nullable(z.string()), z.string(), "it is null, needs string"],
    [z.boolean(), z.union([z.string(), z.number()]), "it is boolean, needs string or number"],
    [z.array(z.string()), z.array(z.number()), "[] is string, needs number"],
    [z.array(z.string()), z.string(), "it is array, needs string"],
    [z.record(z.string(), z.string()), z.record(z.string(), z.number()), ".* is string, needs number"],
  ])("%#", (given, wanted, why) => {
    expect(misfitOf(given, wanted)).toBe(why);
  });
});
