import * as z from "zod";
import { defineHandler, flow, PermanentError, param } from "../../../src/index.ts";

const Row = z.object({ n: z.int(), note: z.string() });

/** Text that could be mistaken for markup of the page. */
export const hostile = "<img src=x onerror=\"document.title='hacked'\">";

/** The behaviour of the handlers, which the test controls. */
export interface Conduct {
  /** Whether row `n` fails permanently. */
  refuses(n: number): boolean;
  /** Awaited before a row is checked. */
  before?(signal: AbortSignal): Promise<unknown>;
}

/** Numbered rows, which are checked one by one. */
export function checkFlow(conduct: Conduct) {
  const count = defineHandler("count", {
    args: z.object({ rows: z.int() }),
    output: Row,
    *iterBatches({ rows }) {
      for (let n = 0; n < rows; n++) yield { uid: `row-${n}`, payload: { n, note: hostile } };
    },
  });
  const check = defineHandler("check", {
    input: Row,
    output: Row,
    errors: ["odd_row"],
    async processBatch(row, ctx) {
      await conduct.before?.(ctx.signal);
      if (!conduct.refuses(row.n)) return row;
      ctx.logger.warn({ n: row.n }, "an odd row");
      throw new PermanentError("odd_row", `row ${row.n} is odd`);
    },
  });
  const params = z.object({
    rows: z.int().min(1).max(1_000).default(20).describe("How many rows there are."),
  });
  return flow("numbers", { params })
    .node("count", count, { args: { rows: param("rows") } })
    .then("check", check, { startWhen: "first_batch", retry: { max: 0 } });
}

/** Failed rows are set aside, and the rest waits for an approval. */
export function approvalFlow(conduct: Conduct) {
  const read = defineHandler("read", {
    output: Row,
    *iterBatches() {
      for (let n = 0; n < 9; n++) yield { uid: `row-${n}`, payload: { n, note: "" } };
    },
  });
  const sort = defineHandler("sort", {
    input: Row,
    output: Row,
    errors: ["odd_row"],
    processBatch(row) {
      if (conduct.refuses(row.n)) throw new PermanentError("odd_row", `row ${row.n} is odd`);
      return row;
    },
  });
  return flow("approval")
    .node("read", read)
    .then("sort", sort, { onBatchFailure: "setAside", retry: { max: 0 } })
    .wait("approve", { after: ["sort"], payload: z.object({ ok: z.boolean(), by: z.string() }) });
}

/**
 * A tree of nodes with three children each. @param before - awaited by the first one before each batch; without it,
 * there is one batch
 */
export function wideFlow(
  nodes: number,
  before: readonly ((signal: AbortSignal) => Promise<void>)[] = [async () => {}],
) {
  const start = defineHandler("start", {
    output: Row,
    async *iterBatches(_, ctx) {
      for (const [n, ready] of before.entries()) {
        await ready(ctx.signal);
        yield { uid: `row-${n}`, payload: { n, note: "" } };
      }
    },
  });
  const step = defineHandler("step", { input: Row, output: Row, processBatch: (row) => row });
  const graph = {
    name: "wide",
    nodes: Array.from({ length: nodes }, (_, index) => ({
      node_id: `n${index}`,
      type: index === 0 ? "start" : "step",
      depends_on: index === 0 ? [] : [`n${Math.floor((index - 1) / 3)}`],
    })),
  };
  return { graph, handlers: [start, step] };
}
