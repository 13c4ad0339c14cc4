import { describe, expect, it } from "vitest";
import { defaultGraphLimits, validateGraph } from "../../../src/graph/index.ts";

const node = (id: string, more: object = {}) => ({ node_id: id, type: "x", ...more });
const withArgs = (args: unknown) => ({ nodes: [node("a", { io: { input_inline: args } })] });
const codes = (input: unknown, options = {}) => {
  const validation = validateGraph(input, options);
  return validation.ok ? [] : validation.findings.map(({ code, path }) => `${code} ${path}`);
};

describe("input that is not a graph", () => {
  it.each([null, undefined, 1, "graph", [], () => 1, new Map(), new Date()])("%s", (input) => {
    expect(codes(input)).toEqual(["GRAPH_SHAPE "]);
  });

  it.each([{}, { nodes: undefined }, { nodes: {} }, { nodes: "a" }])("%j", (input) => {
    expect(codes(input)).toEqual(["GRAPH_SHAPE /nodes"]);
  });

  it("values that are not nodes", () => {
    expect(codes({ nodes: [null, 1, "a", []] })).toEqual([0, 1, 2, 3].map((index) => `GRAPH_SHAPE /nodes/${index}`));
  });

  it("values that are not edges, without further findings about nodes", () => {
    const nodes = [node("a"), node("b", { fan_in: "any", io: { start_when: "first_batch" } })];
    expect(codes({ nodes, edges: [["a"], ["a", "b", "c"], ["a", 1], "ab"] })).toEqual([
      "GRAPH_SHAPE /edges/0",
      "GRAPH_SHAPE /edges/1",
      "GRAPH_SHAPE /edges/2/1",
      "GRAPH_SHAPE /edges/3",
    ]);
  });
});

describe("limits", () => {
  it("a value 100,000 levels deep is a finding, not a stack overflow", () => {
    let deep: object = {};
    for (let level = 0; level < 100_000; level++) deep = { a: deep };
    expect(codes(withArgs({ deep }))).toEqual(["GRAPH_TOO_LARGE /nodes/0/io/input_inline/deep/a/a/a"]);
  });

  it("a value that contains itself", () => {
    const ring: { self?: object; twin?: object } = {};
    ring.self = ring;
    ring.twin = ring;
    expect(codes(withArgs({ ring }))).toHaveLength(1);
  });

  it("a value that shares its parts a billion times", () => {
    let laughs: unknown[] = ["ha"];
    for (let level = 0; level < 40; level++) laughs = [laughs, laughs];
    expect(codes(withArgs({ laughs }))).toEqual(["GRAPH_TOO_LARGE "]);
  });

  it("a list with a billion holes", () => {
    expect(codes(withArgs({ holes: new Array(1e9) })).at(0)).toBe("GRAPH_TOO_LARGE ");
  });

  it("exactly the allowed size passes, one byte more does not", () => {
    const graph = withArgs({ text: 'é"\n\u0001😀\ud800', list: [1.5, true, false, null, [], {}], skipped: undefined });
    const bytes = Buffer.byteLength(JSON.stringify(graph));
    expect(codes(graph, { limits: { maxBytes: bytes } })).toEqual([]);
    expect(codes(graph, { limits: { maxBytes: bytes - 1 } })).toEqual(["GRAPH_TOO_LARGE "]);
  });

  it("exactly the allowed counts pass, one more does not", () => {
    const chain = (count: number) => ({
      nodes: Array.from({ length: count }, (_, i) => node(`n${i}`, { depends_on: i === 0 ? [] : [`n${i - 1}`] })),
    });
    const limits = { maxNodes: 5, maxEdges: 4 };
    expect(codes(chain(5), { limits })).toEqual([]);
    expect(codes(chain(6), { limits })).toEqual(["GRAPH_TOO_LARGE /nodes"]);
    const edges = Array.from({ length: 5 }, () => ["n0", "n1"]);
    expect(codes({ nodes: chain(2).nodes, edges }, { limits })).toEqual(["GRAPH_TOO_LARGE /edges"]);
    expect(defaultGraphLimits).toMatchObject({
      maxNodes: 10_000,
      maxEdges: 100_000,
      maxBytes: 4_194_304,
      maxDepth: 64,
    });
  });
});

describe("keys that access a prototype", () => {
  const poisoned = JSON.parse('{"__proto__": {"polluted": true}}');

  it.each([
    ["in the graph", { nodes: [node("a")], ...parsed('{"__proto__": {}}') }, "/__proto__"],
    ["in a node", { nodes: [{ ...parsed('{"__proto__": {}}'), ...node("a") }] }, "/nodes/0/__proto__"],
    ["in arguments", withArgs({ deep: [poisoned] }), "/nodes/0/io/input_inline/deep/0/__proto__"],
    ["in params_schema", { nodes: [node("a")], params_schema: { constructor: 1 } }, "/params_schema/constructor"],
  ])("%s", (_, graph, path) => {
    expect(codes(graph)).toEqual([`GRAPH_SHAPE ${path}`]);
    expect(Object.prototype).not.toHaveProperty("polluted");
  });

  it("as ids, types and the names of adapters and functions", () => {
    expect(codes({ nodes: [node("constructor")] })).toEqual(["GRAPH_SHAPE /nodes/0/node_id"]);
    expect(codes({ nodes: [node("a", { type: "prototype" })] })).toEqual(["GRAPH_SHAPE /nodes/0/type"]);
    const nodes = [
      node("a"),
      node("b", { depends_on: ["a"], io: { input_inline: { input_adapter: "constructor" } } }),
      { node_id: "c", type: "coordinator_fn", io: { fn: "__proto__" } },
    ];
    expect(codes({ nodes })).toEqual([
      "GRAPH_UNKNOWN_ADAPTER /nodes/1/io/input_inline/input_adapter",
      "GRAPH_FN /nodes/2/io/fn",
    ]);
  });

  function parsed(json: string): object {
    // Object spread copies an own `__proto__` by assignment; defining keeps it.
    return Object.defineProperties({}, Object.getOwnPropertyDescriptors(JSON.parse(json)));
  }
});

it("values that JSON cannot represent are reported once each", () => {
  const values = { nan: Number.NaN, big: 1n, fn() {}, symbol: Symbol("s"), map: new Map(), list: [undefined] };
  expect(codes(withArgs(values))).toEqual(
    ["big", "fn", "list/0", "map", "nan", "symbol"].map((key) => `GRAPH_SHAPE /nodes/0/io/input_inline/${key}`),
  );
});

it("objects of another realm and without a prototype are plain", () => {
  expect(codes(withArgs(Object.assign(Object.create(null), { a: 1 })))).toEqual([]);
  expect(codes(withArgs(Object.create({ inherited: 1 })))).toEqual(["GRAPH_SHAPE /nodes/0/io/input_inline"]);
});

it("-0 becomes 0, as in JSON", () => {
  const validation = validateGraph(withArgs({ zero: -0 }));
  expect(validation.ok && validation.graph.nodes[0]?.io?.input_inline?.zero).toBe(0);
});
