import { END, START, StateGraph, StateSchema } from "@langchain/langgraph";
import * as z from "zod";

const State = new StateSchema({
  date: z.string(),
  rows: z.array(z.object({ id: z.string(), price: z.number() })),
  revenue: z.number(),
  n: z.number(),
  mean: z.number(),
});

const shop = new StateGraph(State)
  .addNode("extract", () => ({ rows: [{ id: "tea", price: 4 }] }))
  .addNode("total", ({ rows }) => ({
    revenue: rows.reduce((sum, row) => sum + row.price, 0),
    //! field-type: revenue: rows.reduce((sum, row) => sum + Number.parseFloat(«row.price»), 0),
    //! missing-field: revenue: rows.reduce((sum, row) => sum + row.price * row.«quantity», 0),
  }))
  .addNode("count", ({ rows }) => ({ n: rows.length }))
  //! duplicate-id: .addNode(«"total"», ({ rows }) => ({ n: rows.length }))
  .addNode("report", ({ revenue, n }) => ({
    mean: revenue / n,
    //! wrong-return: «mean»: `${revenue / n}`,
  }))
  .addEdge(START, "extract")
  .addEdge("extract", "total")
  //! unknown-step: .addEdge(«"extrct"», "total")
  .addEdge("extract", "count")
  //! later-step: .addEdge([«"extract"», «"report"»], «"count"»)
  .addEdge(["total", "count"], "report")
  //! not-upstream: .addEdge([«"total"»], «"report"»)
  .addEdge("report", END)
  .compile();

export async function run() {
  const result = await shop.invoke({ date: "2026-01-01" });
  //! parameter-type: const result = await shop.invoke({ «date»: 20260101 });
  return result.mean;
  //! unknown-result: return result.«maen»;
}
