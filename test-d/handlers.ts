import { defineCoordinatorFn, defineHandler, defineInputAdapter } from "flowkit";
import * as z from "zod";

/* The handlers of the flows in type tests. */

const Row = z.object({ id: z.string(), price: z.number() });
const CleanRow = z.object({ id: z.string(), cents: z.int() });

/** A source with args. */
export const extract = defineHandler("extractor", {
  args: z.object({ batchSize: z.int().positive() }),
  output: z.object({ rows: z.array(Row) }),
  async *iterBatches(args) {
    yield { uid: "0", payload: { rows: [{ id: "a", price: args.batchSize }] } };
  },
});

/** Takes a list; has its own error code, and a result. */
export const clean = defineHandler("cleaner", {
  input: z.array(Row),
  output: z.object({ rows: z.array(CleanRow), note: z.string() }),
  result: z.object({ kept: z.int() }),
  errors: ["bad_row"],
  processBatch: (rows) => ({ rows: rows.map(({ id, price }) => ({ id, cents: price * 100 })), note: "" }),
  finalize: () => ({ kept: 3 }),
});

/** Takes the output of `extract` unchanged. */
export const count = defineHandler("counter", {
  input: z.object({ rows: z.array(Row) }),
  output: z.object({ n: z.number() }),
  processBatch: ({ rows }) => ({ n: rows.length }),
});

/** Takes gathered outputs, of which each may be missing. */
export const join = defineHandler("joiner", {
  input: z.object({
    clean: z.array(z.object({ note: z.string() })).optional(),
    count: z.array(z.object({ n: z.number() })).optional(),
  }),
  output: z.object({ total: z.number() }),
  processBatch: (gathered) => ({ total: gathered.count?.length ?? 0 }),
});

/** Has args besides its input. */
export const byDay = defineHandler("by_day", {
  args: z.object({ date: z.string(), limit: z.number().optional(), where: z.object({ city: z.string() }).optional() }),
  input: z.object({ n: z.number() }),
  output: z.object({ ok: z.boolean() }),
  processBatch: () => ({ ok: true }),
});

/** As a root it takes its input as args. */
export const seeded = defineHandler("seeded", {
  input: z.object({ seed: z.string() }),
  output: z.object({ seed: z.string() }),
  processBatch: (payload) => payload,
});

export const latest = defineInputAdapter("pull.latest", {
  args: z.object({ windowSec: z.number() }),
  expand: ({ meta, args }) => (args.windowSec > 0 ? [meta] : []),
});

export const rowsOnly = defineInputAdapter("pull.rows", {
  args: z.object({}),
  payload: z.array(Row),
  expand: () => [[{ id: "a", price: 1 }]],
});

export const notify = defineCoordinatorFn("slack.notify", {
  args: z.object({ channel: z.string(), retries: z.int().optional() }),
  output: z.object({ sent: z.boolean() }),
  errors: ["rate_limited"],
  run: ({ args }) => ({ sent: args.channel !== "" }),
});

/** Like `extract`, but a price is text. */
export const textual = defineHandler("textual", {
  output: z.object({ rows: z.array(z.object({ id: z.string(), price: z.string() })) }),
  *iterBatches() {
    yield { payload: { rows: [{ id: "a", price: "1" }] } };
  },
});

/** Takes gathered outputs, all of them. */
export const needsBoth = defineHandler("needs_both", {
  input: z.object({ extract: z.array(z.json()), count: z.array(z.object({ n: z.number() })) }),
  output: z.object({ total: z.number() }),
  processBatch: (gathered) => ({ total: gathered.count.length }),
});
