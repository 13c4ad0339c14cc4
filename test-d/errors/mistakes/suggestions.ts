import { defineHandler, flow } from "flowkit";
import * as z from "zod";
import { count, latest } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

const shape = { input: z.json(), output: z.object({}), processBatch: () => ({}) };
const chunks = defineHandler("chunks", {
  input: z.array(z.object({ id: z.string(), price: z.number() })),
  output: z.object({ n: z.int() }),
  inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "rows" },
  processBatch: (rows) => ({ n: rows.length }),
});
const gathers = defineHandler("gathers", {
  input: z.object({ extract: z.array(z.json()), count: z.array(z.object({ n: z.number() })) }),
  output: z.object({ total: z.number() }),
  inputAdapter: { adapter: "pull.gather" },
  processBatch: (gathered) => ({ total: gathered.count.length }),
});
const lists = defineHandler("lists", {
  input: z.array(z.object({ n: z.number() })),
  output: z.object({ n: z.int() }),
  inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", size: 10 },
  processBatch: (counts) => ({ n: counts.length }),
});
const recent = defineHandler("recent", {
  input: z.object({ n: z.number() }),
  output: z.object({ n: z.number() }),
  inputAdapter: { adapter: latest, windowSec: 60 },
  processBatch: (counted) => counted,
});

/** Suggestions of handlers, and their deliveries to nodes that do not name an adapter. */
export const suggestionMistakes: readonly Mistake[] = [
  {
    rule: "unknown adapter of a handler",
    words:
      "handler 'wrong': 'pull.gathr' is not a built-in input adapter; pass your own as the result of defineInputAdapter()",
    token: "adapter",
    make: () => {
      // @ts-expect-error
      const wrong = defineHandler("wrong", { ...shape, inputAdapter: { adapter: "pull.gathr" } });
      return etl.then("w", wrong);
    },
    right: () => etl.node("w", gathers, { after: ["extract", "count"] }),
  },
  {
    rule: "argument of a handler's adapter missing",
    words: "handler 'wrong': adapter 'pull.from_artifacts.rechunk:size' needs 'size'",
    token: "adapter",
    make: () => {
      const wrong = defineHandler("wrong", {
        ...shape,
        // @ts-expect-error
        inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", metaListKey: "rows" },
      });
      return etl.node("w", wrong, { after: ["extract"] });
    },
    right: () => etl.node("w", chunks, { after: ["extract"] }),
  },
  {
    rule: "argument of a handler's custom adapter missing",
    words: "handler 'wrong': adapter 'pull.latest' needs 'windowSec'",
    token: "adapter",
    make: () => {
      // @ts-expect-error
      const wrong = defineHandler("wrong", { ...shape, inputAdapter: { adapter: latest } });
      return etl.then("w", wrong);
    },
    right: () => etl.then("w", recent),
  },
  {
    rule: "unknown argument of a handler's adapter",
    words: "handler 'wrong': adapter 'pull.gather' does not accept argument 'size'",
    token: "size",
    make: () => {
      // @ts-expect-error
      const wrong = defineHandler("wrong", { ...shape, inputAdapter: { adapter: "pull.gather", size: 1 } });
      return etl.then("w", wrong);
    },
    right: () => etl.node("w", gathers, { after: ["extract", "count"] }),
  },
  {
    rule: "unknown argument of a handler's custom adapter",
    words: "handler 'wrong': adapter 'pull.latest' does not accept argument 'window'",
    token: "window",
    make: () => {
      // @ts-expect-error
      const wrong = defineHandler("wrong", { ...shape, inputAdapter: { adapter: latest, windowSec: 1, window: 1 } });
      return etl.then("w", wrong);
    },
    right: () => etl.then("w", recent),
  },
  {
    rule: "node that a handler reads from",
    words: "handler 'wrong': adapter 'pull.gather' does not accept argument 'from'",
    token: "from",
    make: () => {
      // @ts-expect-error
      const wrong = defineHandler("wrong", { ...shape, inputAdapter: { adapter: "pull.gather", from: ["extract"] } });
      return etl.then("w", wrong);
    },
    right: () =>
      etl.node("w", gathers, {
        after: ["extract", "count"],
        input: { adapter: "pull.gather", from: ["extract", "count"] },
      }),
  },
  {
    rule: "list key for another adapter of a handler",
    words: "adapter 'pull.gather' does not accept 'metaListKey'",
    token: "metaListKey",
    make: () => {
      // @ts-expect-error
      const wrong = defineHandler("wrong", { ...shape, inputAdapter: { adapter: "pull.gather", metaListKey: "rows" } });
      return etl.node("w", wrong, { after: ["extract"] });
    },
    right: () => etl.node("w", chunks, { after: ["extract"] }),
  },
  {
    rule: "argument of a handler's adapter of another type",
    words: "handler 'wrong': adapter 'pull.from_artifacts.rechunk:size': size must be a number, got 'ten'",
    ownWords: "TypeScript names both types, on the key",
    token: "size",
    make: () => {
      const wrong = defineHandler("wrong", {
        ...shape,
        // @ts-expect-error
        inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", size: "ten" },
      });
      return etl.then("w", wrong);
    },
    right: () => etl.then("w", lists),
  },
  {
    rule: "adapter of a handler without input",
    words: "handler 'wrong': 'inputAdapter' requires an 'input'",
    token: "adapter",
    make: () => {
      defineHandler("wrong", {
        output: z.object({}),
        // @ts-expect-error
        inputAdapter: { adapter: "pull.gather" },
        processBatch: () => ({}),
      });
      return etl;
    },
    right: () => etl.node("w", gathers, { after: ["extract", "count"] }),
  },
  {
    rule: "edge by a handler's adapter",
    words: "edge 'count' -> 'w': [].n is string, needs number",
    token: "lists",
    make: () => {
      const text = defineHandler("text", { output: z.object({ n: z.string() }), processBatch: () => ({ n: "1" }) });
      const started = flow().node("count", text);
      // @ts-expect-error
      return started.then("w", lists);
    },
    right: () => etl.then("w", lists),
  },
  {
    rule: "edge by a handler's adapter, with a list key",
    words: "edge 'priced' -> 'w': [].price is string, needs number",
    token: "chunks",
    make: () => {
      const priced = defineHandler("priced", {
        output: z.object({ rows: z.array(z.object({ id: z.string(), price: z.string() })) }),
        processBatch: () => ({ rows: [] }),
      });
      const started = etl.node("priced", priced);
      // @ts-expect-error
      return started.node("w", chunks, { after: ["extract", "priced"] });
    },
    right: () => etl.node("w", chunks, { after: ["extract"] }),
  },
  {
    rule: "list key of a handler's adapter that is not a list",
    words: "node 'w': 'rows' is not a list in every output of: count",
    token: "chunks",
    make: () =>
      // @ts-expect-error
      etl.then("w", chunks),
    right: () =>
      etl.then("w", chunks, {
        after: ["extract", "count"],
        input: { adapter: "pull.from_artifacts.rechunk:size", from: ["extract"], size: 1, metaListKey: "rows" },
      }),
  },
  {
    rule: "unknown parent of a handler with an adapter",
    words: "node 'w': 'extrct' is not a node declared before it",
    token: '"extrct"',
    make: () =>
      // @ts-expect-error
      etl.node("w", chunks, { after: ["extrct"] }),
    right: () => etl.node("w", chunks, { after: ["extract"] }),
  },
  {
    rule: "gather by a handler's adapter",
    words: "input of 'w': .extract is missing (needs",
    token: "gathers",
    make: () =>
      // @ts-expect-error
      etl.then("w", gathers),
    right: () => etl.then("w", gathers, { after: ["extract", "count"] }),
  },
  {
    rule: "adapter of a handler that the flow does not have",
    words: "'pull.latest' is not an input adapter of this flow",
    token: "recent",
    make: () =>
      flow()
        .node("seed", count, { args: { rows: [] } })
        // @ts-expect-error
        .then("w", recent),
    right: () =>
      flow("f", { adapters: [latest] })
        .node("seed", count, { args: { rows: [] } })
        .then("w", recent),
  },
  {
    rule: "root whose handler has an adapter",
    words: "node 'w' is a root: 'pull.gather' has nothing to read",
    token: "gathers",
    make: () =>
      // @ts-expect-error
      etl.node("w", gathers, { args: { extract: [], count: [] } }),
    right: () => etl.node("w", gathers, { after: ["extract", "count"] }),
  },
];
