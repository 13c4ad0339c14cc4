import { defineHandler, defineInputAdapter, flow } from "flowkit";
import * as z from "zod";
import { count, extract, latest, textual } from "../../handlers.ts";
import type { Mistake } from "./mistake.ts";

const etl = flow("etl", { params: z.object({ date: z.iso.date(), n: z.number() }), adapters: [latest] })
  .node("extract", extract, { args: { batchSize: 500 } })
  .node("count", count, { after: ["extract"] });

/** A flow with an input and no nodes yet, and one with a node. */
const open = flow("part", {
  params: z.object({ date: z.string() }),
  inputs: { rows: z.object({ rows: z.array(z.object({ id: z.string(), price: z.number() })) }) },
});
const part = open.then("count", count);

const Rows = z.object({ rows: z.array(z.object({ id: z.string(), price: z.number() })) });
const passOn = defineHandler("pass_on", { input: Rows, output: Rows, processBatch: (rows) => rows });
const isLong = (): boolean => true;

const anyId: string = "extract";
const knownId = "w";

/** Mistakes with subflows. */
export const compositionMistakes: readonly Mistake[] = [
  {
    rule: "invalid prefix",
    words:
      "invalid prefix 'a b': must start with a letter, then letters, digits, '_', '.' or '-', at most 128 characters",
    token: '"a b"',
    make: () =>
      // @ts-expect-error
      etl.use("a b", part, { inputs: { rows: "extract" } }),
    right: () => etl.use("p", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "prefix that is not a literal",
    words: "the prefix of a subflow must be a string literal, so that later nodes can refer to its nodes",
    token: "anyId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.use(anyId, part, { inputs: { rows: "extract" } }),
    right: () => etl.use(knownId, part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "duplicate id from a subflow",
    words: "node id 'p.count' is already used in this flow",
    token: '"p"',
    make: () => {
      const twice = etl.use("p", part, { inputs: { rows: "extract" } });
      // @ts-expect-error
      return twice.use("p", part, { inputs: { rows: "extract" } });
    },
    right: () => etl.use("p", part, { inputs: { rows: "extract" } }).use("q", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "id that is the name of an input",
    words: "node id 'rows' is already used in this flow",
    token: '"rows"',
    make: () => {
      // @ts-expect-error
      const wrong = open.then("rows", count);
      return etl.use("p", wrong as unknown as typeof part, { inputs: { rows: "extract" } });
    },
    right: () => etl.use("p", open.then("count", count), { inputs: { rows: "extract" } }),
  },
  {
    rule: "invalid input name",
    words: "invalid input name 'a b'",
    token: '"a b"',
    make: () => {
      // @ts-expect-error
      const wrong = flow("wrong", { inputs: { "a b": z.object({}) } });
      return wrong.node("w", extract, { args: { batchSize: 1 } }) as never;
    },
    right: () =>
      flow()
        .node("w", extract, { args: { batchSize: 1 } })
        .use(
          "p",
          flow("right", { inputs: { a_b: z.object({ rows: z.array(z.json()) }) } }).node("n", extract, {
            args: { batchSize: 1 },
          }),
          {
            inputs: { a_b: "w" },
          },
        ),
  },
  {
    rule: "subflow without nodes",
    words: "subflow 'p' has no nodes: add one with .node(id, handler) before .use()",
    token: "open",
    make: () =>
      // @ts-expect-error
      etl.use("p", open, { inputs: { rows: "extract" } }),
    right: () => etl.use("p", open.then("count", count), { inputs: { rows: "extract" } }),
  },
  {
    rule: "input of a subflow missing",
    words: "subflow 'p' needs a node for each of its inputs (missing: rows)",
    token: "part",
    make: () =>
      // @ts-expect-error
      etl.use("p", part),
    right: () => etl.use("p", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "unknown input of a subflow",
    words: "subflow 'p' has no input 'row'",
    token: "row:",
    make: () =>
      // @ts-expect-error
      etl.use("p", part, { inputs: { rows: "extract", row: "count" } }),
    right: () => etl.use("p", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "unknown node for an input",
    words: "input 'rows' of subflow 'p': 'extrct' is not a node declared before it",
    token: "rows",
    make: () =>
      // @ts-expect-error
      etl.use("p", part, { inputs: { rows: "extrct" } }),
    right: () => etl.use("p", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "edge to an input",
    words: "edge 'text' -> 'p.rows': .rows[].price is string, needs number",
    token: "rows",
    make: () => {
      const other = etl.node("text", textual);
      // @ts-expect-error
      return other.use("p", part, { inputs: { rows: "text" } });
    },
    right: () => etl.node("text", textual).use("p", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "parameter of a subflow missing",
    words: "subflow 'p' needs parameters that this flow does not declare: date",
    token: "part",
    make: () => {
      const other = flow().node("extract", extract, { args: { batchSize: 1 } });
      // @ts-expect-error
      return other.use("p", part, { inputs: { rows: "extract" } });
    },
    right: () => etl.use("p", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "parameter of a subflow of another type",
    words: "subflow 'p': its parameters do not match those of this flow: .date is number, needs string",
    token: "part",
    make: () => {
      const other = flow("other", { params: z.object({ date: z.number() }) }).node("a", extract, {
        args: { batchSize: 1 },
      });
      // @ts-expect-error
      return other.use("p", part, { inputs: { rows: "a" } });
    },
    right: () => etl.use("p", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "two adapters of one name",
    words: "subflow 'p': another input adapter in this flow is already named 'pull.latest'",
    token: "own",
    make: () => {
      const other = defineInputAdapter("pull.latest", { args: z.object({ n: z.number() }), expand: () => [] });
      const own = flow("own", { adapters: [other] }).node("a", extract, { args: { batchSize: 1 } });
      // @ts-expect-error
      return etl.use("p", own);
    },
    right: () => etl.use("p", flow("own", { adapters: [latest] }).node("a", extract, { args: { batchSize: 1 } })),
  },
  {
    rule: "two handlers of one name",
    words: "subflow 'p': another handler in this flow is already named 'counter'",
    token: "own",
    make: () => {
      const other = defineHandler("counter", { output: z.object({ m: z.string() }), *iterBatches() {} });
      const own = flow("own").node("a", other);
      // @ts-expect-error
      return etl.use("p", own);
    },
    right: () => etl.use("p", flow("own").node("a", textual)),
  },
  {
    rule: "compile() of a flow with inputs",
    words: "this flow has inputs (rows): use it in another flow and connect them with .use(prefix, flow, options)",
    token: "part",
    make: () => ({
      compile: () =>
        // @ts-expect-error
        part.compile(),
    }),
    right: () => etl.use("p", part, { inputs: { rows: "extract" } }),
  },
  {
    rule: "a node added to one of several flows",
    words: "node 'z' is added to one of several flows, which end with different nodes (",
    token: "count",
    atRunTime: false,
    make: () => {
      const few = flow().node("a", extract, { args: { batchSize: 1 } });
      const more = few.then("b", passOn);
      const either = isLong() ? more : few;
      // @ts-expect-error
      return either.then("z", count);
    },
    right: () => {
      const few = flow().node("a", extract, { args: { batchSize: 1 } });
      const more = few.then("b", passOn);
      return isLong() ? more.then("z", count) : few.then("z", count);
    },
  },
];
