import { createStep, createWorkflow } from "@mastra/core/workflows";
import * as z from "zod";

const Row = z.object({ id: z.string(), price: z.number() });

const extract = createStep({
  id: "extract",
  inputSchema: z.object({ date: z.string(), batchSize: z.int() }),
  outputSchema: z.object({ rows: z.array(Row) }),
  execute: async ({ inputData }) => ({ rows: [{ id: "tea", price: 4 }].slice(0, inputData.batchSize) }),
});

const total = createStep({
  id: "total",
  inputSchema: z.object({ rows: z.array(Row) }),
  //! field-type: inputSchema: z.object({ rows: z.array(Row.extend({ price: z.string() })) }),
  //! missing-field: inputSchema: z.object({ rows: z.array(Row.extend({ quantity: z.number() })) }),
  outputSchema: z.object({ revenue: z.number() }),
  execute: async ({ inputData }) => ({
    revenue: inputData.rows.reduce((sum, row) => sum + row.price, 0),
    //! field-type: revenue: inputData.rows.reduce((sum, row) => sum + Number.parseFloat(row.price), 0),
    //! missing-field: revenue: inputData.rows.reduce((sum, row) => sum + row.price * row.quantity, 0),
  }),
});

const count = createStep({
  id: "count",
  //! duplicate-id: «id»: "total",
  inputSchema: z.object({ rows: z.array(Row) }),
  outputSchema: z.object({ n: z.number() }),
  execute: async ({ inputData }) => ({ n: inputData.rows.length }),
  //! later-step: execute: async ({ inputData, getStepResult }) => ({ n: inputData.rows.length + getStepResult(«report»).mean }),
});

const report = createStep({
  id: "report",
  inputSchema: z.object({ total: z.object({ revenue: z.number() }), count: z.object({ n: z.number() }) }),
  outputSchema: z.object({ mean: z.number() }),
  execute: async ({ inputData: { total, count } }) => ({
    mean: total.revenue / count.n,
    //! wrong-return: «mean»: `${total.revenue / count.n}`,
  }),
});

const shop = createWorkflow({
  id: "shop",
  inputSchema: z.object({ date: z.string() }),
  outputSchema: z.object({ mean: z.number() }),
  steps: [extract, total, count, report],
})
  .map(async ({ inputData }) => ({ date: inputData.date, batchSize: 500 }))
  //! missing-argument: .map(async ({ inputData }) => ({ date: inputData.date }))
  .then(extract)
  //! missing-argument: .then(«extract»)
  .parallel([total, count])
  //! field-type: .parallel([«total», count])
  //! missing-field: .parallel([«total», count])
  //! unknown-step: .parallel([«totl», count])
  //! not-upstream: .parallel([total])
  .then(report)
  //! not-upstream: .then(«report»)
  .commit();

export async function run() {
  const started = await shop.createRun();
  const result = await started.start({ inputData: { date: "2026-01-01" } });
  //! parameter-type: const result = await started.start({ inputData: { «date»: 20260101 } });
  if (result.status === "failed") throw new Error(result.error.message);
  if (result.status !== "success") throw new Error(`ended as ${result.status}`);
  return result.steps.report;
  //! unknown-result: return result.steps.«reprt»;
}
