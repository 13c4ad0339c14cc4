import { expect, test } from "vitest";
import { graphChanges, graphSummary } from "../../../../src/cli/dev/graph-words.ts";
import type { Graph } from "../../../../src/graph/index.ts";

const reads = { input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["read"] } };
const before: Graph = {
  schema_version: "1.0",
  name: "shop",
  nodes: [
    { node_id: "read", type: "read", depends_on: [] },
    { node_id: "sum", type: "sum", depends_on: ["read"], io: { input_inline: { ...reads, city: "Rome" } } },
    { node_id: "old", type: "old", depends_on: ["read"] },
  ],
  edges: [
    ["read", "sum"],
    ["read", "old"],
  ],
  schemas: { read: { output: { type: "number" } }, sum: { input: { type: "number" }, output: { type: "number" } } },
};

const sum = before.nodes[1] as Graph["nodes"][number];
const withSum = (change: Partial<typeof sum>): Graph => ({
  ...before,
  nodes: before.nodes.map((node) => (node.node_id === "sum" ? { ...node, ...change } : node)),
});

test("a graph in words", () => {
  expect(graphSummary(before)).toBe("flow shop: 3 nodes, 2 edges");
  expect(graphChanges(before, before)).toEqual([]);
});

test("added and removed nodes and edges are each reported once", () => {
  const [read, , old] = before.nodes as [typeof sum, typeof sum, typeof sum];
  const after: Graph = {
    ...before,
    nodes: [read, { ...sum, depends_on: [], io: {} }, { ...old, node_id: "new", depends_on: ["read", "sum"] }],
    edges: [
      ["read", "new"],
      ["sum", "new"],
    ],
  };
  expect(graphChanges(before, after)).toEqual([
    "node 'old' removed",
    "node 'new' added, of type 'old', after 'read', 'sum'",
    "'sum' no longer waits for 'read'",
    "node 'sum': starts: once its parent has finished -> not set",
    "node 'sum': reads: each artifact of read -> not set",
    `node 'sum': argument 'city': "Rome" -> not set`,
  ]);
});

test.each<[string, Graph, readonly string[]]>([
  ["a setting", withSum({ timeout_sec: 30 }), ["node 'sum': time limit of an attempt: not set -> 30 s"]],
  [
    "an argument",
    withSum({ io: { input_inline: { ...reads, city: "Oslo", deep: [{ a: 1 }] } } }),
    [`node 'sum': argument 'city': "Rome" -> "Oslo"`, `node 'sum': argument 'deep': not set -> [{"a":1}]`],
  ],
  [
    "a setting and an argument",
    withSum({ retry_policy: { max: 0 }, io: { input_inline: { ...reads, city: "Oslo" } } }),
    [
      "node 'sum': retries: 2 times, after 5 s -> none",
      "node 'sum': not retried: bad_input, schema_mismatch -> not set",
      `node 'sum': argument 'city': "Rome" -> "Oslo"`,
    ],
  ],
  ["a type", withSum({ type: "total" }), [`node 'sum': type: "sum" -> "total"`]],
  ["the name", { ...before, name: "store" }, [`name: "shop" -> "store"`]],
  [
    "the schema of the parameters",
    { ...before, params_schema: { type: "object", properties: { day: { type: "string" } } } },
    ["the schema of the parameters changed"],
  ],
  [
    "schemas, and what they break",
    { ...before, schemas: { ...before.schemas, read: { output: { type: "string" } } } },
    [
      "type 'read': the schema of its output changed",
      "edge 'read' -> 'sum': the whole payload is string, needs number",
    ],
  ],
])("%s", (_, after, words) => {
  expect(graphChanges(before, after)).toEqual(words);
});
