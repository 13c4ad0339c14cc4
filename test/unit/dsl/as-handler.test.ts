import {
  asHandler,
  canonicalGraph,
  defineHandler,
  diffGraphs,
  flow,
  fromGraph,
  graphHash,
  param,
  toMermaid,
  toTypeScript,
} from "flowkit";
import { createEngine } from "flowkit/engine";
import { describe, expect, expectTypeOf, test } from "vitest";
import * as z from "zod";

const Order = z.object({ id: z.string(), cents: z.int() });
const read = defineHandler("read", { output: Order, *iterBatches() {} });
const reserve = defineHandler("reserve", {
  args: z.object({ order: Order, shop: z.string() }),
  output: z.object({ ref: z.string() }),
  *iterBatches({ order, shop }) {
    yield { payload: { ref: `${shop} ${order.id}` } };
  },
});
const charge = defineHandler("charge", {
  input: z.object({ ref: z.string() }),
  output: z.object({ receipt: z.string() }),
  processBatch: ({ ref }) => ({ receipt: `paid ${ref}` }),
});
const order = flow("order", { params: z.object({ order: Order, shop: z.string() }) })
  .node("reserve", reserve, { args: { order: param("order"), shop: param("shop") } })
  .then("charge", charge);
const sum = defineHandler("sum", {
  input: z.object({ charge: z.array(z.object({ receipt: z.string() })) }),
  output: z.int(),
  processBatch: ({ charge: receipts }) => receipts.length,
});
const shop = flow("shop", { params: z.object({ shop: z.string() }) }).node("read", read);
const each = shop
  .then("each", asHandler(order, { item: "order" }), {
    args: { shop: param("shop") },
    startWhen: "first_batch",
    limits: { maxRunning: 8 },
  })
  .then("sum", sum);

describe("a flow as a handler", () => {
  test("compiles to a node of type flow, with its graph", () => {
    const graph = each.compile();
    expect(graph.schema_version).toBe("1.1");
    expect(graph.nodes[1]).toEqual({
      node_id: "each",
      type: "flow",
      depends_on: ["read"],
      io: {
        start_when: "first_batch",
        input_inline: {
          input_adapter: "pull.from_artifacts",
          input_args: { from_nodes: ["read"] },
          shop: { $ref: "params.shop" },
        },
        flow: "order",
        item: "order",
      },
      limits: { max_running: 8 },
    });
    expect(graph.flows).toEqual({ order: order.compile() });
    expect(canonicalGraph(graph)).toEqual(graph);
    expect(order.compile().schema_version).toBe("1.0");
  });

  test("has the handlers of its nodes", () => {
    expect(Object.keys(each.handlers).sort()).toEqual(["charge", "read", "reserve", "sum"]);
    expectTypeOf<keyof typeof each.handlers>().toEqualTypeOf<"charge" | "read" | "reserve" | "sum">();
    expectTypeOf<(typeof each.$infer.outputs)["each"]>().toEqualTypeOf<{ readonly charge: { receipt: string }[] }>();
  });

  test("is drawn, compared and loaded", () => {
    const graph = each.compile();
    expect(toMermaid(graph)).toContain('each[["each<br/>order"]]');
    const other = shop
      .then(
        "each",
        asHandler(flow("order", { params: z.object({ order: Order }) }).node("read", read), { item: "order" }),
      )
      .compile();
    expect(diffGraphs(graph, other).graph.some(({ path }) => path.startsWith("/flows/order"))).toBe(true);
    const loaded = fromGraph(graph as never, { handlers: [...Object.values(each.handlers)] as never });
    expect(graphHash(loaded.compile())).toBe(graphHash(graph));
    expect(Object.keys(loaded.handlers).sort()).toEqual(["charge", "read", "reserve", "sum"]);
  });

  test("is generated before the flow that runs it", () => {
    const lines = toTypeScript(each.compile(), { handlersFrom: "./handlers.ts" }).split("\n");
    expect(lines.filter((line) => /import|flow\(|asHandler/.test(line))).toEqual([
      'import { asHandler, flow, param } from "flowkit";',
      'import * as z from "zod";',
      'import { charge, read, reserve, sum } from "./handlers.ts";',
      'const order = flow("order", {',
      'export const shop = flow("shop", { params: z.object({ shop: z.string() }) })',
      '  .then("each", asHandler(order, { item: "order" }), {',
    ]);
  });

  test("is part of another flow", () => {
    const outer = flow("outer", { params: z.object({ shop: z.string() }) }).use("eu", each);
    expect(outer.compile().flows).toEqual(each.compile().flows);
    expect(Object.keys(outer.handlers)).toContain("charge");
  });

  test("runs", async () => {
    const orders = defineHandler("read", {
      output: Order,
      *iterBatches() {
        for (const id of ["a", "b"]) yield { payload: { id, cents: 1 } };
      },
    });
    const pipeline = flow("shop", { params: z.object({ shop: z.string() }) })
      .node("read", orders)
      .then("each", asHandler(order, { item: "order", settled: true }), {
        args: { shop: param("shop") },
        ordered: true,
      });
    expectTypeOf<(typeof pipeline.$infer.outputs)["each"]>().toMatchTypeOf<
      | { readonly ok: true; readonly results: { readonly charge: { receipt: string }[] } }
      | { readonly ok: false; readonly failure: { readonly nodeId: "reserve" | "charge" | null } }
    >();
    await using engine = await createEngine({ handlers: pipeline.handlers });
    const task = await engine.run(pipeline, { params: { shop: "tea" } });
    expect(await task.result()).toEqual({
      each: ["a", "b"].map((id) => ({ ok: true, results: { charge: [{ receipt: `paid tea ${id}` }] } })),
    });
  });

  test("needs an engine with the handlers of its nodes", async () => {
    await using engine = await createEngine({ handlers: [read, reserve, sum] });
    // @ts-expect-error -- 'charge' is missing
    const running = engine.run(each, { params: { shop: "tea" } });
    await expect(running).rejects.toMatchObject({ code: "GRAPH_INVALID" });
  });

  test("refuses what it cannot run", () => {
    const open = flow().node("read", read);
    // @ts-expect-error -- has no name
    expect(() => asHandler(open, { item: "order" })).toThrow("asHandler() needs a flow with a name");
    // @ts-expect-error -- has no such parameter
    expect(() => asHandler(order, { item: "ordr" })).toThrow(
      "flow 'order' has no parameter 'ordr' that an item could be: there is order, shop (did you mean 'order'?)",
    );
    // @ts-expect-error -- lacks the argument
    const lacking = shop.then("each", asHandler(order, { item: "order" }));
    expect(() => lacking.compile()).toThrow("node 'each': handler 'flow' needs args (missing: shop)");
    const numbers = defineHandler("numbers", { output: z.int(), *iterBatches() {} });
    const counts = flow("counts").node("n", numbers);
    // @ts-expect-error -- reads another payload
    const wrong = counts.then("each", asHandler(order, { item: "order" }), { args: { shop: "tea" } });
    expect(() => wrong.compile()).toThrow("edge 'n' -> 'each': the whole payload is number, needs");
    const same = flow("order", { params: z.object({ order: Order }) }).node("read", read);
    const both = shop
      .then("each", asHandler(order, { item: "order" }), { args: { shop: "tea" } })
      .node("other", asHandler(same, { item: "order" }), { after: ["read"] });
    expect(() => both.compile()).toThrow("node 'other': another flow in this flow is already named 'order'");
  });
});
