import { type ExtractFlowInput, type ExtractFlowOutput, Flow } from "@pgflow/dsl";

const shop = new Flow<{ date: string }>({ slug: "shop" })
  .step({ slug: "extract" }, async () => ({ rows: [{ id: "tea", price: 4 }] }))
  .step({ slug: "total", dependsOn: ["extract"] }, async ({ extract }) => ({
    //! unknown-step: .step({ slug: "total", dependsOn: [«"extrct"»] }, async ({ extract }) => ({
    revenue: extract.rows.reduce((sum, row) => sum + row.price, 0),
    //! field-type: revenue: extract.rows.reduce((sum, row) => sum + Number.parseFloat(«row.price»), 0),
    //! missing-field: revenue: extract.rows.reduce((sum, row) => sum + row.price * row.«quantity», 0),
  }))
  .step({ slug: "count", dependsOn: ["extract"] }, async ({ extract }) => ({ n: extract.rows.length }))
  //! duplicate-id: .step({ «slug»: "total", dependsOn: ["extract"] }, async ({ extract }) => ({ n: extract.rows.length }))
  //! later-step: .step({ slug: "count", dependsOn: ["extract", «"report"»] }, async ({ extract }) => ({ n: extract.rows.length }))
  .step({ slug: "report", dependsOn: ["total", "count"] }, async ({ total, count }) => ({
    mean: total.revenue / count.n,
  }));
//! not-upstream: .step({ slug: "report", dependsOn: ["total"] }, async ({ total, «count» }) => ({ mean: total.revenue / count.n }));

/** Typed by the flow itself: the declarations of @pgflow/client 0.8.1 import missing files. */
declare function start(input: ExtractFlowInput<typeof shop>): Promise<ExtractFlowOutput<typeof shop>>;

export async function run() {
  const result = await start({ date: "2026-01-01" });
  //! parameter-type: const result = await start({ «date»: 20260101 });
  return result.report;
  //! unknown-result: return result.«reprt»;
}
