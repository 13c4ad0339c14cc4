import { describe, expect, it } from "vitest";
import * as z from "zod";
import { FlowError } from "../../../src/errors/index.ts";
import { formatFindings, parseGraph, type ValidateOptions, validateGraph } from "../../../src/graph/index.ts";

const documented = {
  schema_version: "1.0",
  name: "etl",
  nodes: [
    { node_id: "extract", type: "extractor", depends_on: [], io: { input_inline: { batch_size: 500 } } },
    {
      node_id: "transform",
      type: "transformer",
      depends_on: ["extract"],
      fan_in: "all",
      io: {
        start_when: "first_batch",
        input_inline: {
          input_adapter: "pull.from_artifacts.rechunk:size",
          input_args: { from_nodes: ["extract"], size: 10, meta_list_key: "rows" },
        },
      },
      retry_policy: { max: 3, backoff_sec: 300, permanent_on: ["bad_input", "schema_mismatch"] },
    },
    {
      node_id: "merge",
      type: "coordinator_fn",
      depends_on: ["transform"],
      io: { fn: "merge.generic", fn_args: { from_nodes: ["transform"], target: { key: "merged_result" } } },
    },
  ],
  edges: [
    ["extract", "transform"],
    ["transform", "merge"],
  ],
};

const findingsOf = (input: unknown, options?: ValidateOptions) => {
  const validation = validateGraph(input, options);
  return validation.ok ? [] : validation.findings;
};
const short = (input: unknown, options?: ValidateOptions) =>
  findingsOf(input, options).map(({ code, path }) => `${code} ${path}`);

it("the documented graph equals its long form", () => {
  expect(parseGraph(documented)).toEqual(documented);
});

it("aliases are expanded", () => {
  const nodes = (adapter: string, args: object) => [
    { node_id: "a", type: "x", depends_on: [] },
    { node_id: "b", type: "y", depends_on: ["a"], io: { input_inline: { input_adapter: adapter, input_args: args } } },
  ];
  const long = (adapter: string, args: object) => parseGraph({ nodes: nodes(adapter, args) }).nodes;
  for (const alias of ["pull.artifacts", "pull.from.upstream", "pull.from_artifacts"]) {
    expect(long(alias, { from_node: "a" })).toEqual(nodes("pull.from_artifacts", { from_nodes: ["a"] }));
  }
  for (const alias of ["pull.rechunk", "pull.from_artifacts.rechunk"]) {
    expect(long(alias, { size: 1 })).toEqual(nodes("pull.from_artifacts.rechunk:size", { size: 1 }));
  }
});

it("parents are in the order of edges if a node has no depends_on", () => {
  const node = (id: string) => ({ node_id: id, type: "x" });
  const raw = {
    nodes: [node("a"), node("b"), node("c")],
    edges: [
      ["b", "c"],
      ["a", "c"],
    ],
  };
  expect(parseGraph(raw).nodes.map((one) => one.depends_on)).toEqual([[], [], ["b", "a"]]);
});

describe("findings", () => {
  const broken = {
    ...documented,
    schema_version: "2.0",
    nodes: [
      { node_id: "extract", type: "extractor", depends_on: ["merg"], retry_policy: { max: true, jitter: -1 } },
      { node_id: "load", typ: "loader", depends_on: ["extract"], fan_in: "count:2" },
      { node_id: "merge", type: "coordinator_fn", io: { fn: "merge.generik" } },
    ],
    edges: undefined,
  };

  it("are reported all at once, in document order, and name the node", () => {
    expect(findingsOf(broken)).toEqual([
      {
        code: "GRAPH_UNKNOWN_DEPENDENCY",
        path: "/nodes/0/depends_on/0",
        message: "node 'extract' depends on 'merg', which is not a node of this graph",
        hint: "merge",
      },
      {
        code: "GRAPH_RETRY_POLICY",
        path: "/nodes/0/retry_policy/jitter",
        message: "node 'extract': retry_policy.jitter must be at least 0, got -1",
      },
      {
        code: "GRAPH_RETRY_POLICY",
        path: "/nodes/0/retry_policy/max",
        message: "node 'extract': retry_policy.max must be a number, got true",
      },
      {
        code: "GRAPH_FAN_IN",
        path: "/nodes/1/fan_in",
        message: "node 'load' waits for 1 node(s): fanIn 'count:2' cannot be met",
      },
      { code: "GRAPH_SHAPE", path: "/nodes/1/typ", message: "node 'load': unknown key 'typ'", hint: "type" },
      {
        code: "GRAPH_FN",
        path: "/nodes/2/io/fn",
        message: "node 'merge': 'merge.generik' is not a known coordinator function",
        hint: "merge.generic",
      },
      {
        code: "GRAPH_SHAPE",
        path: "/schema_version",
        message: "the graph: schema_version must be '1.0' or '1.1', got '2.0'",
        hint: "1.0",
      },
    ]);
  });

  it("are listed in the error that parseGraph throws", () => {
    const error = thrownBy(() => parseGraph(broken));
    expect(FlowError.is(error, "GRAPH_INVALID")).toBe(true);
    expect(error).toMatchObject({ details: { findings: findingsOf(broken) } });
    expect(String(error)).toContain(
      "7 errors in the graph\nGRAPH_UNKNOWN_DEPENDENCY at /nodes/0/depends_on/0: " +
        "node 'extract' depends on 'merg', which is not a node of this graph (did you mean 'merge'?)\n",
    );
  });

  it("are truncated in text, not in data", () => {
    const nodes = Array.from({ length: 30 }, (_, index) => ({ node_id: `n${index}`, type: "x" }));
    const findings = findingsOf({ nodes }, { types: [] });
    expect(findings).toHaveLength(30);
    expect(formatFindings(findings).split("\n")).toHaveLength(21);
    expect(formatFindings(findings)).toMatch(/\n\.\.\. and 10 more$/);
  });

  it("show untrusted text in one line, truncated", () => {
    const [finding] = findingsOf({ nodes: [{ node_id: `a\n${"b".repeat(100)}`, type: "x" }] });
    expect(finding?.message).toMatch(/^node 'a\\nb+\.\.\.': node_id must start with a letter/);
    expect(finding?.message.length).toBeLessThan(300);
  });
});

describe("cycles", () => {
  const ring = (...pairs: string[]) => ({
    nodes: [...new Set(pairs.flatMap((pair) => [...pair]))].map((id) => ({ node_id: id, type: "x" })),
    edges: pairs.map((pair) => [...pair]),
  });
  const messagesOf = (input: unknown) => findingsOf(input).map(({ code, message }) => `${code} ${message}`);
  const says = (cycle: string) => `GRAPH_CYCLE the nodes form a cycle: ${cycle}`;

  it("are named completely, along the edges, starting with the node declared first", () => {
    expect(messagesOf(ring("ab", "bc", "ca"))).toEqual([says("a -> b -> c -> a")]);
  });
  it("are the shortest of several, one per component", () => {
    expect(messagesOf(ring("ab", "bc", "cd", "da", "ca", "dx", "xy", "yx"))).toEqual([
      says("a -> b -> c -> a"),
      says("x -> y -> x"),
    ]);
  });
  it("are reported at the edge that closes them", () => {
    expect(short(ring("ab", "bc", "ca"))).toEqual(["GRAPH_CYCLE /edges/2"]);
  });
});

describe("one mistake, one finding", () => {
  const node = (id: string, more: object = {}) => ({ node_id: id, type: "x", ...more });
  const pull = (args: object) => ({ io: { input_inline: { input_adapter: "pull.from_artifacts", input_args: args } } });

  it("an unknown parent that is also a source, here and downstream", () => {
    const nodes = [
      node("a"),
      node("b", { depends_on: ["aa"], fan_in: "any", ...pull({ from_nodes: ["aa"] }) }),
      node("c", { depends_on: ["b"], ...pull({ from_nodes: ["a"] }) }),
    ];
    expect(
      short({
        nodes,
        edges: [
          ["a", "b"],
          ["b", "c"],
        ],
      }),
    ).toEqual([
      // biome-ignore format: pairs
      "GRAPH_UNKNOWN_DEPENDENCY /nodes/1/depends_on/0",
    ]);
  });
  it("an unreadable type on a node with a function", () => {
    expect(short({ nodes: [node("a", { type: 1, io: { fn: "noop" } })] })).toEqual(["GRAPH_SHAPE /nodes/0/type"]);
  });
  it("io that is not an object", () => {
    const nodes = [node("a", { type: "coordinator_fn", io: "noop" })];
    expect(short({ nodes })).toEqual(["GRAPH_SHAPE /nodes/0/io"]);
  });
  it("misspelt edges that nodes depend on", () => {
    const nodes = [node("a"), node("b", { fan_in: "any", io: { start_when: "first_batch" } })];
    expect(short({ nodes, edge: [["a", "b"]] })).toEqual(["GRAPH_SHAPE /edge"]);
  });
  it("misspelt nodes", () => {
    expect(short({ node: [node("a")] })).toEqual(["GRAPH_SHAPE /node"]);
  });
  it("a misspelt required argument", () => {
    const nodes = [
      node("a"),
      node("b", { depends_on: ["a"], io: { input_inline: { input_adapter: "pull.rechunk" } } }),
    ];
    const withArgs = JSON.parse(JSON.stringify(nodes));
    withArgs[1].io.input_inline.input_args = { Size: 3 };
    expect(short({ nodes: withArgs })).toEqual(["GRAPH_ADAPTER_ARGS /nodes/1/io/input_inline/input_args/Size"]);
  });
});

describe("pull.from_artifacts.each", () => {
  const graph = (args: object) => {
    const input_inline = { input_adapter: "pull.from_artifacts.each", input_args: args };
    return {
      nodes: [
        { node_id: "a", type: "t" },
        { node_id: "b", type: "t", depends_on: ["a"], io: { input_inline } },
      ],
    };
  };

  it("needs the key of a list, and takes no size", () => {
    const at = "GRAPH_ADAPTER_ARGS /nodes/1/io/input_inline/input_args";
    expect(short(graph({ meta_list_key: "rows" }))).toEqual([]);
    expect(short(graph({}))).toEqual([`${at}/meta_list_key`]);
    expect(short(graph({ meta_list_key: "" }))).toEqual([`${at}/meta_list_key`]);
    expect(short(graph({ meta_list_key: "rows", size: 1 }))).toEqual([`${at}/size`]);
  });

  it("is of version 1.1: engines of version 1.0 do not have it", () => {
    expect(parseGraph(graph({ meta_list_key: "rows" })).schema_version).toBe("1.1");
  });
});

describe("the caller's own adapters and functions", () => {
  const options: ValidateOptions = {
    adapters: [{ name: "by.column", args: z.strictObject({ column: z.string(), most: z.int().optional() }) }],
    functions: [{ name: "notify", args: z.strictObject({ to: z.email(), times: z.int().default(1) }) }],
  };
  const graph = (args: object, fnArgs: object) => ({
    nodes: [
      { node_id: "a", type: "x" },
      {
        node_id: "b",
        type: "y",
        depends_on: ["a"],
        io: { input_inline: { input_adapter: "by.column", input_args: args } },
      },
      { node_id: "c", type: "coordinator_fn", depends_on: ["b"], io: { fn: "notify", fn_args: fnArgs } },
    ],
  });
  const args = "/nodes/1/io/input_inline/input_args";

  it("are known", () => {
    expect(short(graph({ column: "price", from_node: "a", poll_ms: 5 }, { to: "a@b.cc" }), options)).toEqual([]);
    expect(short(graph({ column: "price" }, { to: "a@b.cc" }))).toEqual([
      "GRAPH_UNKNOWN_ADAPTER /nodes/1/io/input_inline/input_adapter",
      "GRAPH_FN /nodes/2/io/fn",
    ]);
  });
  it("have their own and the common arguments checked", () => {
    expect(short(graph({ from_nodes: ["c"], poll_ms: 0, colum: 1 }, { to: "nobody" }), options)).toEqual([
      `GRAPH_ADAPTER_ARGS ${args}/colum`,
      `GRAPH_FROM_NODES ${args}/from_nodes/0`,
      `GRAPH_ADAPTER_ARGS ${args}/poll_ms`,
      "GRAPH_FN_ARGS /nodes/2/io/fn_args/to",
    ]);
  });
  it("may have parameters for arguments, whatever their schema accepts", () => {
    const pair = z.union([z.object({ from: z.string() }), z.object({ till: z.string() })]);
    const functions = [{ name: "notify", args: z.strictObject({ range: pair, to: z.array(z.email()) }) }];
    const ref = { $ref: "params.x" };
    const withRefs = graph({ column: "price" }, { range: { from: ref }, to: [ref, "nobody"] });
    expect(short(withRefs, { ...options, functions })).toEqual(["GRAPH_FN_ARGS /nodes/2/io/fn_args/to/1"]);
  });
  it("may have schemas that throw or are asynchronous", () => {
    const broken = z.unknown().refine(() => {
      throw new Error("no network");
    });
    const waiting = z.unknown().refine(async () => false);
    const functions = (schema: z.ZodType) => [{ name: "notify", args: schema }];
    expect(findingsOf(graph({ column: "p" }, {}), { ...options, functions: functions(broken) })).toMatchObject([
      { code: "GRAPH_FN_ARGS", message: expect.stringContaining("could not be checked: no network") },
    ]);
    expect(short(graph({ column: "p" }, {}), { ...options, functions: functions(waiting) })).toEqual([]);
  });
});

it("known types and coordinator_fn are accepted", () => {
  expect(short(documented, { types: ["extractor", "transformer"] })).toEqual([]);
  expect(findingsOf(documented, { types: ["extractors", "transformer"] })).toMatchObject([
    { code: "GRAPH_UNKNOWN_TYPE", path: "/nodes/0/type", hint: "extractors" },
  ]);
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
