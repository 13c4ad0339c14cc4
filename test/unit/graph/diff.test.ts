import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { JsonObject } from "../../../src/errors/index.ts";
import { canonicalGraph, diffGraphs, type Graph, parseGraph } from "../../../src/graph/index.ts";
import { validGraph } from "./arbitrary-graph.ts";

const nothing = {
  same: true,
  nodes: { added: [], removed: [], changed: [] },
  edges: { added: [], removed: [], incompatible: [] },
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
});

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: "input" }) as JsonObject;
