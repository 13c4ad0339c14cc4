import fc from "fast-check";
import {
  defineCoordinatorFn,
  defineHandler,
  defineInputAdapter,
  flow,
  type Graph,
  type GraphNode,
  param,
} from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { failureOf } from "./failure-of.ts";

const Rows = z.object({ rows: z.array(z.string()) });
const extract = defineHandler("extractor", {
  output: Rows,
  *iterBatches() {
    yield { payload: { rows: [] } };
  },
});
const clean = defineHandler("cleaner", { input: Rows, output: Rows, processBatch: (payload) => payload });
const byDay = defineHandler("by_day", {
  args: z.object({ date: z.string() }),
  input: Rows,
  output: Rows,
  processBatch: (payload) => payload,
});
const join = defineHandler("joiner", {
  input: z.object({ rows: z.array(Rows), clean: z.array(Rows) }),
  output: z.object({ n: z.number() }),
  processBatch: ({ rows }) => ({ n: rows.length }),
});
const tail = defineInputAdapter("pull.tail", { args: z.object({}), expand: ({ meta }) => [meta] });
const tally = defineCoordinatorFn("tally", {
  args: z.object({ of: z.array(z.string()), label: z.string() }),
  output: z.object({}),
  nodeArgs: ["of"],
  run: () => ({}),
});

const Dated = z.object({ date: z.string() });
const cleaning = flow("cleaning", { inputs: { rows: Rows }, params: Dated, adapters: [tail] })
  .then("clean", clean)
  .node("day", byDay, { after: ["clean"], args: { date: param("date") } });
const start = flow("etl", { params: Dated }).node("extract", extract);

const nodeOf = (graph: Graph, id: string): GraphNode | undefined => graph.nodes.find(({ node_id }) => node_id === id);

describe("the nodes of a subflow", () => {
  test("have a prefix in the graph, and read from the nodes that feed the inputs", () => {
    const etl = start.use("eu", cleaning, { inputs: { rows: "extract" } }).then("load", clean);
    const graph = etl.compile();
    expect(graph.name).toBe("etl");
    expect(graph.edges).toEqual([
      ["extract", "eu.clean"],
      ["eu.clean", "eu.day"],
      ["eu.day", "load"],
    ]);
    expect(nodeOf(graph, "eu.clean")).toEqual({
      node_id: "eu.clean",
      type: "cleaner",
      depends_on: ["extract"],
      io: { input_inline: { input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["extract"] } } },
    });
    expect(nodeOf(graph, "eu.day")?.io?.input_inline?.date).toEqual({ $ref: "params.date" });
  });

  test("bring their handlers, functions and adapters", () => {
    const part = cleaning.fn("tally", tally, { after: ["day"], args: { of: ["day"], label: "day" } });
    const etl = start.use("eu", part, { inputs: { rows: "extract" } });
    expect(etl.handlers).toEqual({ extractor: extract, cleaner: clean, by_day: byDay });
    expect(etl.inputAdapters).toEqual([tail]);
    expect(etl.coordinatorFns).toEqual([tally]);
    expect(Object.keys(etl.compile({ schemas: true }).schemas ?? {})).toEqual(["extractor", "cleaner", "by_day"]);
    const own = etl.node("own", clean, { after: ["extract"], input: { adapter: "pull.tail" } });
    expect(nodeOf(own.compile(), "own")?.io?.input_inline?.input_adapter).toBe("pull.tail");
  });

  test("may be used many times, and in nested subflows", () => {
    const both = flow("both", { inputs: { raw: Rows }, params: Dated })
      .use("fr", cleaning, { inputs: { rows: "raw" } })
      .use("de", cleaning, { inputs: { rows: "fr.day" } });
    const graph = start
      .use("eu", both, { inputs: { raw: "extract" } })
      .use("us", both, { inputs: { raw: "eu.de.day" } })
      .compile();
    expect(graph.edges).toEqual([
      ["extract", "eu.fr.clean"],
      ["eu.fr.clean", "eu.fr.day"],
      ["eu.fr.day", "eu.de.clean"],
      ["eu.de.clean", "eu.de.day"],
      ["eu.de.day", "us.fr.clean"],
      ["us.fr.clean", "us.fr.day"],
      ["us.fr.day", "us.de.clean"],
      ["us.de.clean", "us.de.day"],
    ]);
  });

  test("keep their roots if the subflow has no inputs", () => {
    const source = flow("source").node("extract", extract);
    const graph = flow().use("a", source).use("b", source).then("clean", clean).compile();
    expect(graph.nodes.map(({ node_id, depends_on }) => [node_id, depends_on])).toEqual([
      ["a.extract", []],
      ["b.extract", []],
      ["clean", ["b.extract"]],
    ]);
  });

  test("depend on all inputs from the first then", () => {
    const part = flow("part", { inputs: { a: Rows, b: Rows } }).then("clean", clean);
    const graph = flow()
      .node("x", extract)
      .node("y", extract)
      .use("p", part, { inputs: { b: "x", a: "y" } })
      .compile();
    expect(nodeOf(graph, "p.clean")?.depends_on).toEqual(["y", "x"]);
  });
});

describe("node ids in arguments", () => {
  const part = flow("part", { inputs: { rows: Rows } })
    .then("clean", clean)
    .node("join", join, { after: ["rows", "clean"], input: { adapter: "pull.gather", pollMs: 5 } })
    .node("alias", join, {
      after: ["rows", "clean"],
      input: { adapter: "pull.gather", from: { rows: "clean", clean: "rows" } },
    })
    .fn("merge", "merge.generic", {
      after: ["rows", "clean"],
      args: { fromNodes: ["rows", "clean"], target: { key: "rows", nodeId: "merge" } },
    })
    .fn("sum", "metrics.aggregate", { after: ["clean"], args: { nodeId: "clean" } })
    .fn("vars", "vars.set", { after: ["clean"], args: { kv: { node_id: "clean", from_nodes: ["rows"] } } })
    .fn("tally", tally, { after: ["clean"], args: { of: ["rows", "clean"], label: "clean" } });
  const graph = flow()
    .node("extract", extract)
    .use("p", part, { inputs: { rows: "extract" } })
    .compile();

  test("a gather by node ids keeps its keys", () => {
    expect(nodeOf(graph, "p.join")?.io?.input_inline?.input_args).toEqual({
      from: { rows: "extract", clean: "p.clean" },
      poll_ms: 5,
    });
    expect(nodeOf(graph, "p.alias")?.io?.input_inline?.input_args).toEqual({
      from: { rows: "p.clean", clean: "extract" },
    });
  });

  test("arguments of functions get the new ids", () => {
    expect(nodeOf(graph, "p.merge")?.io?.fn_args).toEqual({
      from_nodes: ["extract", "p.clean"],
      target: { key: "rows", node_id: "p.merge" },
    });
    expect(nodeOf(graph, "p.sum")?.io?.fn_args).toEqual({ node_id: "p.clean" });
    expect(nodeOf(graph, "p.vars")?.io?.fn_args).toEqual({ kv: { node_id: "clean", from_nodes: ["rows"] } });
    expect(nodeOf(graph, "p.tally")?.io?.fn_args).toEqual({ of: ["extract", "p.clean"], label: "clean" });
  });

  test("a function's arguments must be ids of existing nodes", () => {
    const wrong = flow()
      .node("extract", extract)
      // @ts-expect-error
      .fn("t", tally, { args: { of: ["extrct"], label: "" } });
    expect(failureOf(() => wrong.compile())).toMatchObject({
      message: expect.stringContaining("'extrct', which is not a node declared before it (did you mean 'extract'?)"),
    });
  });

  test("a gather that a handler suggests keeps its keys", () => {
    const suggesting = defineHandler("suggesting", {
      input: z.object({ rows: z.array(Rows), clean: z.array(Rows) }),
      output: z.object({ n: z.number() }),
      inputAdapter: { adapter: "pull.gather" },
      processBatch: ({ rows }) => ({ n: rows.length }),
    });
    const own = flow("part", { inputs: { rows: Rows } })
      .then("clean", clean)
      .node("join", suggesting, { after: ["rows", "clean"] });
    const compiled = flow()
      .node("extract", extract)
      .use("p", own, { inputs: { rows: "extract" } })
      .compile();
    expect(nodeOf(compiled, "p.join")?.io?.input_inline?.input_args).toEqual({
      from: { rows: "extract", clean: "p.clean" },
    });
  });
});

describe("mistakes that only the run time can detect", () => {
  const messageOf = (run: () => unknown): string => String((failureOf(run) as Error).message);
  const untyped = start as unknown as Chain;

  test.each<[string, () => unknown, string]>([
    ["not a flow", () => untyped.use("eu", {}).compile(), "subflow 'eu' needs a flow built with flow()"],
    [
      "bindings that are none",
      () => untyped.use("eu", cleaning, { inputs: { rows: 1 } }).compile(),
      "subflow 'eu': 'inputs' must be an object of node ids",
    ],
    [
      "unknown option",
      () => untyped.use("eu", cleaning, { input: {} }).compile(),
      "subflow 'eu': unknown option 'input' (did you mean 'inputs'?)",
    ],
    ["options that are null", () => untyped.use("eu", cleaning, null).compile(), "(missing: rows)"],
    [
      "ids that get too long",
      () => untyped.use("e".repeat(123), cleaning, { inputs: { rows: "extract" } }).compile(),
      "eee.clean' has more than 128 characters: use a shorter prefix",
    ],
    [
      "mistakes inside",
      () => untyped.use("eu", (flow("part") as unknown as Chain).then("a", clean, { after: ["b"] })).compile(),
      "subflow 'eu': node 'a': 'b' is not a node declared before it",
    ],
    [
      "another handler of the name",
      () => untyped.use("eu", flow().node("extract", { ...extract })).compile(),
      "subflow 'eu': another handler in this flow is already named 'extractor'",
    ],
    [
      "another function of the name",
      () => {
        const other = defineCoordinatorFn("tally", { args: z.object({}), output: z.object({}), run: () => ({}) });
        return start
          .fn("t", tally, { after: ["extract"], args: { of: ["extract"], label: "" } })
          .use("eu", flow().fn("t", other))
          .compile();
      },
      "subflow 'eu': another function in this flow is already named 'tally'",
    ],
    [
      "another adapter of the name",
      () => {
        const other = defineInputAdapter("pull.tail", { args: z.object({}), expand: ({ meta }) => [meta] });
        const part = flow("part", { adapters: [other] }).node("extract", extract);
        return start
          .use("eu", cleaning, { inputs: { rows: "extract" } })
          .use("us", part)
          .compile();
      },
      "subflow 'us': another input adapter in this flow is already named 'pull.tail'",
    ],
  ])("%s", (_title, run, words) => {
    expect(messageOf(run)).toContain(words);
  });

  test("inputs that are not schemas", () => {
    // @ts-expect-error
    expect(messageOf(() => flow("x", { inputs: { rows: 1 } }))).toBe(
      "flow(): 'inputs' must be an object of schemas of zod 4 (import zod, or zod/v4), or ones with ~standard.jsonSchema",
    );
  });
});

/** The builder without its types, as JavaScript sees it, and as random flows need it. */
interface Chain {
  node(id: string, handler: object, options?: object): Chain;
  then(id: string, handler: object, options?: object): Chain;
  fn(id: string, fn: string, options?: object): Chain;
  use(prefix: string, part: object, options?: object | null): Chain;
  compile(): Graph;
}

describe("a flow split into subflows", () => {
  const step = defineHandler("step", { input: z.json(), output: z.json(), processBatch: () => null });
  interface RandomNode {
    readonly parents: readonly number[];
    readonly kind: "step" | "gather" | "merge";
    readonly fanIn: "all" | "any";
  }
  const randomNode: fc.Arbitrary<RandomNode> = fc.record({
    parents: fc.array(fc.nat(), { maxLength: 3 }),
    kind: fc.constantFrom("step", "gather", "merge"),
    fanIn: fc.constantFrom("all", "any"),
  });

  /** A node of the list among those before it, under the names that they have where it stands. */
  function added(chain: Chain, id: string, node: RandomNode, names: readonly string[], aliases?: object): Chain {
    if (names.length === 0) return chain.node(id, step, { args: {} });
    const options = { after: names, fanIn: node.fanIn };
    if (node.kind === "merge") {
      return chain.fn(id, "merge.generic", {
        ...options,
        args: { fromNodes: names, target: { key: "k", nodeId: id } },
      });
    }
    if (node.kind === "step") return chain.node(id, step, options);
    const from = aliases === undefined ? {} : { from: aliases };
    return chain.node(id, step, { ...options, input: { adapter: "pull.gather", ...from } });
  }

  test("compiles to the same graph as in one piece", () => {
    fc.assert(
      fc.property(
        fc.array(randomNode, { minLength: 1, maxLength: 16 }),
        fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
        (given, lengths) => {
          const nodes = given.map((node, at) => ({
            ...node,
            parents: at === 0 ? [] : [...new Set(node.parents.map((parent) => parent % at))],
          }));
          let choice = 0;
          /** By index, the keys under which a gather inside a subflow received its sources. */
          const keys = new Map<number, readonly string[]>();
          const build = (from: number, to: number, depth: number) => {
            const inside = nodes.slice(from, to).flatMap(({ parents }) => parents);
            const outside = [...new Set(inside.filter((parent) => parent < from))];
            const names = new Map(outside.map((index) => [index, `n${index}`]));
            const inputs = Object.fromEntries([...names.values()].map((name) => [name, z.json()]));
            let chain = flow(depth === 0 ? "whole" : `part${from}`, { inputs }) as unknown as Chain;
            for (let at = from; at < to; ) {
              const length = lengths[choice++ % lengths.length] ?? 0;
              if (depth < 3 && length > 0 && at + length <= to) {
                const part = build(at, at + length, depth + 1);
                const bound = part.outside.map((index) => [`n${index}`, names.get(index)]);
                chain = chain.use(`p${at}`, part.chain, { inputs: Object.fromEntries(bound) });
                for (const [index, name] of part.names) if (index >= at) names.set(index, `p${at}.${name}`);
                at += length;
              } else {
                const node = nodes[at] as RandomNode;
                const sources = node.parents.map((parent) => names.get(parent) as string);
                if (depth > 0) keys.set(at, sources);
                chain = added(chain, `n${at}`, node, sources);
                names.set(at, `n${at}`);
                at++;
              }
            }
            return { chain, names, outside };
          };
          const { chain, names } = build(0, nodes.length, 0);
          let whole = flow("whole") as unknown as Chain;
          nodes.forEach((node, at) => {
            const sources = node.parents.map((parent) => names.get(parent) as string);
            const own = keys.get(at);
            const aliases = own && Object.fromEntries(own.map((key, index) => [key, sources[index]]));
            whole = added(whole, names.get(at) as string, node, sources, aliases);
          });
          expect(chain.compile()).toStrictEqual(whole.compile());
        },
      ),
      { numRuns: 300 },
    );
  });
});
