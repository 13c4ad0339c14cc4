import { defineHandler, flow, not } from "flowkit";
import { createEngine } from "flowkit/engine";
import * as z from "zod";

const Refund = z.object({ kind: z.literal("refund"), order: z.string(), cents: z.int() });
const Sale = z.object({ kind: z.literal("sale"), order: z.string(), lines: z.array(z.object({ sku: z.string() })) });
const Chargeback = z.object({
  kind: z.literal("chargeback"),
  order: z.string(),
  bank: z.object({ country: z.enum(["de", "fr", "pl"]) }),
});
const Payment = z.discriminatedUnion("kind", [Refund, Sale, Chargeback]);

const events: readonly z.infer<typeof Payment>[] = [
  { kind: "sale", order: "o1", lines: [{ sku: "cup" }, { sku: "pot" }, { sku: "tea" }] },
  { kind: "refund", order: "o2", cents: 500 },
  { kind: "chargeback", order: "o3", bank: { country: "fr" } },
  { kind: "refund", order: "o4", cents: 1_250 },
  { kind: "chargeback", order: "o5", bank: { country: "de" } },
];

const receive = defineHandler("receive", {
  output: Payment,
  iterBatches: () => events.map((payload) => ({ payload })),
});
const refund = defineHandler("refund", {
  input: Refund,
  output: z.string(),
  processBatch: ({ order, cents }) => `${order}: ${cents} cents back`,
});
const pack = defineHandler("pack", {
  input: z.array(z.object({ sku: z.string() })),
  output: z.string(),
  processBatch: (lines) => lines.map(({ sku }) => sku).join(" + "),
});
const dispute = defineHandler("dispute", {
  input: Chargeback,
  output: z.string(),
  processBatch: ({ order, bank }) => `${order} in ${bank.country}`,
});
const total = defineHandler("total", {
  input: z.object({ receive: z.array(z.union([Refund, Chargeback])) }),
  output: z.object({ refunds: z.int(), chargebacks: z.int() }),
  processBatch({ receive: received }) {
    const refunds = received.filter(({ kind }) => kind === "refund").length;
    return { refunds, chargebacks: received.length - refunds };
  },
});

const received = flow("payments").node("receive", receive);

/** Each kind of event has its own node; a kind without one would be a compile-time error. */
const byKind = received
  .node("refund", refund, { after: ["receive"], where: { kind: "refund" }, startWhen: "first_batch" })
  .node("pack", pack, {
    after: ["receive"],
    where: { kind: "sale" },
    input: { adapter: "pull.from_artifacts.rechunk:size", size: 2, metaListKey: "lines" },
  })
  .node("dispute", dispute, { after: ["receive"], where: { kind: "chargeback" } })
  .exhaustive("receive", "kind");

/** Only chargebacks have a bank, so other events match neither case. */
const byCountry = received
  .node("german", dispute, { after: ["receive"], where: { bank: { country: "de" } } })
  .node("foreign", dispute, { after: ["receive"], where: { bank: { country: not("de") } } })
  .exhaustive("receive", "bank.country");

/** All events in one batch, except those of one kind. */
const notSold = received.node("total", total, {
  after: ["receive"],
  where: { kind: not("sale") },
  input: { adapter: "pull.gather" },
});

export async function routing() {
  await using engine = await createEngine({ handlers: [receive, refund, pack, dispute, total] });
  const [kinds, countries, rest] = [await engine.run(byKind), await engine.run(byCountry), await engine.run(notSold)];
  return { byKind: await kinds.result(), byCountry: await countries.result(), notSold: await rest.result() };
}
