import { defineHandler, type HandlerDefinition } from "flowkit";
import * as z from "zod";
import { engineCase } from "../engine-case.ts";
import { untypedFlow } from "../flows.ts";
import type { Case } from "../measure.ts";
import { sinkType } from "../stores.ts";
import { atMostTimesFirst, keepsAtMostMiB } from "../targets.ts";

const batches = 100_000;
/** The backpressure limit, in the cases that have one. */
const pending = 1_000;

/** A realistic record: checks on every field, a list, a union, an optional field. */
const Order = z.object({
  id: z.int().positive(),
  customer: z.object({ name: z.string().min(1), email: z.email().optional(), tags: z.array(z.string()) }),
  lines: z.array(z.object({ sku: z.string().regex(/^[A-Z]\d{3}$/), quantity: z.int().min(1), price: z.number() })),
  state: z.union([z.object({ kind: z.literal("new") }), z.object({ kind: z.literal("paid"), at: z.iso.date() })]),
});
type Order = z.infer<typeof Order>;
const Orders = z.array(Order);

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
/** An order with a type only: its content is not validated. */
const Unchecked = z.custom<Order>();

const Count = z.object({ count: z.int() });

/** So many orders are one batch of a stream of lists. */
const listed = 100;

const sources = {
  small: defineHandler("small.source", {
    args: Count,
    output: Small,
    *iterBatches({ count }) {
      for (let index = 0; index < count; index++) yield { payload: { index } };
    },
  }),
  unchecked: defineHandler("unchecked.source", {
    args: Count,
    output: Unchecked,
    *iterBatches({ count }) {
      for (let index = 0; index < count; index++) yield { payload: orderOf(index) };
    },
  }),
  order: defineHandler("order.source", {
    args: Count,
    output: Order,
    *iterBatches({ count }) {
      for (let index = 0; index < count; index++) yield { payload: orderOf(index) };
    },
  }),
  list: defineHandler("list.source", {
    args: Count,
    output: Orders,
    *iterBatches({ count }) {
      for (let index = 0; index < count; index += listed)
        yield { payload: Array.from({ length: listed }, (_, at) => orderOf(index + at)) };
    },
  }),
};

const steps = {
  small: defineHandler("small.step", { input: Small, output: Small, processBatch: (small) => small }),
  unchecked: defineHandler("unchecked.step", { input: Unchecked, output: Unchecked, processBatch: (order) => order }),
  order: defineHandler("order.step", { input: Order, output: Order, processBatch: (order) => order }),
  list: defineHandler("list.step", { input: Orders, output: Orders, processBatch: (list) => list }),
};

const streamOf = (kind: keyof typeof sources, count: number) =>
  untypedFlow("stream")
    .node("source", sources[kind], { args: { count } })
    .then("middle", steps[kind], { startWhen: "first_batch" })
    .then("last", steps[kind], { startWhen: "first_batch" })
    .compile();

/** The same with backpressure; the artifacts of the last node are only counted. */
const boundedOf = (kind: keyof typeof sources, sink: HandlerDefinition, count: number) =>
  untypedFlow("bounded stream")
    .node("source", sources[kind], { args: { count }, maxPendingBatches: pending })
    .then("middle", steps[kind], { startWhen: "first_batch", maxPendingBatches: pending })
    .then("last", sink, { startWhen: "first_batch" })
    .compile();

const sinkOf = (input: z.ZodType) =>
  defineHandler(sinkType, {
    input,
    output: z.null(),
    result: z.number(),
    processBatch: () => null,
    finalize: (ctx) => ctx.batchCount,
  });

const stream = (name: string, kind: keyof typeof sources) => ({
  name,
  group: name,
  unit: "batch",
  units: batches,
  handlers: [sources[kind], steps[kind]],
  graph: streamOf(kind, batches),
});

const bounded = (name: string, kind: keyof typeof sources, count = batches) => {
  const sink = sinkOf({ small: Small, unchecked: Unchecked, order: Order, list: Orders }[kind]);
  return engineCase({
    name: `${name}, dropped as read`,
    group: name,
    unit: "batch",
    units: count,
    handlers: [sources[kind], steps[kind], sink],
    graph: boundedOf(kind, sink, count),
    store: "dropping",
    isLong: count > batches,
    target: keepsAtMostMiB(1),
  });
};

const small = "stream of 100,000 small batches";
const orders = "stream of 100,000 orders, zod in and out";
const inLists = `${orders}, ${listed} a batch`;

/** The cost of a stream of orders without an engine: the same five checks of each order. */
const loop: Case = {
  name: "plain loop over 100,000 orders, zod in and out",
  group: orders,
  unit: "batch",
  units: batches,
  prepare: async () => ({
    async run() {
      for (let index = 0; index < batches; index++) {
        let order = Order.parse(orderOf(index));
        for (let step = 0; step < 2; step++) order = Order.parse(Order.parse(order));
      }
      return undefined;
    },
    async [Symbol.asyncDispose]() {},
  }),
};

/** Batches through three concurrent nodes. A unit is one batch, or order, at the end: it is stored three times. */
export const streams = [
  engineCase(stream(small, "small")),
  bounded(small, "small"),
  { ...bounded("stream of 400,000 small batches", "small", 4 * batches), group: small },
  engineCase({ ...stream(small, "small"), name: `${small}, SQLite`, store: "SQLite", isLong: true }),
  loop,
  engineCase({ ...stream("stream of 100,000 orders, not checked", "unchecked"), group: orders }),
  engineCase({ ...stream(orders, "order"), target: atMostTimesFirst(1.5) }),
  bounded(orders, "order"),
  engineCase({ ...stream(inLists, "list"), group: orders, target: atMostTimesFirst(1.5) }),
  { ...bounded(inLists, "list"), group: orders },
];
