import { clean, count, join } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

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
    rule: "unknown argument of an adapter",
    words: "node 'w': adapter 'pull.from_artifacts' does not accept argument 'size'",
    token: "size",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", size: 1 } }),
    right: () => etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", pollMs: 1 } }),
  },
];
