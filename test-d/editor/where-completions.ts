import type { Place } from "./completions.ts";

/** Completions in the pattern that selects the batches of a node. */
export const patterns: readonly Place[] = [
  {
    what: "keys of the data that a node may choose by",
    code: `cases.node("w", taker, { after: ["classify"], where: { | } })`,
    offers: ["bank?", "cents?", "kind?", "vip?"],
  },
  {
    what: "further keys of the data",
    code: `cases.node("w", taker, { after: ["classify"], where: { kind: "refund", | } })`,
    offers: ["bank?", "cents?", "vip?"],
  },
  {
    what: "values of a key of the data",
    code: `cases.node("w", taker, { after: ["classify"], where: { kind: "|" } })`,
    offers: ["refund", "sale"],
  },
  {
    what: "values of a key of the data of a node that is named later",
    code: `cases.node("w", taker, { where: { kind: "|" }, after: ["classify"] })`,
    offers: ["refund", "sale"],
  },
  {
    what: "values of a key of the data of the node before",
    code: `cases.then("w", taker, { where: { kind: "|" } })`,
    offers: ["refund", "sale"],
  },
  {
    what: "a second value of a key of the data",
    code: `cases.node("w", taker, { after: ["classify"], where: { kind: ["refund", "|"] } })`,
    offers: ["refund", "sale"],
  },
  {
    what: "keys deep inside the data",
    code: `cases.node("w", taker, { after: ["classify"], where: { bank: { | } } })`,
    offers: ["country?"],
  },
  {
    what: "values deep inside the data",
    code: `cases.node("w", taker, { after: ["classify"], where: { bank: { country: "|" } } })`,
    offers: ["de", "fr"],
  },
  {
    what: "what a condition may ask for",
    code: `cases.then("w", taker, { when: { | } })`,
    offers: ["params?", "results?", "status?"],
  },
  {
    what: "parents whose status a condition may ask for",
    code: `cases.then("w", taker, { when: { status: { | } } })`,
    offers: ["classify?"],
  },
  {
    what: "statuses that a condition may ask for",
    code: `cases.then("w", taker, { when: { status: { classify: "|" } } })`,
    offers: ["cancelled", "failed", "finished", "skipped"],
  },
  {
    what: "values of an outcome",
    code: `cases.then("w", taker, { startWhen: "ended", input: { adapter: "pull.outcomes" }, where: { status: "|" } })`,
    offers: ["cancelled", "failed", "finished", "skipped"],
  },
];
