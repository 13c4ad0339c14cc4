import { defineHandler, exists, flow, not } from "flowkit";
import { expectTypeOf, test } from "vitest";
import * as z from "zod";

const Refund = z.object({ kind: z.literal("refund"), cents: z.int() });
const Chargeback = z.object({
  kind: z.literal("chargeback"),
  bank: z.object({ country: z.enum(["de", "fr"]) }),
  note: z.string().optional(),
});
const Sale = z.object({ kind: z.literal("sale"), lines: z.array(z.object({ sku: z.string() })) });
const nothing = { output: z.null(), processBatch: () => null };
const classify = defineHandler("classify", {
  output: z.discriminatedUnion("kind", [Refund, Chargeback, Sale]),
  iterBatches: () => [],
});
const refund = defineHandler("refund", { input: Refund, ...nothing });
const chargeback = defineHandler("chargeback", { input: Chargeback, ...nothing });
const noted = defineHandler("noted", { input: z.object({ note: z.string() }), ...nothing });
const german = defineHandler("german", {
  input: z.object({ bank: z.object({ country: z.literal("de") }) }),
  ...nothing,
});
const ship = defineHandler("ship", { input: z.array(z.object({ sku: z.string() })), ...nothing });
const daily = defineHandler("daily", {
  input: z.object({ classify: z.array(z.union([Refund, Chargeback])) }),
  ...nothing,
});
const base = flow("payments").node("classify", classify);

test("each of these takes what its handler accepts", () => {
  base
    .node("refund", refund, { after: ["classify"], where: { kind: "refund" }, startWhen: "first_batch" })
    .node("cents", refund, { after: ["classify"], where: { cents: exists } })
    .node("small", refund, { after: ["classify"], where: { cents: [1, 2] } })
    .node("other", chargeback, { after: ["classify"], where: { kind: not(["refund", "sale"]) } })
    .node("without", refund, { after: ["classify"], where: { bank: not(exists), lines: not(exists) } })
    .node("noted", noted, { after: ["classify"], where: { note: exists } })
    .node("german", german, { after: ["classify"], where: { bank: { country: not("fr") } } })
    .node("both", chargeback, { where: { bank: { country: ["de", "fr"] } }, after: ["classify"] })
    .node("daily", daily, { after: ["classify"], where: { kind: not("sale") }, input: { adapter: "pull.gather" } })
    .node("aliased", daily, {
      after: ["classify"],
      where: { kind: not("sale") },
      input: { adapter: "pull.gather", from: { classify: "classify" } },
    })
    .node("ship", ship, {
      after: ["classify"],
      where: { kind: "sale" },
      input: { adapter: "pull.from_artifacts.rechunk:size", size: 50, metaListKey: "lines" },
    });
  base.then("next", refund, { where: { kind: "refund" } });
});

test("later nodes and results are those of a node without where", () => {
  const ended = base.node("refund", refund, { after: ["classify"], where: { kind: "refund" } });
  expectTypeOf<(typeof ended)["$infer"]["results"]>().toEqualTypeOf<{ readonly refund: null[] }>();
  ended.then("again", defineHandler("again", { input: z.null(), ...nothing }));
  ended.node("whole", defineHandler("whole", { input: classify.output, ...nothing }), { after: ["classify"] });
});

test("data of no known type takes any pattern", () => {
  const any = defineHandler("any", { input: z.any(), ...nothing });
  const json = defineHandler("json", { output: z.json(), iterBatches: () => [] });
  const record = defineHandler("record", { output: z.record(z.string(), z.number()), iterBatches: () => [] });
  const open = defineHandler("open", { output: z.any(), iterBatches: () => [] });
  flow()
    .node("json", json)
    .node("record", record)
    .node("open", open)
    .node("a", any, { after: ["json"], where: { kind: "x", deep: { at: [1, 2] }, more: not("y"), key: exists } })
    .node("b", any, { after: ["record"], where: { kind: 1, more: not(2) } })
    .node("c", any, { after: ["open"], where: { kind: "x", deep: { at: [1, 2] }, more: not("y") } });
});

test("several sources are narrowed together", () => {
  const other = defineHandler("other_source", {
    output: z.object({ kind: z.literal("refund"), cents: z.int(), by: z.string() }),
    iterBatches: () => [],
  });
  base.node("other", other).node("refunds", refund, { after: ["classify", "other"], where: { kind: "refund" } });
});
