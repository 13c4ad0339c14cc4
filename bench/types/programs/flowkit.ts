import { defineHandler, flow, param } from "flowkit";
import { createEngine } from "flowkit/engine";
import * as z from "zod";

const Row = z.object({ id: z.string(), price: z.number() });

const extract = defineHandler("extract", {
  args: z.object({ date: z.string(), batchSize: z.int() }),
  output: z.object({ rows: z.array(Row) }),
  *iterBatches({ batchSize }) {
    yield { payload: { rows: [{ id: "tea", price: 4 }].slice(0, batchSize) } };
  },
});

const total = defineHandler("total", {
  input: z.object({ rows: z.array(Row) }),
  //! field-type: input: z.object({ rows: z.array(Row.extend({ price: z.string() })) }),
  //! missing-field: input: z.object({ rows: z.array(Row.extend({ quantity: z.number() })) }),
  output: z.object({ revenue: z.number() }),
  processBatch: ({ rows }) => ({
    revenue: rows.reduce((sum, row) => sum + row.price, 0),
    //! field-type: revenue: rows.reduce((sum, row) => sum + Number.parseFloat(row.price), 0),
    //! missing-field: revenue: rows.reduce((sum, row) => sum + row.price * row.quantity, 0),
  }),
});

const count = defineHandler("count", {
  input: z.object({ rows: z.array(Row) }),
  output: z.object({ n: z.number() }),
  processBatch: ({ rows }) => ({ n: rows.length }),
});

const report = defineHandler("report", {
  input: z.object({
    total: z.array(z.object({ revenue: z.number() })),
    count: z.array(z.object({ n: z.number() })),
  }),
  output: z.object({ mean: z.number() }),
  processBatch: ({ total: [total], count: [count] }) => ({
    mean: (total?.revenue ?? 0) / (count?.n ?? 1),
    //! wrong-return: «mean»: `${(total?.revenue ?? 0) / (count?.n ?? 1)}`,
  }),
});

const shop = flow("shop", { params: z.object({ date: z.string() }) })
  .node("extract", extract, { args: { date: param("date"), batchSize: 500 } })
  //! missing-argument: .node("extract", extract, { «args»: { date: param("date") } })
  .node("total", total, { after: ["extract"] })
  //! field-type: .node("total", total, { after: [«"extract"»] })
  //! missing-field: .node("total", total, { after: [«"extract"»] })
  //! unknown-step: .node("total", total, { after: [«"extrct"»] })
  .node("count", count, { after: ["extract"] })
  //! duplicate-id: .node(«"total"», count, { after: ["extract"] })
  //! later-step: .node("count", count, { after: ["extract", «"report"»] })
  .node("report", report, { after: ["total", "count"], input: { adapter: "pull.gather" } });
//! not-upstream: .node("report", report, { after: ["total"], input: { adapter: "pull.gather", from: ["total", «"count"»] } });

export async function run() {
  await using engine = await createEngine({ handlers: shop.handlers });
  const task = await engine.run(shop, { params: { date: "2026-01-01" } });
  //! parameter-type: const task = await engine.run(shop, { params: { «date»: 20260101 } });
  const result = await task.result();
  return result.report;
  //! unknown-result: return result.«reprt»;
}
