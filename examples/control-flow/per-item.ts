import { asHandler, defineHandler, flow, PermanentError, param, silentLogger } from "flowkit";
import { createEngine } from "flowkit/engine";
import * as z from "zod";

const Order = z.object({ id: z.string(), cents: z.int() });
const orders = [
  { id: "o1", cents: 900 },
  { id: "o2", cents: 4_500 },
  { id: "o3", cents: 120 },
];

const reserve = defineHandler("reserve", {
  args: z.object({ order: Order, shop: z.string() }),
  output: z.object({ ref: z.string(), cents: z.int() }),
  *iterBatches({ order, shop }) {
    yield { payload: { ref: `${shop}/${order.id}`, cents: order.cents } };
  },
});
const charge = defineHandler("charge", {
  input: z.object({ ref: z.string(), cents: z.int() }),
  output: z.null(),
  result: z.object({ receipt: z.string() }),
  errors: ["declined"],
  processBatch({ ref, cents }, ctx) {
    if (cents > 1_000) throw new PermanentError("declined", `${ref} costs ${cents} cents`);
    ctx.metrics.add("cents", cents);
    return null;
  },
  finalize: async (ctx) => ({ receipt: `${(await ctx.metrics.totals()).cents} cents` }),
});

/** The steps of one order. */
const order = flow("order", { params: z.object({ order: Order, shop: z.string() }) })
  .node("reserve", reserve, { args: { order: param("order"), shop: param("shop") } })
  .then("charge", charge);

const read = defineHandler("read", {
  output: Order,
  iterBatches: () => orders.map((payload) => ({ uid: payload.id, payload })),
});
const page = defineHandler("page", {
  output: z.object({ orders: z.array(Order) }),
  *iterBatches() {
    yield { payload: { orders: orders.filter(({ cents }) => cents < 1_000) } };
  },
});
const receipts = defineHandler("receipts", {
  input: z.object({ charge: z.object({ receipt: z.string() }) }),
  output: z.string(),
  processBatch: ({ charge: { receipt } }) => receipt,
});
const paid = defineHandler("paid", {
  input: z.object({ results: z.object({ charge: z.object({ receipt: z.string() }) }) }),
  output: z.string(),
  processBatch: ({ results }) => results.charge.receipt,
});
const lost = defineHandler("lost", {
  input: z.object({ failure: z.object({ nodeId: z.enum(["reserve", "charge"]).nullable(), message: z.string() }) }),
  output: z.string(),
  processBatch: ({ failure: { nodeId, message } }) => `${nodeId}: ${message}`,
});

const shop = flow("shop", { params: z.object({ shop: z.string() }) });

/** A task for each order, at most two at once. The first that fails for good fails the node. */
const each = shop
  .node("read", read)
  .then("each", asHandler(order, { item: "order" }), {
    args: { shop: param("shop") },
    startWhen: "first_batch",
    limits: { maxRunning: 2 },
    retry: { max: 0 },
  })
  .then("receipts", receipts);

/** A task for each element of a list. */
const elements = shop
  .node("page", page)
  .then("each", asHandler(order, { item: "order" }), {
    args: { shop: "tea" },
    input: { adapter: "pull.from_artifacts.each", metaListKey: "orders" },
  })
  .then("receipts", receipts);

/** Orders that failed for good are outputs too, which a node can select. */
const settled = shop
  .node("read", read)
  .then("each", asHandler(order, { item: "order", settled: true }), {
    args: { shop: param("shop") },
    retry: { max: 0 },
  })
  .node("paid", paid, { after: ["each"], where: { ok: true } })
  .node("lost", lost, { after: ["each"], where: { ok: false } });

export async function perItem() {
  await using engine = await createEngine({
    logger: silentLogger, // the failures are intended
    handlers: [read, page, reserve, charge, receipts, paid, lost],
  });
  const params = { shop: "tea" };
  const failing = await engine.run(each, { params });
  const { status, failure } = await failing.wait();
  const settling = await engine.run(settled, { params });
  const results = await settling.result();
  const { items } = await engine.list({ children: { of: settling.id } });
  return {
    each: { status, failure: `${failure?.reasonCode} at batch ${failure?.batchUid}` },
    elements: await (await engine.run(elements, { params })).result(),
    settled: results,
    tasks: items.map((task) => `${task.parent?.uid} ${task.status}`).sort(),
  };
}
