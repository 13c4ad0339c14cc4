import { defineHandler, exists, flow, not } from "flowkit";
import * as z from "zod";
import type { Mistake } from "./mistake.ts";

const Refund = z.object({ kind: z.literal("refund"), order: z.string(), cents: z.int() });
const Order = z.object({ kind: z.literal("order"), rows: z.array(z.object({ sku: z.string() })) });
const Chargeback = z.object({ kind: z.literal("chargeback"), bank: z.object({ country: z.enum(["de", "fr"]) }) });

const classify = defineHandler("classify", {
  output: z.discriminatedUnion("kind", [Refund, Order, Chargeback]),
  *iterBatches() {
    yield { payload: { kind: "refund" as const, order: "1", cents: 3 } };
  },
});
const nothing = { output: z.object({}), processBatch: () => ({}) };
const refund = defineHandler("refund", { input: Refund, ...nothing });
const german = defineHandler("german", {
  input: z.object({ bank: z.object({ country: z.literal("de") }) }),
  ...nothing,
});
const ship = defineHandler("ship", { input: z.array(z.object({ sku: z.string() })), ...nothing });
const others = defineHandler("others", { input: z.object({ kind: z.enum(["order", "chargeback"]) }), ...nothing });
const daily = defineHandler("daily", { input: z.object({ classify: z.array(Refund) }), ...nothing });
const chargeback = defineHandler("chargeback", { input: Chargeback, ...nothing });
const order = defineHandler("order", { input: z.object({ order: z.string() }), ...nothing });
const opened = defineHandler("opened", { output: z.object({ order: z.string() }), iterBatches: () => [] });
const open = flow("open").node("opened", opened);
const cases = flow("cases").node("classify", classify);
const rechunk = { adapter: "pull.from_artifacts.rechunk:size", size: 2, metaListKey: "rows" } as const;

/** Which batches a node takes. */
export const whereMistakes: readonly Mistake[] = [
  {
    rule: "a value that the key never has",
    words: "node 'w': where.kind cannot be \"refnd\": it is",
    token: "kind",
    make: () =>
      // @ts-expect-error
      cases.node("w", refund, { after: ["classify"], where: { kind: "refnd" } }),
    right: () => cases.node("w", refund, { after: ["classify"], where: { kind: "refund" } }),
  },
  {
    rule: "a value in a list that the key never has",
    words: "node 'w': where.kind cannot be \"ordr\": it is",
    token: '"ordr"',
    make: () =>
      // @ts-expect-error
      cases.node("w", others, { after: ["classify"], where: { kind: ["chargeback", "ordr"] } }),
    right: () => cases.node("w", others, { after: ["classify"], where: { kind: ["chargeback", "order"] } }),
  },
  {
    rule: "a key that no batch has",
    words: "node 'w': where.knd is not a key of the data, which has ",
    token: "knd",
    make: () =>
      // @ts-expect-error
      cases.node("w", refund, { after: ["classify"], where: { knd: "refund" } }),
    right: () => cases.node("w", refund, { after: ["classify"], where: { cents: exists } }),
  },
  {
    rule: "a value deep inside that the key never has",
    words: 'node \'w\': where.bank.country cannot be "it": it is "de" | "fr"',
    token: "country",
    make: () =>
      // @ts-expect-error
      cases.node("w", german, { after: ["classify"], where: { bank: { country: "it" } } }),
    right: () => cases.node("w", german, { after: ["classify"], where: { bank: { country: "de" } } }),
  },
  {
    rule: "a negation of a value that the key never has",
    words: 'node \'w\': where.bank.country cannot be "it": it is "de" | "fr"',
    token: "country",
    make: () =>
      // @ts-expect-error
      cases.node("w", others, { after: ["classify"], where: { bank: { country: not("it") } } }),
    right: () => cases.node("w", others, { after: ["classify"], where: { bank: { country: not("fr") } } }),
  },
  {
    rule: "keys of a value that has none",
    words: "node 'w': where.kind cannot be an object: it is",
    token: "name",
    make: () =>
      // @ts-expect-error
      cases.node("w", refund, { after: ["classify"], where: { kind: { name: "refund" } } }),
    right: () => cases.node("w", refund, { after: ["classify"], where: { kind: "refund" } }),
  },
  {
    rule: "keys that no batch has together",
    words: "node 'w': no batch of 'classify' matches its where",
    token: "kind",
    make: () =>
      // @ts-expect-error
      cases.node("w", german, { after: ["classify"], where: { kind: "refund", bank: { country: "de" } } }),
    right: () =>
      cases.node("w", german, { after: ["classify"], where: { kind: "chargeback", bank: { country: "de" } } }),
  },
  {
    rule: "batches that the handler does not accept, in after",
    words: "edge 'classify' -> 'w': ",
    token: '"classify"',
    make: () =>
      // @ts-expect-error
      cases.node("w", refund, { after: ["classify"], where: { kind: "order" } }),
    right: () => cases.node("w", refund, { after: ["classify"], where: { kind: "refund" } }),
  },
  {
    rule: "batches that the handler does not accept, of the node before",
    words: "edge 'classify' -> 'w': ",
    token: "others",
    make: () =>
      // @ts-expect-error
      cases.then("w", others, { where: { kind: not("order") } }),
    right: () => cases.then("w", others, { where: { kind: not("refund") } }),
  },
  {
    rule: "a list that some of the batches lack",
    words: "node 'w': 'rows' is not a list in every output of: classify",
    token: "metaListKey",
    make: () =>
      cases.node("w", ship, {
        after: ["classify"],
        where: { kind: not("refund") },
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 2, metaListKey: "rows" },
      }),
    right: () => cases.node("w", ship, { after: ["classify"], where: { kind: "order" }, input: rechunk }),
  },
  {
    rule: "gathered batches that the handler does not accept",
    words: "input of 'w': .classify[].",
    token: "adapter",
    make: () =>
      cases.node("w", daily, {
        after: ["classify"],
        where: { kind: not("order") },
        // @ts-expect-error
        input: { adapter: "pull.gather" },
      }),
    right: () =>
      cases.node("w", daily, { after: ["classify"], where: { order: exists }, input: { adapter: "pull.gather" } }),
  },
  {
    rule: "where of a root",
    words: "node 'w' is a root: 'where' has nothing to choose from",
    token: "kind",
    make: () =>
      // @ts-expect-error
      cases.node("w", classify, { where: { kind: "refund" } }),
    right: () => cases.node("w", classify),
  },
  {
    rule: "cases that go nowhere",
    words: "edge 'classify': kind ",
    token: '"kind"',
    make: () =>
      // @ts-expect-error
      cases.node("w", refund, { after: ["classify"], where: { kind: "refund" } }).exhaustive("classify", "kind"),
    right: () =>
      cases
        .node("w", refund, { after: ["classify"], where: { kind: "refund" } })
        .node("rest", others, { after: ["classify"], where: { kind: not("refund") } })
        .exhaustive("classify", "kind"),
  },
  {
    rule: "a case that only some of its batches go on with",
    words: "edge 'classify': kind \"refund\" goes nowhere",
    token: '"kind"',
    make: () =>
      cases
        .node("w", refund, { after: ["classify"], where: { kind: "refund", cents: 1 } })
        .node("rest", others, { after: ["classify"], where: { kind: ["order", "chargeback"] } })
        // @ts-expect-error
        .exhaustive("classify", "kind"),
    right: () =>
      cases
        .node("w", refund, { after: ["classify"], where: { kind: "refund" } })
        .node("rest", others, { after: ["classify"], where: { kind: ["order", "chargeback"] } })
        .exhaustive("classify", "kind"),
  },
  {
    rule: "a nested case that goes nowhere",
    words: "edge 'classify': bank.country \"fr\" goes nowhere",
    token: '"bank.country"',
    make: () =>
      cases
        .node("w", german, { after: ["classify"], where: { bank: { country: "de" } } })
        // @ts-expect-error
        .exhaustive("classify", "bank.country"),
    right: () =>
      cases
        .node("w", german, { after: ["classify"], where: { bank: { country: "de" } } })
        .node("fr", chargeback, { after: ["classify"], where: { bank: { country: not("de") } } })
        .exhaustive("classify", "bank.country"),
  },
  {
    rule: "a key without cases, of which no node takes the rest",
    words: "'order' of 'opened' is string, which has no cases: a node must take the rest (where order: not(...))",
    token: '"order"',
    make: () =>
      open
        .node("w", order, { after: ["opened"], where: { order: ["a", "b"] } })
        // @ts-expect-error
        .exhaustive("opened", "order"),
    right: () =>
      open
        .node("w", order, { after: ["opened"], where: { order: ["a", "b"] } })
        .node("rest", order, { after: ["opened"], where: { order: not(["a", "b"]) } })
        .exhaustive("opened", "order"),
  },
  {
    rule: "a value that each `not` of a key without cases excludes",
    words: "edge 'opened': order \"a\" goes nowhere",
    token: '"order"',
    make: () =>
      open
        .node("w", order, { after: ["opened"], where: { order: not(["a", "b"]) } })
        .node("v", order, { after: ["opened"], where: { order: not(["c", "a"]) } })
        // @ts-expect-error
        .exhaustive("opened", "order"),
    right: () =>
      open
        .node("w", order, { after: ["opened"], where: { order: not(["a", "b"]) } })
        .node("v", order, { after: ["opened"], where: { order: not(["c", "d"]) } })
        .exhaustive("opened", "order"),
  },
  {
    rule: "cases of a key that there is not",
    words: "'knd' is not a key of what 'opened' stores, which has order",
    token: '"knd"',
    make: () =>
      // @ts-expect-error
      open.node("w", order, { after: ["opened"] }).exhaustive("opened", "knd"),
    right: () => open.node("w", order, { after: ["opened"] }).exhaustive("opened", "order"),
  },
];
