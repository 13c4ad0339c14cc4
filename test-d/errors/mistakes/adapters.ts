import { defineHandler } from "flowkit";
import * as z from "zod";
import { clean, count, join } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

const lenient = etl.node("lenient", count, { after: ["extract"], onBatchFailure: "setAside" });
const refused = defineHandler("refused", {
  input: z.object({ uid: z.string(), input: z.object({ rows: z.array(z.string()) }) }),
  output: z.string(),
  processBatch: ({ uid }) => uid,
});
const letters = defineHandler("letters", {
  input: z.object({
    uid: z.string(),
    reasonCode: z.string(),
    tries: z.number(),
    input: z.object({ rows: z.array(z.any()) }),
  }),
  output: z.string(),
  processBatch: ({ uid }) => uid,
});

const anyList = defineHandler("anyList", {
  input: z.array(z.any()),
  output: z.number(),
  processBatch: (list) => list.length,
});
const tag = defineHandler("tag", {
  input: z.object({ id: z.string() }),
  output: z.string(),
  processBatch: ({ id }) => id,
});

/** How a node reads its input. */
export const adapterMistakes: readonly Mistake[] = [
  {
    rule: "list key that one of two sources has",
    words: "node 'w': 'rows' is not a list in every output of: extract, count",
    token: "metaListKey",
    make: () =>
      etl.node("w", clean, {
        after: ["extract", "count"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
      }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract", "count"],
        input: { adapter: "pull.from_artifacts.rechunk:size", from: ["extract"], size: 1, metaListKey: "rows" },
      }),
  },
  {
    rule: "unknown adapter",
    words: "'pull.gathr' is not an input adapter of this flow",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.gathr" } }),
    right: () => etl.node("w", join, { after: ["count"], input: { adapter: "pull.gather" } }),
  },
  {
    rule: "aliases for another adapter",
    words: "adapter 'pull.from_artifacts' requires 'from' as a list; only 'pull.gather' accepts aliases",
    token: "a:",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: { a: "extract" } } }),
    right: () => etl.node("w", join, { after: ["count"], input: { adapter: "pull.gather", from: { count: "count" } } }),
  },
  {
    rule: "list key for another adapter",
    words: "adapter 'pull.from_artifacts' does not accept 'metaListKey'",
    token: "metaListKey",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", metaListKey: "rows" } }),
    right: () => etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts" } }),
  },
  {
    rule: "list key that is not a list",
    words: "node 'w': 'n' is not a list in every output of: count",
    token: "metaListKey",
    make: () =>
      etl.node("w", clean, {
        after: ["count"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "n" },
      }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
      }),
  },
  {
    rule: "elements of another type",
    words:
      "edge 'extract' -> 'w': the whole payload is { id: string, price: number }, needs { id: string, price: number }[]",
    token: "metaListKey",
    make: () =>
      etl.node("w", clean, {
        after: ["extract"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.each", metaListKey: "rows" },
      }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
      }),
  },
  {
    rule: "elements of what is not a list",
    words: "node 'w': 'n' is not a list in every output of: count",
    token: "metaListKey",
    make: () =>
      etl.node("w", tag, {
        after: ["count"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.each", metaListKey: "n" },
      }),
    right: () =>
      etl.node("w", tag, { after: ["extract"], input: { adapter: "pull.from_artifacts.each", metaListKey: "rows" } }),
  },
  {
    rule: "elements without the key of their list",
    words: "node 'w': adapter 'pull.from_artifacts.each' needs 'metaListKey'",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", tag, { after: ["extract"], input: { adapter: "pull.from_artifacts.each" } }),
    right: () =>
      etl.node("w", tag, { after: ["extract"], input: { adapter: "pull.from_artifacts.each", metaListKey: "rows" } }),
  },
  {
    rule: "failed batches of another input",
    words: "input of 'w': .input.rows[] is { id: string, price: number }, needs string",
    token: "refused",
    make: () =>
      // @ts-expect-error
      lenient.then("w", refused, { input: { adapter: "pull.failures" } }),
    right: () => lenient.then("w", letters, { input: { adapter: "pull.failures" } }),
  },
  {
    rule: "failed batches of one of two sources",
    words: "input of 'w': .input.rows is missing (needs unknown[])",
    token: "adapter",
    make: () =>
      lenient
        .then("again", letters, { onBatchFailure: "setAside", input: { adapter: "pull.failures" } })
        // @ts-expect-error
        .node("w", letters, { after: ["lenient", "again"], input: { adapter: "pull.failures" } }),
    right: () =>
      lenient
        .then("again", letters, { onBatchFailure: "setAside", input: { adapter: "pull.failures" } })
        .node("w", letters, { after: ["lenient", "again"], input: { adapter: "pull.failures", from: ["lenient"] } }),
  },
  {
    rule: "argument of an adapter missing",
    words: "node 'w': adapter 'pull.from_artifacts.rechunk:size' needs 'size'",
    token: "adapter",
    make: () =>
      etl.node("w", clean, {
        after: ["extract"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.rechunk:size", metaListKey: "rows" },
      }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", metaListKey: "rows", size: 1 },
      }),
  },
  {
    rule: "argument of a custom adapter missing",
    words: "node 'w': adapter 'pull.latest' needs 'windowSec'",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.latest" } }),
    right: () => etl.node("w", count, { after: ["extract"], input: { adapter: "pull.latest", windowSec: 1 } }),
  },
  {
    rule: "argument of an adapter of another type",
    words: "adapter 'pull.from_artifacts.rechunk:size': size must be a number, got 'ten'",
    ownWords: "TypeScript names both types, on the key",
    token: "size",
    make: () =>
      etl.node("w", clean, {
        after: ["extract"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.rechunk:size", metaListKey: "rows", size: "ten" },
      }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", metaListKey: "rows", size: 10 },
      }),
  },
  {
    rule: "argument of a custom adapter of another type",
    words: "adapter 'pull.latest': windowSec must be a number, got 'ten'",
    ownWords: "TypeScript names both types, on the key",
    token: "windowSec",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.latest", windowSec: "ten" } }),
    right: () => etl.node("w", count, { after: ["extract"], input: { adapter: "pull.latest", windowSec: 10 } }),
  },
  {
    rule: "misspelt argument of an adapter",
    words:
      "node 'w': adapter 'pull.from_artifacts.rechunk:size' does not accept argument 'metaListKye' (did you mean 'metaListKey'?)",
    token: "metaListKye",
    make: () =>
      etl.node("w", anyList, {
        after: ["extract"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKye: "rows" },
      }),
    right: () =>
      etl.node("w", anyList, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
      }),
  },
  {
    rule: "unknown argument of an adapter",
    words: "node 'w': adapter 'pull.from_artifacts' does not accept argument 'size'",
    token: "size",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", size: 1 } }),
    right: () => etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", pollMs: 1 } }),
  },
];
