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

test("accepts patterns that select what the handler accepts", () => {
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

test("data of unknown type accepts any pattern", () => {
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

test("exhaustive accepts only patterns that certainly cover every case", () => {
  const Row = z.object({
    country: z.string(),
    note: z.string().optional(),
    vip: z.boolean(),
    n: z.union([z.literal(1), z.literal(2), z.null()]),
  });
  const country = defineHandler("country", { output: Row, iterBatches: () => [] });
  const any = defineHandler("any", { input: z.any(), ...nothing });
  const open = flow("open").node("src", country);
  const take = <const TWhere extends object>(where: TWhere) => ({ after: ["src"], where }) as const;
  open
    .node("all", any, { after: ["src"] })
    .exhaustive("src", "country")
    .exhaustive("src", "n")
    .exhaustive("src", "vip");
  open
    .node("de", any, take({ country: "de" }))
    .node("x", any, take({ country: not("de") }))
    .exhaustive("src", "country");
  open
    .node("de", any, take({ country: ["de", "fr"] }))
    .node("x", any, take({ country: not(["fr", "de"]) }))
    .exhaustive("src", "country");
  open
    .node("x", any, take({ country: not(["de", "at"]) }))
    .node("y", any, take({ country: not("fr") }))
    .exhaustive("src", "country");
  open
    .node("x", any, take({ country: not(["de", "at"]) }))
    .node("y", any, take({ country: not(["fr", "de"]) }))
    .node("de", any, take({ country: "de" }))
    .exhaustive("src", "country");
  open.node("has", any, take({ country: exists })).exhaustive("src", "country");
  open
    .node("yes", any, take({ vip: true }))
    .node("no", any, take({ vip: false }))
    .exhaustive("src", "vip");
  open
    .node("one", any, take({ n: [1, null] }))
    .node("two", any, take({ n: 2 }))
    .exhaustive("src", "n");
  const bad1 = open.node("x", any, take({ country: not("de") }));
  // @ts-expect-error a lone negation leaves what it negates
  bad1.exhaustive("src", "country");
  const bad2 = open.node("x", any, take({ country: not(["de", "fr"]) })).node("fr", any, take({ country: "fr" }));
  // @ts-expect-error nothing takes "de"
  bad2.exhaustive("src", "country");
  const bad3 = open.node("x", any, take({ country: ["de", "fr"] }));
  // @ts-expect-error the other countries go nowhere
  bad3.exhaustive("src", "country");
  const bad4 = open.node("x", any, take({ country: exists, vip: true }));
  // @ts-expect-error only those that are vip
  bad4.exhaustive("src", "country");
  const bad5 = open.node("x", any, { after: ["src"], when: { status: { src: "finished" } } });
  // @ts-expect-error it may be skipped
  bad5.exhaustive("src", "country");
  const bad6 = open.node("x", any, { after: ["src"], startWhen: "ended", input: { adapter: "pull.outcomes" } });
  // @ts-expect-error it reads no outputs
  bad6.exhaustive("src", "n");
  const bad7 = open
    .node("y", country)
    .node("x", any, { after: ["src", "y"], input: { adapter: "pull.from_artifacts", from: ["y"] } });
  // @ts-expect-error it reads another node
  bad7.exhaustive("src", "n");
  const bad8 = open.node("one", any, take({ n: [1, 2] }));
  // @ts-expect-error null goes nowhere
  bad8.exhaustive("src", "n");
  const part = flow("part", { inputs: { rows: Row } }).node("de", any, {
    after: ["rows"],
    where: { country: "de" },
  });
  open
    .use("p", part, { inputs: { rows: "src" } })
    .node("x", any, take({ country: not("de") }))
    .exhaustive("src", "country");
  const bad9 = open
    .node("y", country)
    .use("p", part, { inputs: { rows: "y" } })
    .node("x", any, take({ country: not("de") }));
  // @ts-expect-error the subflow reads another node
  bad9.exhaustive("src", "country");
  const bad10 = open
    .node("x", any, take({ country: not(["de", "at"]) }))
    .node("y", any, take({ country: not(["fr", "de"]) }));
  // @ts-expect-error nothing takes "de"
  bad10.exhaustive("src", "country");
  const bad11 = open.node("x", any, take({ note: not("de") })).node("y", any, take({ note: not(exists) }));
  // @ts-expect-error a missing key is not "de"
  bad11.exhaustive("src", "note");
});
