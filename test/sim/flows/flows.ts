import { defineHandler, flow } from "flowkit";
import * as z from "zod";

/* User flows, correct and incorrect. */

export const Row = z.object({ n: z.int() });

const numbers = defineHandler("numbers", {
  output: Row,
  *iterBatches() {
    for (const n of [1, 2, 3, 4]) yield { payload: { n } };
  },
});

const square = defineHandler("square", { input: Row, output: Row, processBatch: ({ n }) => ({ n: n * n }) });

const sum = defineHandler("sum", {
  input: Row,
  output: Row,
  result: z.object({ sum: z.int() }),
  processBatch: (row) => row,
  async finalize(ctx) {
    let total = 0;
    for await (const { n } of ctx.outputs()) total += n;
    return { sum: total };
  },
});

/** 1 + 4 + 9 + 16 = 30. */
export const squares = flow("squares").node("numbers", numbers).then("square", square).then("sum", sum);

/** The handler of `square` with additional work, which may be asynchronous. */
export const squareBy = (work: (n: number) => Promise<unknown>) =>
  defineHandler("square", {
    input: Row,
    output: Row,
    async processBatch({ n }) {
      await work(n);
      return { n: n * n };
    },
  });

/** Passes each row to `insert` and outputs it unchanged. */
export const sink = (insert: (n: number, key: string) => Promise<unknown>) =>
  defineHandler("sink", {
    input: Row,
    output: Row,
    async processBatch(row, ctx) {
      await insert(row.n, ctx.idempotencyKey);
      return row;
    },
  });

export const load = flow("load")
  .node("numbers", numbers)
  .then(
    "sink",
    sink(async () => {}),
  );
