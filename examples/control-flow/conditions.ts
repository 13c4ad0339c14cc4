import { defineHandler, exists, flow } from "flowkit";
import { createEngine } from "flowkit/engine";
import * as z from "zod";

const Rows = z.object({ rows: z.array(z.string()) });

const read = defineHandler("read", {
  output: Rows,
  *iterBatches() {
    yield { payload: { rows: ["tea", "", "pot"] } };
  },
});
const check = defineHandler("check", {
  input: Rows,
  output: Rows,
  result: z.object({ empty: z.enum(["none", "some", "many"]) }),
  processBatch(batch, ctx) {
    ctx.metrics.add("empty", batch.rows.filter((row) => row === "").length);
    return batch;
  },
  async finalize(ctx) {
    const { empty = 0 } = await ctx.metrics.totals();
    return { empty: empty === 0 ? "none" : empty < 10 ? "some" : "many" } as const;
  },
});
const repair = defineHandler("repair", {
  input: Rows,
  output: Rows,
  processBatch: ({ rows }) => ({ rows: rows.filter((row) => row !== "") }),
});
const rebuild = defineHandler("rebuild", {
  input: Rows,
  output: z.string(),
  processBatch: ({ rows }) => `index of ${rows.length}`,
});
const load = defineHandler("load", {
  input: z.object({ check: z.array(Rows), repair: z.array(Rows) }),
  output: z.array(z.string()),
  processBatch: ({ check: checked, repair: repaired }) =>
    (repaired.length > 0 ? repaired : checked).flatMap(({ rows }) => rows),
});

const etl = flow("etl", {
  params: z.object({ mode: z.enum(["full", "delta"]), since: z.iso.date().optional() }),
}).node("read", read);

/** By a parameter: the index is only rebuilt in a full load. */
const byParameter = etl.then("rebuild", rebuild, { when: { params: { mode: "full" } } });

/** By a result. The last node reads the outputs of the nodes that ran; a skipped node has none. */
const byResult = etl
  .then("check", check)
  .then("repair", repair, { when: { results: { check: { empty: ["some", "many"] } } } })
  .node("load", load, { after: ["check", "repair"], input: { adapter: "pull.gather" } });

/** One of several conditions must hold. */
const either = etl.then("rebuild", rebuild, {
  when: [{ params: { mode: "full" } }, { params: { since: exists } }],
});

export async function conditions() {
  await using engine = await createEngine({ handlers: [read, check, repair, rebuild, load] });
  const delta = { params: { mode: "delta" } } as const;
  const since = { params: { mode: "delta", since: "2026-11-24" } } as const;
  const skipped = await engine.run(byParameter, delta);
  const { nodes } = await skipped.wait();
  return {
    skipped: nodes.map(({ nodeId, status }) => `${nodeId} ${status}`),
    byParameter: await (await engine.run(byParameter, { params: { mode: "full" } })).result(),
    byResult: await (await engine.run(byResult, delta)).result(),
    neither: await (await engine.run(either, delta)).result(),
    either: await (await engine.run(either, since)).result(),
  };
}
