import { defineHandler } from "flowkit";
import * as z from "zod";
import { onStores } from "../engine-case.ts";
import { graphOf } from "../flows.ts";

const batches = 100_000;

/** What a real record looks like: checks on every field, a list, a union, an optional. */
const Order = z.object({
  id: z.int().positive(),
  customer: z.object({ name: z.string().min(1), email: z.email().optional(), tags: z.array(z.string()) }),
  lines: z.array(z.object({ sku: z.string().regex(/^[A-Z]\d{3}$/), quantity: z.int().min(1), price: z.number() })),
  state: z.union([z.object({ kind: z.literal("new") }), z.object({ kind: z.literal("paid"), at: z.iso.date() })]),
});
type Order = z.infer<typeof Order>;

const orderOf = (index: number): Order => ({
  id: index + 1,
  customer: { name: "Ada", email: "ada@example.org", tags: ["a", "b"] },
  lines: [
    { sku: "A001", quantity: 1, price: 9.5 },
    { sku: "B002", quantity: 3, price: 1.25 },
  ],
  state: { kind: "paid", at: "2026-01-31" },
});

const Small = z.object({ index: z.int() });
/** An order by its type alone: nothing looks inside. */
const Unchecked = z.custom<Order>();

const sources = {
  small: defineHandler("small.source", {
    output: Small,
    *iterBatches() {
      for (let index = 0; index < batches; index++) yield { payload: { index } };
    },
  }),
  unchecked: defineHandler("unchecked.source", {
    output: Unchecked,
    *iterBatches() {
      for (let index = 0; index < batches; index++) yield { payload: orderOf(index) };
    },
  }),
  order: defineHandler("order.source", {
    output: Order,
    *iterBatches() {
      for (let index = 0; index < batches; index++) yield { payload: orderOf(index) };
    },
  }),
};

const steps = {
  small: defineHandler("small.step", { input: Small, output: Small, processBatch: (small) => small }),
  unchecked: defineHandler("unchecked.step", { input: Unchecked, output: Unchecked, processBatch: (order) => order }),
  order: defineHandler("order.step", { input: Order, output: Order, processBatch: (order) => order }),
};

const stream = (name: string, kind: keyof typeof sources) => {
  const type = `${kind}.step`;
  const io = { start_when: "first_batch" } as const;
  const what = {
    name,
    unit: "batch",
    units: batches,
    handlers: [sources[kind], steps[kind]],
    graph: graphOf([
      { node_id: "source", type: `${kind}.source`, depends_on: [] },
      { node_id: "middle", type, depends_on: ["source"], io },
      { node_id: "last", type, depends_on: ["middle"], io },
    ]),
  };
  return onStores(what, kind === "small" ? ["memory", "SQLite"] : ["memory"]);
};

/** Batches through three nodes that run at once. A unit is one batch at the end: three stored artifacts. */
export const streams = [
  ...stream("stream of small batches", "small"),
  ...stream("stream of orders, not checked", "unchecked"),
  ...stream("stream of orders, zod in and out", "order"),
];
