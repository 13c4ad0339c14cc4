// Generated from a graph by toTypeScript(). The handlers are a skeleton: their schemas come from the graph, their
// methods are yours to implement.

import { defineCoordinatorFn, defineHandler, defineInputAdapter, flow, PermanentError, param } from "flowkit";
import * as z from "zod";

const orderSource = defineHandler("order-source", {
  args: z.object({ batch_size: z.number(), day: z.string().min(10), labels: z.any() }),
  output: z.object({ rows: z.array(z.json()) }),
  iterBatches() {
    throw new PermanentError("not_written", "handler 'order-source': iterBatches is not implemented yet");
  },
});

const cleaner = defineHandler("cleaner", {
  input: z.json(),
  output: z.object({
    rows: z.array(z.object({ id: z.int() })),
    note: z.string().nullable().describe("What was odd").optional(),
  }),
  errors: ["bad_row"],
  processBatch() {
    throw new PermanentError("not_written", "handler 'cleaner': processBatch is not implemented yet");
  },
});

const deleteHandler = defineHandler("delete", {
  args: z.object({ dry: z.boolean() }),
  input: z.any(),
  output: z.record(z.string(), z.json()),
  processBatch() {
    throw new PermanentError("not_written", "handler 'delete': processBatch is not implemented yet");
  },
});

const joiner = defineHandler("joiner", {
  input: z.any(),
  output: z.record(z.string(), z.json()),
  processBatch() {
    throw new PermanentError("not_written", "handler 'joiner': processBatch is not implemented yet");
  },
});

const pullColumn = defineInputAdapter("pull.column", {
  args: z.object({ column: z.string() }),
  expand() {
    throw new PermanentError("not_written", "input adapter 'pull.column': expand is not implemented yet");
  },
});

const slackNotify = defineCoordinatorFn("slack.notify", {
  args: z.object({ channel: z.string(), day: z.string().min(10) }),
  output: z.record(z.string(), z.json()),
  run() {
    throw new PermanentError("not_written", "coordinator function 'slack.notify': run is not implemented yet");
  },
});

export const orders = flow("orders", {
  params: z.object({ day: z.string().min(10), dry: z.boolean().default(false) }),
  adapters: [pullColumn],
})
  .node("extract", orderSource, {
    args: { batch_size: 500, day: param("day"), labels: { $ref: "a */ b" } },
    partitions: 4,
  })
  .then("clean", cleaner, {
    startWhen: "first_batch",
    input: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "rows", pollMs: 50 },
    retry: { max: 5, backoffSec: 0.5, permanentOn: ["bad_row", "schema_mismatch"] },
    timeoutSec: 60,
  })
  .node("drop", deleteHandler, {
    after: ["extract", "clean"],
    fanIn: "any",
    input: { adapter: "pull.column", column: "id" },
    args: { dry: true },
  })
  .node("join", joiner, {
    after: ["clean", "drop"],
    input: { adapter: "pull.gather", from: { "clean rows": "clean", dropped: "drop" } },
  })
  .fn("merge", "merge.generic", {
    after: ["join"],
    args: { fromNodes: ["join"], target: { key: "all", nodeId: "merge" } },
  })
  .fn("tell", slackNotify, { after: ["merge"], args: { channel: "#orders", day: param("day") } });
