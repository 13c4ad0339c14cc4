import fc from "fast-check";
import {
  canonicalGraph,
  defineCoordinatorFn,
  defineHandler,
  defineInputAdapter,
  FlowError,
  flow,
  fromGraph,
  graphHash,
  param,
  parseGraph,
} from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { validGraph } from "../graph/arbitrary-graph.ts";
import { failureOf as thrownBy } from "./failure-of.ts";

/** The expected error, which must be a FlowError. */
function failureOf(make: () => unknown): FlowError {
  const thrown = thrownBy(make);
  if (!FlowError.is(thrown)) throw new Error("it threw nothing of ours", { cause: thrown });
  return thrown;
}

const Row = z.object({ id: z.string() });
const extract = defineHandler("extractor", {
  args: z.object({ size: z.int(), day: z.string().optional() }),
  output: z.object({ rows: z.array(Row) }),
  *iterBatches({ size }) {
    yield { payload: { rows: Array.from({ length: size }, (_, index) => ({ id: `${index}` })) } };
  },
});
const clean = defineHandler("cleaner", {
  input: z.object({ rows: z.array(Row) }),
  output: z.object({ n: z.int() }),
  processBatch: ({ rows }) => ({ n: rows.length }),
});
const etl = flow("etl", { params: z.object({ day: z.string() }) })
  .node("extract", extract, { args: { size: 3, day: param("day") } })
  .then("clean", clean, { startWhen: "first_batch", retry: { max: 0 } });

describe("a loaded graph", () => {
  test("compiles to the same graph, for any graph", () => {
    fc.assert(
      fc.property(validGraph, (json) => {
        const graph = parseGraph(json);
        const again = fromGraph(json).compile();
        expect(canonicalGraph(again)).toStrictEqual(canonicalGraph(graph));
        expect(graphHash(again)).toBe(graphHash(graph));
        expect(again.nodes.map(({ node_id }) => node_id)).toStrictEqual(graph.nodes.map(({ node_id }) => node_id));
      }),
      { numRuns: 300 },
    );
  });

  test("keeps its name, parameters and schemas as they were written", () => {
    const graph = etl.compile({ schemas: true });
    expect(fromGraph(graph).compile()).toStrictEqual(graph);
    expect(fromGraph(graph, { handlers: etl.handlers }).compile({ schemas: true })).toStrictEqual(graph);
  });

  test("has the schemas of its handlers with `schemas: true`", () => {
    expect(fromGraph(etl.compile(), { handlers: [extract, clean] }).compile({ schemas: true })).toStrictEqual(
      etl.compile({ schemas: true }),
    );
  });

  test("is checked, and all findings are reported", () => {
    const broken = {
      nodes: [
        { node_id: "a", type: "x", depends_on: ["b"] },
        { node_id: "a", type: "" },
      ],
    };
    const { code, details } = failureOf(() => fromGraph(broken));
    expect(code).toBe("GRAPH_INVALID");
    expect(details.findings).toHaveLength(3);
  });
});

describe("a loaded flow can be extended", () => {
  const loaded = fromGraph({ nodes: [{ node_id: "extract", type: "extractor", io: { input_inline: { size: 1 } } }] });

  test("after the last node of the JSON", () => {
    expect(loaded.compile().nodes).toHaveLength(1);
    const longer = fromGraph(
      {
        nodes: [
          { node_id: "other", type: "extractor", io: { input_inline: { size: 1 } } },
          { node_id: "extract", type: "extractor", io: { input_inline: { size: 1 } } },
        ],
      },
      { handlers: [extract] },
    ).then("clean", clean);
    expect(longer.compile().edges).toStrictEqual([["extract", "clean"]]);
    expect(Object.keys(longer.handlers)).toStrictEqual(["extractor", "cleaner"]);
  });

  test("but not with a duplicate id, nor with a second handler of a name", () => {
    const again: string = "extract";
    expect(
      failureOf(() =>
        fromGraph(JSON.parse(JSON.stringify(etl.compile())))
          .node(again, extract, { args: { size: 1 } })
          .compile(),
      ),
    ).toHaveProperty("message", expect.stringContaining("node id 'extract' is already used in this flow"));
    const other = defineHandler("extractor", { output: z.json(), *iterBatches() {} });
    const both = fromGraph(etl.compile(), { handlers: [extract, clean] }).node("more", other);
    expect(failureOf(() => both.compile()).message).toContain(
      "another definition in this flow is already named 'extractor'",
    );
  });

  test("with the parameters of the JSON", () => {
    const graph = JSON.parse(JSON.stringify(etl.compile()));
    const more = (name: string) => fromGraph(graph).node("more", extract, { args: { size: 1, day: param(name) } });
    expect(more("day").compile().nodes[2]?.io).toStrictEqual({
      input_inline: { size: 1, day: { $ref: "params.day" } },
    });
    expect(failureOf(() => more("dya").compile()).message).toContain("'dya' is not a parameter of this flow");
  });

  test("with defaults filled in where arguments and subflows need them", () => {
    const sized = flow("sized", { params: z.object({ n: z.int().default(3) }) });
    const json = sized.node("extract", extract, { args: { size: param("n") } }).compile();
    const part = flow("part", { params: z.object({ n: z.int() }) }).node("a", extract, { args: { size: param("n") } });
    const text: unknown = JSON.parse(JSON.stringify(json));
    const loaded = fromGraph(text as typeof json).node("more", extract, { args: { size: param("n") } });
    expect(
      loaded
        .use("p", part)
        .compile()
        .nodes.map(({ node_id }) => node_id),
    ).toStrictEqual(["extract", "more", "p.a"]);
    const without = { ...json, params_schema: { type: "object", properties: { n: { type: "integer" } } } };
    const open = fromGraph(without).node("more", extract, { args: { size: param("n") } });
    expect(failureOf(() => open.use("p", part).compile()).message).toContain(
      "parameter 'n' is number | undefined, 'size' needs number\nsubflow 'p': its parameters do not match those of this flow: .n may be missing (needs number)",
    );
  });
});

describe("as a subflow", () => {
  test("its nodes have a prefix, and its handlers come with it", () => {
    const loaded = fromGraph(JSON.parse(JSON.stringify(etl.compile())), { handlers: [extract, clean] });
    const outer = flow("outer", { params: z.object({ day: z.string() }) })
      .node("first", extract, { args: { size: 1 } })
      .use("old", loaded);
    const graph = outer.compile();
    expect(graph.edges).toStrictEqual([["old.extract", "old.clean"]]);
    expect(graph.nodes[2]?.io?.input_inline?.input_args).toStrictEqual({ from_nodes: ["old.extract"] });
    expect(graph.nodes[1]?.io?.input_inline).toStrictEqual({ size: 3, day: { $ref: "params.day" } });
    expect(outer.coordinatorFns).toStrictEqual([]);
    expect(Object.keys(outer.handlers)).toStrictEqual(["extractor", "cleaner"]);
  });
});

describe("the code it is loaded with", () => {
  const graph = etl.compile({ schemas: true });
  const json: { nodes: object[] } = JSON.parse(JSON.stringify(graph));
  const messageOf = (make: () => unknown) => {
    const { code, message } = failureOf(make);
    expect(code).toBe("FLOW_INVALID");
    return message;
  };

  test("is only accepted for node types of the graph", () => {
    const cleaned = defineHandler("cleanr", { output: z.json(), *iterBatches() {} });
    expect(messageOf(() => fromGraph(json, { handlers: [cleaned] }))).toContain(
      "handler 'cleanr': the graph has no node of this type; its types are: extractor, cleaner (did you mean 'cleaner'?)",
    );
    expect(messageOf(() => fromGraph(json, { schemas: { cleanr: {} } }))).toContain("schemas.cleanr: the graph has no");
  });

  test("has one handler per name", () => {
    const other = defineHandler("extractor", { output: z.json(), *iterBatches() {} });
    expect(messageOf(() => fromGraph(json, { handlers: [extract, other] }))).toBe(
      "two different handlers are named 'extractor'",
    );
    expect(Object.keys(fromGraph(json, { handlers: [extract, extract] }).handlers)).toStrictEqual(["extractor"]);
  });

  test("matches the graph's schemas", () => {
    const text = defineHandler("extractor", {
      args: z.object({ size: z.string() }),
      output: z.object({ rows: z.string() }),
      *iterBatches() {},
    });
    const message = messageOf(() => fromGraph(json, { handlers: [text] }));
    expect(message).toContain("handler 'extractor': args does not match the graph's schema: .size is number");
    expect(message).toContain("handler 'extractor': output does not match the graph's schema: .rows is string");
    expect(
      messageOf(() => fromGraph(json, { schemas: { cleaner: { input: z.object({ lines: z.string() }) } } })),
    ).toContain("schemas.cleaner: input does not match the graph's schema: .lines is missing");
    // Accepting more and storing less does not contradict the schema.
    const lenient = defineHandler("cleaner", {
      input: z.object({ rows: z.array(z.object({ id: z.union([z.string(), z.null()]) })) }),
      output: z.object({ n: z.literal(1) }),
      processBatch: () => ({ n: 1 as const }),
    });
    fromGraph(json, { handlers: [lenient] });
  });

  test("accepts the arguments and the parents of its nodes", () => {
    const strict = defineHandler("extractor", {
      args: z.object({ size: z.int().max(2), day: z.iso.date(), limit: z.int() }),
      output: z.object({ rows: z.array(Row) }),
      *iterBatches() {},
    });
    const bare = JSON.parse(JSON.stringify(etl.compile()));
    const message = messageOf(() => fromGraph(bare, { handlers: [strict] }));
    expect(message).toContain("node 'extract': handler 'extractor' needs args (missing: limit)");
    expect(message).toContain("node 'extract': args.size:");
    expect(message).not.toContain("args.day");
    const counted = defineHandler("extractor", {
      args: z.object({ size: z.int(), day: z.int() }),
      output: z.object({ rows: z.array(Row) }),
      *iterBatches() {},
    });
    expect(messageOf(() => fromGraph(bare, { handlers: [counted] }))).toContain(
      "parameter 'day' is string, 'day' needs number",
    );
    const source = defineHandler("cleaner", { output: z.json(), *iterBatches() {} });
    expect(messageOf(() => fromGraph(bare, { handlers: [source] }))).toContain("cannot depend on 'extract'");
  });

  test("matches along the edges", () => {
    const text = defineHandler("extractor", { output: z.object({ lines: z.string() }), *iterBatches() {} });
    const nodes = [
      { node_id: "a", type: "extractor" },
      {
        node_id: "b",
        type: "cleaner",
        depends_on: ["a"],
        io: { input_inline: { input_adapter: "pull.from_artifacts" } },
      },
    ];
    expect(messageOf(() => fromGraph({ nodes }, { handlers: [text, clean] }))).toContain(
      "edge 'a' -> 'b': .rows is missing",
    );
  });

  test("may include custom functions and adapters", () => {
    const note = defineCoordinatorFn("note", { args: z.object({ to: z.string() }), output: z.null(), run: () => null });
    const halves = defineInputAdapter("halves", { args: z.object({ at: z.int() }), expand: ({ meta }) => [meta] });
    const own = flow(undefined, { adapters: [halves] })
      .node("a", extract, { args: { size: 1 } })
      .then("b", clean, { input: { adapter: "halves", at: 1 } })
      .fn("c", note, { after: ["b"], args: { to: "x" } });
    const text = JSON.stringify(own.compile());
    const loaded = fromGraph(JSON.parse(text), { adapters: [halves], fns: [note] });
    expect(JSON.stringify(loaded.compile())).toBe(text);
    expect(loaded.inputAdapters).toStrictEqual([halves]);
    expect(loaded.coordinatorFns).toStrictEqual([note]);
    expect(failureOf(() => fromGraph(JSON.parse(text))).message).toMatch(/halves.*\n.*note/);
  });

  test.each([
    { handlers: 1 },
    { handlers: [{}] },
    { adapters: {} },
    { fns: [extract] },
    { schemas: { extractor: { outptu: z.json() } } },
    { schemas: { extractor: z.json() } },
  ])("has the required form: %j", (options) => {
    const call: (graph: object, given: unknown) => unknown = fromGraph as never;
    expect(messageOf(() => call(json, options))).toContain("fromGraph(): ");
  });
});
