import * as z from "zod";
import { engineCase } from "../engine-case.ts";
import { anything, flowOf, handler } from "../flows.ts";

const batches = 100_000;

/** What a real row looks like: checks on every field, a list, a union, an optional. */
const order = z.object({
  id: z.int().positive(),
  customer: z.object({ name: z.string().min(1), email: z.email().optional(), tags: z.array(z.string()) }),
  lines: z.array(z.object({ sku: z.string().regex(/^[A-Z]\d{3}$/), quantity: z.int().min(1), price: z.number() })),
  state: z.union([z.object({ kind: z.literal("new") }), z.object({ kind: z.literal("paid"), at: z.iso.date() })]),
});

const anOrder = (id: number): z.infer<typeof order> => ({
  id: id + 1,
  customer: { name: "Ada", email: "ada@example.org", tags: ["a", "b"] },
  lines: [
    { sku: "A001", quantity: 1, price: 9.5 },
    { sku: "B002", quantity: 3, price: 1.25 },
  ],
  state: { kind: "paid", at: "2026-01-31" },
});

const stream = (name: string, schema: z.ZodType, payload: (index: number) => unknown) => {
  const pass = { input: schema, output: schema, processBatch: (batch: unknown) => batch };
  const source = handler("source", {
    output: schema,
    *iterBatches() {
      for (let index = 0; index < batches; index++) yield { payload: payload(index) };
    },
  });
  const io = { start_when: "first_batch" } as const;
  return engineCase({
    name,
    unit: "batch",
    units: batches,
    flow: flowOf(
      [source, handler("middle", pass), handler("last", pass)],
      [
        { node_id: "source", type: "source", depends_on: [] },
        { node_id: "middle", type: "middle", depends_on: ["source"], io },
        { node_id: "last", type: "last", depends_on: ["middle"], io },
      ],
    ),
  });
};

/** Batches through three nodes that run at once. A unit is one batch at the end: three stored artifacts. */
export const streams = [
  stream("stream, small, not validated", anything, (index) => ({ index })),
  stream("stream, orders, not validated", anything, anOrder),
  stream("stream, orders, zod in and out", order, anOrder),
];
