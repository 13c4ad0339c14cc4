import { canonicalGraph, graphHash, parseGraph, validateGraph } from "flowkit";
import { describe, expect, test } from "vitest";
import { node } from "../../helpers/graphs.ts";

const params_schema = {
  type: "object",
  properties: { order: { type: "object" }, shop: { type: "string" } },
  required: ["order", "shop"],
};
const order = { name: "order", params_schema, nodes: [node("pay", [], { args: { order: { $ref: "params.order" } } })] };
const io = { flow: "order", item: "order", input_inline: { shop: "tea" } };
const each = (more: object = {}, inner: object = {}) => ({
  node_id: "each",
  type: "flow",
  depends_on: ["read"],
  ...more,
  io: { ...io, ...inner },
});
const graphWith = (flowNode: object, flows: object = { order }) => ({ nodes: [node("read"), flowNode], flows });

function findingsOf(graph: object): readonly string[] {
  const validation = validateGraph(graph);
  return validation.ok ? [] : validation.findings.map(({ code, path, message }) => `${code} ${path}: ${message}`);
}

describe("flows of a graph", () => {
  test("are graphs in long form, and need version 1.1", () => {
    const graph = parseGraph(graphWith(each()));
    expect(graph.schema_version).toBe("1.1");
    expect(graph.flows?.order).toEqual(parseGraph(order));
    expect(graph.flows?.order?.schema_version).toBe("1.0");
    expect(canonicalGraph(graph).flows).toEqual({ order: canonicalGraph(parseGraph(order)) });
    const other = parseGraph(graphWith(each({}, { settled: true })));
    expect(graphHash(other)).not.toBe(graphHash(graph));
    expect(graphHash(parseGraph(graphWith(each({}, { settled: false }))))).toBe(graphHash(graph));
  });

  test.each([
    [each({}, { flow: "ordr" }), "/nodes/1/io/flow: node 'each': the graph has no flow 'ordr'"],
    [
      each({}, { item: "ordr" }),
      "/nodes/1/io/item: flow 'order' has no parameter 'ordr' that an item could be: there is order, shop",
    ],
    [each({}, { item: undefined }), "/nodes/1/type: node 'each' is of type flow: io.item is missing"],
    [each({}, { flow: undefined }), "/nodes/1/type: node 'each' is of type flow: io.flow is missing"],
    [each({ partitions: 2 }), "/nodes/1/partitions: node 'each' is of type flow: it cannot have partitions"],
    [each({ depends_on: [] }), "/nodes/1/type: node 'each' is a root: it has no batch to run its flow for"],
    [
      each({ type: "step" }),
      "/nodes/1/io/flow: node 'each' is of type 'step': io.flow is only allowed on nodes of type flow",
    ],
    [each({}, { input_inline: {} }), "/nodes/1/io/flow: node 'each': flow 'order' needs parameters: shop"],
    [
      each({}, { input_inline: { shop: "tea", order: {} } }),
      "/nodes/1/io/input_inline/order: node 'each': parameter 'order' of flow 'order' is the item, so it cannot be an argument",
    ],
    [
      each({}, { input_inline: { shop: "tea", shp: 1 } }),
      "/nodes/1/io/input_inline/shp: node 'each': flow 'order' has no parameter 'shp': there is order, shop",
    ],
  ])("%j", (flowNode, finding) => {
    expect(findingsOf(graphWith(flowNode))).toEqual([`GRAPH_FLOW ${finding}`]);
  });

  test("have the findings of their own graphs", () => {
    const bad = { ...order, nodes: [node("pay", ["pai"])] };
    expect(findingsOf(graphWith(each(), { order: bad }))).toEqual([
      "GRAPH_UNKNOWN_DEPENDENCY /flows/order/nodes/0/depends_on/0: flow 'order': node 'pay' depends on 'pai', which is not a node of this graph",
    ]);
    const unknown = validateGraph(graphWith(each()), { types: ["read"] });
    expect(unknown.ok ? [] : unknown.findings).toMatchObject([
      { code: "GRAPH_UNKNOWN_TYPE", path: "/flows/order/nodes/0/type" },
    ]);
  });

  test("have no result that a condition could ask for", () => {
    const after = { ...node("after", ["each"]), when: { results: { each: { total: 1 } } } };
    const graph = graphWith(each());
    expect(findingsOf({ ...graph, nodes: [...graph.nodes, after] })).toEqual([
      "GRAPH_WHEN /nodes/2/when/results/each: node 'after': when.results.each is not a key of the data, which has none",
    ]);
    expect(
      findingsOf({ ...graph, nodes: [...graph.nodes, { ...after, when: { status: { each: "failed" } } }] }),
    ).toEqual([]);
  });

  test("run flows up to 8 levels deep", () => {
    const nested = (depth: number): object =>
      depth === 0
        ? { nodes: [node("read")] }
        : { nodes: [node("read"), each({}, { flow: "inner", input_inline: {} })], flows: { inner: nested(depth - 1) } };
    expect(findingsOf(nested(8))).toEqual([]);
    expect(findingsOf(nested(9))).toEqual([expect.stringContaining("flows run flows more than 8 levels deep")]);
  });

  test("have the data that their items need", () => {
    const schemas = { read: { output: { type: "string" } } };
    const inline = { input_adapter: "pull.from_artifacts", shop: "tea" };
    expect(findingsOf({ ...graphWith(each({}, { input_inline: inline })), schemas })).toEqual([
      expect.stringMatching(/^GRAPH_EDGE_DATA .*: edge 'read' -> 'each': the whole payload is string, needs/),
    ]);
  });
});
