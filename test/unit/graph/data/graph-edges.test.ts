import { describe, expect, it } from "vitest";
import { type ValidateOptions, validateGraph } from "../../../../src/graph/index.ts";
import { cpuMsOf } from "../../../helpers/cpu-time.ts";

const object = (properties: object, required = Object.keys(properties)) => ({ type: "object", properties, required });
const number = { type: "number" };
const string = { type: "string" };
const source = { output: object({ n: number, rows: { type: "array", items: object({ id: number }) } }) };

interface Raw {
  readonly [key: string]: unknown;
}

function graph(input: Raw, options: { readonly inline?: Raw; readonly node?: Raw; readonly graph?: Raw } = {}) {
  const { inline = { input_adapter: "pull.from_artifacts" } } = options;
  return {
    nodes: [
      { node_id: "a", type: "source" },
      { node_id: "b", type: "reader", depends_on: ["a"], io: { input_inline: inline }, ...options.node },
    ],
    schemas: { source, reader: { input } },
    ...options.graph,
  };
}
const rechunk = (key?: string) => ({
  input_adapter: "pull.rechunk",
  input_args: { size: 1, ...(key === undefined ? {} : { meta_list_key: key }) },
});

const each = (key: string) => ({ input_adapter: "pull.from_artifacts.each", input_args: { meta_list_key: key } });

function findings(raw: unknown, options?: ValidateOptions) {
  const validation = validateGraph(raw, options);
  return validation.ok ? [] : validation.findings.map(({ code, path, message }) => `${code} ${path} ${message}`);
}

describe("the data on the edges of a graph with schemas", () => {
  const why = ".n is number, needs string";
  const bad = object({ n: string });
  it.each<[string, unknown, string]>([
    ["at the parent", graph(bad), `/nodes/1/depends_on/0 edge 'a' -> 'b': ${why}`],
    [
      "at the edge",
      graph(bad, { node: { depends_on: undefined }, graph: { edges: [["a", "b"]] } }),
      `/edges/0/0 edge 'a' -> 'b': ${why}`,
    ],
    [
      "at the source",
      graph(bad, { inline: { input_adapter: "pull.artifacts", input_args: { from_node: "a" } } }),
      `/nodes/1/io/input_inline/input_args/from_node edge 'a' -> 'b': ${why}`,
    ],
    [
      "at the list key",
      graph({ type: "array", items: object({ id: string }) }, { inline: rechunk("rows") }),
      "/nodes/1/io/input_inline/input_args/meta_list_key edge 'a' -> 'b': [].id is number, needs string",
    ],
    [
      "at a key of no list",
      graph({ type: "array" }, { inline: rechunk("n") }),
      "/nodes/1/io/input_inline/input_args/meta_list_key node 'b': 'n' is not a list in every output of: a",
    ],
    [
      "at the list key of each element",
      graph(object({ id: string }), { inline: each("rows") }),
      "/nodes/1/io/input_inline/input_args/meta_list_key edge 'a' -> 'b': .id is number, needs string",
    ],
    [
      "at a key of no list, of each element",
      graph({}, { inline: each("n") }),
      "/nodes/1/io/input_inline/input_args/meta_list_key node 'b': 'n' is not a list in every output of: a",
    ],
    [
      "at the adapter that cuts",
      graph({ type: "array", items: bad }, { inline: rechunk() }),
      `/nodes/1/io/input_inline/input_adapter edge 'a' -> 'b': []${why}`,
    ],
    [
      "at the alias of a gather",
      graph(object({ x: { type: "array", items: bad } }), {
        inline: { input_adapter: "pull.gather", input_args: { from: { x: "a" } } },
      }),
      `/nodes/1/io/input_inline/input_args/from/x input of 'b': .x[]${why}`,
    ],
    [
      "at the adapter that gathers",
      graph(object({ a: { type: "array", items: bad } }), {
        inline: { input_adapter: "pull.gather", input_args: { from_nodes: ["a"] } },
      }),
      `/nodes/1/io/input_inline/input_adapter input of 'b': .a[]${why}`,
    ],
  ])("%s", (_, raw, words) => {
    expect(findings(JSON.parse(JSON.stringify(raw)))).toEqual([`GRAPH_EDGE_DATA ${words}`]);
  });

  it("is that of elements, not of lists, for the same list", () => {
    const reads = (id: string, type: string, inline: Raw) => {
      return { node_id: id, type, depends_on: ["a"], io: { input_inline: inline } };
    };
    const rows = { elements: { input: object({ id: number }) }, lists: { input: { type: "array", items: {} } } };
    const both = {
      nodes: [
        { node_id: "a", type: "source" },
        reads("b", "elements", each("rows")),
        reads("c", "lists", rechunk("rows")),
      ],
      schemas: { source, ...rows },
    };
    expect(findings(both)).toEqual([]);
  });
  it("is not checked if the handler may suggest another adapter", () => {
    expect(findings(graph(bad, { inline: {} }))).toEqual([]);
  });
  it("is not checked on a node with another mistake", () => {
    expect(findings(graph(bad, { node: { partitions: 0 } }))).toHaveLength(1);
  });
  it("is not checked against unsupported keywords of a schema", () => {
    for (const input of [
      {},
      { not: { type: "null" } },
      { $ref: "https://example.com/x" },
      { if: {}, else: false },
      { type: "date" },
    ]) {
      expect(findings(graph(input))).toEqual([]);
    }
  });
});

describe("hostile schemas", () => {
  const ring = { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } };
  const chain = (count: number, link: (next: Raw) => Raw, last: Raw = string): Raw => ({
    $ref: "#/$defs/s0",
    $defs: Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        `s${index}`,
        index === count - 1 ? last : link({ $ref: `#/$defs/s${index + 1}` }),
      ]),
    ),
  });
  const twice = (next: Raw): Raw => ({ anyOf: [object({ l: next, r: next }), object({ r: next, l: next }, ["l"])] });

  it.each<[string, Raw, Raw]>([
    ["references in a ring", ring, string],
    ["a union of itself", { anyOf: [{ $ref: "#" }] }, string],
    ["all of itself", { allOf: [{ $ref: "#" }, { $ref: "#" }] }, string],
    ["a long chain of unions", chain(5000, (next) => ({ anyOf: [next, { type: "null" }] })), string],
    [
      "a long chain of lists",
      chain(5000, (items) => ({ type: "array", items })),
      chain(5000, (items) => ({ type: "array", items }), number),
    ],
    ["unions that branch at each of many levels", chain(60, twice), chain(60, twice, number)],
    ["lists that contain themselves, in unions", { anyOf: [{ type: "array", items: { $ref: "#" } }, string] }, number],
  ])("%s: an answer, soon", (_, output, input) => {
    const given = graph(input, { graph: { schemas: { source: { output }, reader: { input } } } });
    const answer = () => expect(findings(given).join().length).toBeLessThan(2000);
    expect(cpuMsOf(answer)).toBeLessThan(5000);
  });

  it("a key named like a property of Object.prototype", () => {
    const raw = JSON.stringify(graph(object({ toString: string, constructor: string })));
    expect(findings(JSON.parse(raw)).join()).toMatch(/forbidden|refused|\.toString is missing/);
  });
});
