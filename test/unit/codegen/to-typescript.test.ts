import { defineHandler, flow, graphHash, param, parseGraph, toTypeScript } from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { orders } from "./golden/orders.ts";

const graph = {
  name: "orders",
  nodes: [
    {
      node_id: "extract",
      type: "order-source",
      io: { input_inline: { batch_size: 500, day: { $ref: "params.day" }, labels: { $$ref: "a */ b" } } },
      partitions: 4,
    },
    {
      node_id: "clean",
      type: "cleaner",
      depends_on: ["extract"],
      io: {
        start_when: "first_batch",
        input_inline: {
          input_adapter: "pull.from_artifacts.rechunk:size",
          input_args: { from_nodes: ["extract"], size: 10, meta_list_key: "rows", poll_ms: 50 },
        },
      },
      retry_policy: { max: 5, backoff_sec: 0.5, permanent_on: ["bad_row", "schema_mismatch"] },
      timeout_sec: 60,
    },
    {
      node_id: "drop",
      type: "delete",
      depends_on: ["extract", "clean"],
      fan_in: "any",
      io: { input_inline: { input_adapter: "pull.column", input_args: { column: "id" }, dry: true } },
    },
    {
      node_id: "join",
      type: "joiner",
      depends_on: ["clean", "drop"],
      io: {
        input_inline: {
          input_adapter: "pull.gather",
          input_args: { from: { "clean rows": "clean", dropped: "drop" } },
        },
      },
    },
    {
      node_id: "merge",
      type: "coordinator_fn",
      depends_on: ["join"],
      io: { fn: "merge.generic", fn_args: { from_nodes: ["join"], target: { key: "all", node_id: "merge" } } },
    },
    {
      node_id: "tell",
      type: "coordinator_fn",
      depends_on: ["merge"],
      io: { fn: "slack.notify", fn_args: { channel: "#orders", day: { $ref: "params.day" } } },
    },
  ],
  params_schema: {
    type: "object",
    properties: { day: { type: "string", minLength: 10 }, dry: { type: "boolean", default: false } },
    required: ["day"],
  },
  schemas: {
    cleaner: {
      output: {
        type: "object",
        properties: {
          rows: { type: "array", items: { type: "object", properties: { id: { type: "integer" } }, required: ["id"] } },
          note: { type: ["string", "null"], description: "What was odd" },
        },
        required: ["rows"],
      },
    },
  },
};

describe("the generated source", () => {
  test("matches the golden file and compiles to the graph", async () => {
    await expect(toTypeScript(graph)).toMatchFileSnapshot("golden/orders.ts");
    const { schemas: _, ...rest } = graph;
    const own = { args: z.looseObject({}) };
    const options = { adapters: [{ name: "pull.column", ...own }], functions: [{ name: "slack.notify", ...own }] };
    // compile() writes the sources of an adapter.
    const nodes = JSON.parse(JSON.stringify(graph.nodes));
    nodes[2].io.input_inline.input_args.from_nodes = ["extract", "clean"];
    expect(graphHash(orders.compile())).toBe(graphHash(parseGraph({ ...rest, nodes }, options)));
  });

  test("imports the definitions from a module of the user", () => {
    const source = toTypeScript(graph, { handlersFrom: "./handlers.ts" });
    expect(source).toContain(
      'import { cleaner, deleteHandler, joiner, orderSource, pullColumn, slackNotify } from "./handlers.ts";',
    );
    expect(source).not.toContain("define");
    // Handlers may suggest another adapter, so the default is written.
    const plain = { nodes: [graph.nodes[0], { node_id: "b", type: "b", depends_on: ["extract"], io: explicit }] };
    expect(toTypeScript(plain as never, { handlersFrom: "x" })).toContain('input: { adapter: "pull.from_artifacts" }');
    expect(toTypeScript(plain as never)).not.toContain("adapter");
  });

  test("writes patterns with not and exists", () => {
    const where = {
      kind: { $not: ["a", "b"] },
      at: { $exists: false },
      note: { $exists: true },
      deep: { $$not: 1, "a-b": "x" },
    };
    const input = { input_adapter: "pull.from_artifacts", input_args: { where } };
    const nodes = [
      { node_id: "a", type: "a" },
      { node_id: "b", type: "b", depends_on: ["a"], io: { input_inline: input } },
    ];
    const source = toTypeScript({ nodes }, { handlersFrom: "./x.ts" });
    expect(source).toContain('import { exists, flow, not } from "flowkit";');
    expect(source.replace(/\s+/g, " ")).toContain(
      'where: { at: not(exists), deep: { $not: 1, "a-b": "x" }, kind: not(["a", "b"]), note: exists },',
    );
    const scalar = { ...nodes[1], io: { input_inline: { ...input, input_args: { where: "x" } } } };
    expect(toTypeScript({ nodes: [nodes[0], scalar] } as never)).toContain("its where is not an object");
  });

  test("writes how a flow reads the elements of lists", () => {
    const Order = z.object({ id: z.string() });
    const pages = defineHandler("pages", { output: z.object({ orders: z.array(Order) }), *iterBatches() {} });
    const pay = defineHandler("pay", { input: Order, output: z.string(), processBatch: ({ id }) => id });
    const input = { adapter: "pull.from_artifacts.each", metaListKey: "orders" } as const;
    const graph = flow("shop").node("pages", pages).then("pay", pay, { input }).compile();
    expect(toTypeScript(graph)).toContain('{ input: { adapter: "pull.from_artifacts.each", metaListKey: "orders" } }');
    expect(parseGraph(graph)).toEqual(graph);
  });

  test("reproduces the code of a flow", () => {
    const read = defineHandler("read", {
      args: z.object({ day: z.string() }),
      output: z.object({ n: z.int() }),
      *iterBatches() {},
    });
    const add = defineHandler("add", { input: z.object({ n: z.int() }), output: z.json(), processBatch: () => null });
    const sums = flow("sums", { params: z.object({ day: z.string() }) })
      .node("read", read, { args: { day: param("day") } })
      .then("add", add, { startWhen: "first_batch" });
    expect(toTypeScript(sums.compile({ schemas: true }))).toContain(`const read = defineHandler("read", {
  args: z.object({ day: z.string() }),
  output: z.object({ n: z.int() }),
  iterBatches() {
    throw new PermanentError("not_written", "handler 'read': iterBatches is not implemented yet");
  },
});

const add = defineHandler("add", {
  input: z.object({ n: z.int() }),
  output: z.json(),
  processBatch() {
    throw new PermanentError("not_written", "handler 'add': processBatch is not implemented yet");
  },
});

export const sums = flow("sums", { params: z.object({ day: z.string() }) })
  .node("read", read, { args: { day: param("day") } })
  .then("add", add, { startWhen: "first_batch" });
`);
  });

  test("explains why it starts as JSON", () => {
    const nodes = [
      { node_id: "a", type: "x" },
      { node_id: "b", type: "x", depends_on: ["a"], limits: { gpu: 1 } },
      { node_id: "c", type: "x", depends_on: ["b"] },
    ];
    const source = toTypeScript({ nodes }, { handlersFrom: "./x.ts" });
    expect(source).toContain("// - node 'b': it has limits other than max_running\nexport const pipeline = fromGraph(");
    expect(source).toContain('.then("c", x)');
  });

  test("keeps all text of a graph inside literals", () => {
    const name = '*/ "); process.exit() //\u2028\u202e';
    const source = toTypeScript({ name, nodes: [{ node_id: "a", type: "x", io: { input_inline: { [name]: name } } }] });
    expect(source).not.toMatch(/[\u2028\u202e]/);
    expect(source).toContain(String.raw`flow("*/ \"); process.exit() //\u2028\u202e")`);
  });

  test("requires a valid graph", () => {
    expect(() => toTypeScript({ nodes: [{ node_id: "a", type: "x", depends_on: ["b"] }] })).toThrow("'b'");
  });
});

const explicit = { input_inline: { input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["extract"] } } };

describe("identifiers", () => {
  test.each([
    ["load-rows.v2", "loadRowsV2"],
    ["delete", "deleteHandler"],
    ["param", "paramHandler"],
    ["Z", "zHandler"],
    ["PermanentError", "permanentError"],
  ])("%s is called %s", (type, name) => {
    expect(toTypeScript({ nodes: [{ node_id: "a", type }] })).toContain(`const ${name} = defineHandler("${type}", {`);
  });

  test("are unique", () => {
    const types = ["load-rows", "load_rows", "load.rows", "loadRows"];
    const source = toTypeScript({ name: "load rows", nodes: types.map((type, at) => ({ node_id: `n${at}`, type })) });
    expect([...source.matchAll(/const (\w+) =/g)].map(([, name]) => name)).toStrictEqual([
      "loadRows",
      "loadRowsHandler",
      "loadRowsHandler2",
      "loadRowsHandler3",
      "loadRowsFlow",
    ]);
  });
});
