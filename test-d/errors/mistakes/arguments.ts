import { defineHandler } from "flowkit";
import * as z from "zod";
import { byDay, clean, count, extract, seeded } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

const paged = defineHandler("extractor", {
  args: z.object({ batchSize: z.int(), pages: z.int() }),
  output: z.int(),
  *iterBatches() {},
});
const isPaged = (): boolean => true;

/** Arguments of handlers. */
export const argumentMistakes: readonly Mistake[] = [
  {
    rule: "args of a source missing",
    words: "node 'w': handler 'extractor' needs args (missing: batchSize)",
    token: "extract",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
  {
    rule: "args of a root that may be either of two handlers",
    words: "node 'w': handler 'extractor' needs args (missing: pages)",
    token: "isPaged() ? paged : extract",
    make: () =>
      // @ts-expect-error
      etl.node("w", isPaged() ? paged : extract, { args: { batchSize: 1 } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
  {
    rule: "args of a consumer missing",
    words: "node 'w': handler 'by_day' needs args (missing: date)",
    token: "byDay",
    make: () =>
      // @ts-expect-error
      etl.then("w", byDay, { startWhen: "first_batch" }),
    right: () => etl.then("w", byDay, { startWhen: "first_batch", args: { date: "2026-01-01" } }),
  },
  {
    rule: "input of a root missing",
    words: "node 'w' is a root: pass the input of handler 'seeded' as args (missing: seed), or add a parent",
    token: "seeded",
    make: () =>
      // @ts-expect-error
      etl.node("w", seeded),
    right: () => etl.node("w", seeded, { args: { seed: "s" } }),
  },
  {
    rule: "root whose input is not an object",
    words:
      "node 'w': the input of handler 'cleaner' is { id: string, price: number }[], so it cannot be a root: add a parent",
    token: "clean",
    make: () =>
      // @ts-expect-error
      etl.node("w", clean),
    right: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
      }),
  },
  {
    rule: "one of the args missing",
    words: "node 'w': handler 'by_day' needs args (missing: date)",
    token: "byDay",
    make: () =>
      // @ts-expect-error
      etl.then("w", byDay, { args: { limit: 1 } }),
    right: () => etl.then("w", byDay, { args: { date: "2026-01-01", limit: 1 } }),
  },
  {
    rule: "one key of a root's input missing",
    words: "node 'w' is a root: pass the input of handler 'seeded' as args (missing: seed), or add a parent",
    token: "seeded",
    make: () =>
      // @ts-expect-error
      etl.node("w", seeded, { args: {} }),
    right: () => etl.node("w", seeded, { args: { seed: "a" } }),
  },
  {
    rule: "argument of a handler that accepts none",
    words: "node 'w': handler 'counter' does not accept argument 'limit'",
    token: "limit",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], args: { limit: 1 } }),
    right: () => etl.node("w", count, { after: ["extract"] }),
  },
  {
    rule: "argument of another type",
    words: "node 'w': args.batchSize: Invalid input: expected number",
    ownWords: "TypeScript names both types, on the key",
    token: "batchSize",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: "500" } }),
    right: () => etl.node("w", extract, { args: { batchSize: 500 } }),
  },
  {
    rule: "unknown argument",
    words: "node 'w': handler 'extractor' does not accept argument 'size'",
    token: "size",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: 1, size: 1 } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
];
