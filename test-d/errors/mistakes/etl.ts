import { flow } from "flowkit";
import * as z from "zod";
import { count, extract, latest } from "../../handlers.ts";

/** The flow that the mistakes continue. */
export const etl = flow("etl", {
  params: z.object({ date: z.iso.date(), n: z.int(), late: z.string().optional() }),
  adapters: [latest],
})
  .node("extract", extract, { args: { batchSize: 500 } })
  .node("count", count, { after: ["extract"] });
