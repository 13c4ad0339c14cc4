import { HatchetClient } from "@hatchet-dev/typescript-sdk";

const hatchet = HatchetClient.init();

const shop = hatchet.workflow<{ date: string }, { report: { mean: number } }>({ name: "shop" });

const extract = shop.task({
  name: "extract",
  fn: () => ({ rows: [{ id: "tea", price: 4 }] }),
});

const total = shop.task({
  name: "total",
  parents: [extract],
  //! unknown-step: parents: [«extrct»],
  fn: async (_input, ctx) => {
    const { rows } = await ctx.parentOutput(extract);
    return { revenue: rows.reduce((sum, row) => sum + row.price, 0) };
    //! field-type: return { revenue: rows.reduce((sum, row) => sum + Number.parseFloat(«row.price»), 0) };
    //! missing-field: return { revenue: rows.reduce((sum, row) => sum + row.price * row.«quantity», 0) };
  },
});

const count = shop.task({
  name: "count",
  //! duplicate-id: «name»: "total",
  parents: [extract],
  //! later-step: parents: [extract, «report»],
  fn: async (_input, ctx) => ({ n: (await ctx.parentOutput(extract)).rows.length }),
});

export const report = shop.task({
  name: "report",
  parents: [total, count],
  //! not-upstream: parents: [total],
  fn: async (_input, ctx) => {
    const { revenue } = await ctx.parentOutput(total);
    const { n } = await ctx.parentOutput(count);
    //! not-upstream: const { n } = await ctx.parentOutput(«count»);
    return { mean: revenue / n };
    //! wrong-return: return { «mean»: `${revenue / n}` };
  },
});

export async function run() {
  const result = await shop.run({ date: "2026-01-01" });
  //! parameter-type: const result = await shop.run({ «date»: 20260101 });
  return result.report;
  //! unknown-result: return result.«reprt»;
}
