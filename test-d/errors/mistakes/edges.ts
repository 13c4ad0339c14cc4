import { defineHandler, flow } from "flowkit";
import * as z from "zod";
import { byDay, clean, count, extract, join, needsBoth, textual } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

const needsTexts = defineHandler("needs_texts", {
  input: z.object({
    extract: z.array(z.object({ rows: z.string() })).optional(),
    count: z.array(z.object({ n: z.string() })).optional(),
  }),
  output: z.object({}),
  processBatch: () => ({}),
});

/** Edges that do not match. */
export const edgeMistakes: readonly Mistake[] = [
  {
    rule: "edge to the node before",
    words: "edge 'count' -> 'w': .rows is missing (needs { id: string, price: number }[])",
    token: "count",
    make: () =>
      // @ts-expect-error
      etl.then("w", count),
    right: () => etl.then("w", byDay, { args: { date: "2026-01-01" } }),
  },
  {
    rule: "edge in after",
    words: "edge 'count' -> 'w': .rows is missing",
    token: '"count"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract", "count"] }),
    right: () => etl.node("w", count, { after: ["extract"] }),
  },
  {
    rule: "edge in from",
    words: "edge 'count' -> 'w': .rows is missing",
    token: '"count"',
    make: () =>
      etl.node("w", count, {
        after: ["extract", "count"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts", from: ["extract", "count"] },
      }),
    right: () =>
      etl.node("w", count, {
        after: ["extract", "count"],
        input: { adapter: "pull.from_artifacts", from: ["extract"] },
      }),
  },
  {
    rule: "edge deep inside",
    words: "edge 'a' -> 'w': .rows[].price is string, needs number",
    token: "count",
    make: () =>
      flow()
        .node("a", textual)
        // @ts-expect-error
        .then("w", count),
    right: () =>
      flow()
        .node("a", extract, { args: { batchSize: 1 } })
        .then("w", count),
  },
  {
    rule: "edge of chunks, at the list key",
    words: "edge 'a' -> 'w': [].price is string, needs number",
    token: "metaListKey",
    make: () =>
      flow()
        .node("a", textual)
        // @ts-expect-error
        .then("w", clean, { input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" } }),
    right: () =>
      flow()
        .node("a", extract, { args: { batchSize: 1 } })
        .then("w", clean, { input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" } }),
  },
  {
    rule: "edge of chunks, at the adapter",
    words: "edge 'extract' -> 'w': [].id is missing (needs string), [].price is missing (needs number)",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", clean, { after: ["extract"], input: { adapter: "pull.from_artifacts.rechunk:size", size: 1 } }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
      }),
  },
  {
    rule: "edges of chunks from two sources",
    words: "edge 'count' -> 'w': [].id is missing (needs string), [].price is missing (needs number)",
    token: "adapter",
    make: () =>
      etl.node("w", clean, {
        after: ["extract", "count"],
        // @ts-expect-error
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1 },
      }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract", "count"],
        input: { adapter: "pull.from_artifacts.rechunk:size", from: ["extract"], size: 1, metaListKey: "rows" },
      }),
  },
  {
    rule: "gathered input under an alias",
    words: "input of 'w': .count[].n is missing (needs number)",
    token: "count",
    make: () =>
      etl.node("w", join, {
        after: ["extract", "count"],
        // @ts-expect-error
        input: { adapter: "pull.gather", from: { count: "extract" } },
      }),
    right: () =>
      etl.node("w", join, { after: ["extract", "count"], input: { adapter: "pull.gather", from: { count: "count" } } }),
  },
  {
    rule: "gathered input of two sources",
    words: "input of 'w': .count[].n is number, needs string; input of 'w': .extract[].rows is { id: string, price:",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", needsTexts, { after: ["count", "extract"], input: { adapter: "pull.gather" } }),
    right: () => etl.node("w", needsBoth, { after: ["count", "extract"], input: { adapter: "pull.gather" } }),
  },
  {
    rule: "gathered input that no source delivers",
    words: "input of 'w': .extract is missing",
    token: "adapter",
    make: () =>
      etl.node("w", needsBoth, {
        after: ["extract", "count"],
        // @ts-expect-error
        input: { adapter: "pull.gather", from: { all: "extract", count: "count" } },
      }),
    right: () =>
      etl.node("w", needsBoth, {
        after: ["extract", "count"],
        input: { adapter: "pull.gather", from: { extract: "extract", count: "count" } },
      }),
  },
  {
    rule: "gathered input of the node before",
    words: "input of 'w': .extract is missing",
    token: "needsBoth",
    make: () =>
      // @ts-expect-error
      etl.then("w", needsBoth, { input: { adapter: "pull.gather" } }),
    right: () => etl.node("w", needsBoth, { after: ["extract", "count"], input: { adapter: "pull.gather" } }),
  },
  {
    rule: "gathered input of any JSON",
    words: "input of 'w': .extract is missing",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", needsBoth, { after: ["count"], input: { adapter: "pull.gather" } }),
    right: () => etl.node("w", needsBoth, { after: ["extract", "count"], input: { adapter: "pull.gather" } }),
  },
];
