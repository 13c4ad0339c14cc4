import type { Place } from "./completions.ts";

/* Completions in `.fn(...)` and `.use(...)`. */

/** A subflow for the other flows. */
const part = `const part = flow("part", {
  params: z.object({ date: z.string() }),
  inputs: {
    rows: z.object({ rows: z.array(z.object({ id: z.string(), price: z.number() })) }),
    counted: z.object({ n: z.number() }),
  },
}).node("sum", count, { after: ["rows"] });`;

export const parts: readonly Place[] = [
  {
    what: "options of use",
    code: `${part}
etl.use("p", part, { | })`,
    offers: ["inputs?"],
  },
  {
    what: "its inputs",
    code: `${part}
etl.use("p", part, { inputs: { | } })`,
    offers: ["counted?", "rows?"],
  },
  {
    what: "the inputs that were not given yet",
    code: `${part}
etl.use("p", part, { inputs: { rows: "extract", | } })`,
    offers: ["counted?"],
  },
  {
    what: "the node that feeds an input",
    code: `${part}
etl.use("p", part, { inputs: { rows: "|" } })`,
    offers: ["count", "extract"],
  },
  {
    what: "parents after use: the nodes of the subflow, under their new ids",
    code: `${part}
etl.use("p", part, { inputs: { rows: "extract", counted: "count" } }).node("w", count, { after: ["|"] })`,
    offers: ["count", "extract", "p.sum"],
  },
];

/** A function whose arguments include nodes, string literals and an object. */
const digest = `const digest = defineCoordinatorFn("digest", {
  args: z.object({
    of: z.array(z.string()),
    main: z.string().optional(),
    mode: z.enum(["brief", "full"]).optional(),
    to: z.object({ name: z.string(), tags: z.array(z.string()).optional() }).optional(),
  }),
  nodeArgs: ["of", "main"],
  output: z.object({}),
  run: () => ({}),
});`;

export const functions: readonly Place[] = [
  {
    what: "built-in functions",
    code: `etl.fn("w", "|")`,
    offers: [
      "merge.generic",
      "metrics.aggregate",
      "noop",
      "vars.incr",
      "vars.merge",
      "vars.set",
      "vars.unset",
      "wait.signal",
    ],
  },
  {
    what: "arguments of a function",
    code: `etl.fn("w", "merge.generic", { after: ["count"], args: { | } })`,
    offers: ["fromNodes", "target"],
  },
  {
    what: "arguments inside",
    code: `etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"], target: { | } } })`,
    offers: ["key", "nodeId?"],
  },
  {
    what: "nodes to merge",
    code: `etl.fn("w", "merge.generic", { after: ["extract", "count"], args: { fromNodes: ["extract", "|"] } })`,
    offers: ["count", "extract"],
  },
  {
    what: "the node to measure",
    code: `etl.fn("w", "metrics.aggregate", { after: ["count"], args: { nodeId: "|" } })`,
    offers: ["count"],
  },
  {
    what: "how to measure",
    code: `etl.fn("w", "metrics.aggregate", { after: ["count"], args: { nodeId: "count", mode: "|" } })`,
    offers: ["last", "max", "mean", "min", "sum"],
  },
  {
    what: "nodes in the arguments of a custom function",
    code: `${digest}
etl.fn("w", digest, { args: { of: ["|"] } })`,
    offers: ["count", "extract"],
  },
  {
    what: "a node in the arguments of a custom function, beside a mistake",
    code: `${digest}
etl.fn("w", digest, { args: { of: ["extract"], main: "|", mode: 1 } })`,
    offers: ["count", "extract"],
  },
  {
    what: "literals that an argument of a function may be",
    code: `${digest}
etl.fn("w", digest, { args: { of: ["extract"], mode: "|" } })`,
    offers: ["brief", "full"],
  },
  {
    what: "keys inside an argument of a custom function",
    code: `${digest}
etl.fn("w", digest, { args: { of: ["extract"], to: { | } } })`,
    offers: ["name", "tags?"],
  },
  {
    what: "which of its arguments are node ids",
    code: `defineCoordinatorFn("f", { args: z.object({ of: z.string(), n: z.number() }), nodeArgs: ["|"], output: z.object({}), run: () => ({}) })`,
    offers: ["n", "of"],
  },
  {
    what: "arguments of a custom function",
    code: `etl.fn("w", notify, { after: ["count"], args: { | } })`,
    offers: ["channel", "retries?"],
  },
  {
    what: "a parameter for an argument",
    code: `etl.fn("w", notify, { after: ["count"], args: { channel: param("|") } })`,
    offers: ["date"],
  },
  {
    what: "any parameter where any value is accepted",
    code: `etl.fn("w", "vars.set", { args: { kv: { day: param("|") } } })`,
    offers: ["date", "n"],
  },
  {
    what: "parents of a function's node",
    code: `etl.fn("w", "noop", { after: ["count", "|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "fan-in of a function's node",
    code: `etl.fn("w", "noop", { after: ["extract", "count"], fanIn: "|" })`,
    offers: ["all", "any", "count:1", "count:2"],
  },
];
