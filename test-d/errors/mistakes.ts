// biome-ignore-all lint/style/noExcessiveLinesPerFile: one list, which the compilers read as one program
import { defineHandler, flow, param } from "flowkit";
import * as z from "zod";
import { byDay, clean, count, extract, join, latest, needsBoth, notify, seeded, textual } from "../handlers.ts";
import { compositionMistakes } from "./composition-mistakes.ts";
import type { Mistake } from "./mistake.ts";

const etl = flow("etl", {
  params: z.object({ date: z.iso.date(), n: z.int(), late: z.string().optional() }),
  adapters: [latest],
})
  .node("extract", extract, { args: { batchSize: 500 } })
  .node("count", count, { after: ["extract"] });

const needsTexts = defineHandler("needs_texts", {
  input: z.object({
    extract: z.array(z.object({ rows: z.string() })).optional(),
    count: z.array(z.object({ n: z.string() })).optional(),
  }),
  output: z.object({}),
  processBatch: () => ({}),
});

const anyId: string = "extract";
const knownId = "w";
const eitherId = ["u", "v"].includes("u") ? "u" : "v";
const patternId: `n${number}` = `n${1}`;

const source = { args: { batchSize: 1 } } as const;
const eighteen = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"] as const;
const many = flow()
  .node("a", extract, source)
  .node("b", extract, source)
  .node("c", extract, source)
  .node("d", extract, source)
  .node("e", extract, source)
  .node("f", extract, source)
  .node("g", extract, source)
  .node("h", extract, source)
  .node("i", extract, source)
  .node("j", extract, source)
  .node("k", extract, source)
  .node("l", extract, source)
  .node("m", extract, source)
  .node("n", extract, source)
  .node("o", extract, source)
  .node("p", extract, source)
  .node("q", extract, source)
  .node("r", extract, source);

/**
 * Mistakes that TypeScript refuses, each in a form that also runs. What it says about each of them stands in
 * `mistakes.txt`: look at it as a user would, and write it anew by `npx vitest run test-d/errors -u`.
 */
export const mistakes: readonly Mistake[] = [
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
    rule: "source with two parents",
    words: "node 'w': handler 'extractor' declares no input (it is a source), so it cannot depend on 'extract, count'",
    token: "extract",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { after: ["extract", "count"], args: { batchSize: 1 } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
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
    rule: "gathered input that no source gives",
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
  {
    rule: "unknown node in after",
    words: "node 'w': 'extrct' is not a node declared before it",
    token: '"extrct"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extrct"] }),
    right: () => etl.node("w", count, { after: ["extract"] }),
  },
  {
    rule: "source outside after",
    words: "node 'w' reads from 'count', which is not in its 'after'",
    token: '"count"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["count"] } }),
    right: () =>
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["extract"] } }),
  },
  {
    rule: "unknown source",
    words: "node 'w' reads from 'nope', which is not a node declared before it",
    token: '"nope"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["nope"] } }),
    right: () =>
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["extract"] } }),
  },
  {
    rule: "duplicate id",
    words: "node id 'extract' is already used in this flow",
    token: '"extract"',
    make: () =>
      // @ts-expect-error
      etl.node("extract", count, { after: ["extract"] }),
    right: () => etl.node("extract2", count, { after: ["extract"] }),
  },
  {
    rule: "id of another form",
    words: "'a b' is no node id",
    token: '"a b"',
    make: () =>
      // @ts-expect-error
      etl.node("a b", count, { after: ["extract"] }),
    right: () => etl.node("a_b", count, { after: ["extract"] }),
  },
  {
    rule: "id that is no literal",
    words: "a node id must be one literal string, so that later nodes can name it",
    token: "anyId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.node(anyId, count, { after: ["extract"] }),
    right: () => etl.node(knownId, count, { after: ["extract"] }),
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
    words: "adapter 'pull.from_artifacts' takes 'from' as a list; only 'pull.gather' takes aliases",
    token: "a:",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: { a: "extract" } } }),
    right: () => etl.node("w", join, { after: ["count"], input: { adapter: "pull.gather", from: { count: "count" } } }),
  },
  {
    rule: "list key for another adapter",
    words: "adapter 'pull.from_artifacts' takes no 'metaListKey'",
    token: "metaListKey",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", metaListKey: "rows" } }),
    right: () => etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts" } }),
  },
  {
    rule: "list key of no list",
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
    rule: "input of a root",
    words: "node 'w' is a root: there is nothing that 'input' could read",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: 1 }, input: { adapter: "pull.from_artifacts" } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
  {
    rule: "fan-in over the number of parents",
    words: "node 'w' waits for 1 node(s): fanIn 'count:2' cannot be met",
    token: "fanIn",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], fanIn: "count:2" }),
    right: () => etl.node("w", count, { after: ["extract"], fanIn: "count:1" }),
  },
  {
    rule: "fan-in of a root",
    words: "node 'w' is a root: fanIn 'any' needs upstream nodes",
    token: "fanIn",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: 1 }, fanIn: "any" }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 }, fanIn: "all" }),
  },
  {
    rule: "first batch of a root",
    words: "node 'w' is a root: startWhen 'first_batch' needs an upstream node",
    token: "startWhen",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: 1 }, startWhen: "first_batch" }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 }, startWhen: "ready" }),
  },
  {
    rule: "source with upstream",
    words: "node 'w': handler 'extractor' declares no input (it is a source), so it cannot depend on 'count'",
    token: "extract",
    make: () =>
      // @ts-expect-error
      etl.then("w", extract, { args: { batchSize: 1 } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
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
    words: "node 'w' is a root: give the input of handler 'seeded' as args (missing: seed), or put it after a node",
    token: "seeded",
    make: () =>
      // @ts-expect-error
      etl.node("w", seeded),
    right: () => etl.node("w", seeded, { args: { seed: "s" } }),
  },
  {
    rule: "a root whose input is no object",
    words:
      "node 'w': handler 'cleaner' takes { id: string, price: number }[] as its input, so it cannot be a root: put it after a node",
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
    rule: "id of several literals",
    words: "a node id must be one literal string, so that later nodes can name it",
    token: "eitherId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.node(eitherId, count, { after: ["extract"] }),
    right: () => etl.node(knownId, count, { after: ["extract"] }),
  },
  {
    rule: "id that is a pattern",
    words: "a node id must be one literal string, so that later nodes can name it",
    token: "patternId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.node(patternId, count, { after: ["extract"] }),
    right: () => etl.node(knownId, count, { after: ["extract"] }),
  },
  {
    rule: "id of a function that is no literal",
    words: "a node id must be one literal string, so that later nodes can name it",
    token: "anyId",
    atRunTime: false,
    make: () =>
      // @ts-expect-error
      etl.fn(anyId, "noop"),
    right: () => etl.fn(knownId, "noop"),
  },
  {
    rule: "fan-in over more parents than are counted by hand",
    words: "node 'w' waits for 18 node(s): fanIn 'count:19' cannot be met",
    token: "fanIn",
    make: () =>
      // @ts-expect-error
      many.node("w", count, { after: eighteen, fanIn: "count:19" }),
    right: () => many.node("w", count, { after: eighteen, fanIn: "count:18" }),
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
    words: "node 'w' is a root: give the input of handler 'seeded' as args (missing: seed), or put it after a node",
    token: "seeded",
    make: () =>
      // @ts-expect-error
      etl.node("w", seeded, { args: {} }),
    right: () => etl.node("w", seeded, { args: { seed: "a" } }),
  },
  {
    rule: "argument of a handler that takes none",
    words: "node 'w': handler 'counter' takes no argument 'limit'",
    token: "limit",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], args: { limit: 1 } }),
    right: () => etl.node("w", count, { after: ["extract"] }),
  },
  {
    rule: "unknown parameter",
    words: "'day' is not a parameter of this flow",
    token: '"day"',
    make: () =>
      // @ts-expect-error
      etl.then("w", byDay, { args: { date: param("day") } }),
    right: () => etl.then("w", byDay, { args: { date: param("date") } }),
  },
  {
    rule: "parameter of a flow that has none",
    words: "'n' is not a parameter of this flow",
    token: '"n"',
    make: () =>
      // @ts-expect-error
      flow().node("w", extract, { args: { batchSize: param("n") } }),
    right: () =>
      flow("f", { params: z.object({ n: z.int() }) }).node("w", extract, { args: { batchSize: param("n") } }),
  },
  {
    rule: "parameter of another type",
    words: "parameter 'n' is number, 'date' needs string",
    token: '"n"',
    make: () =>
      // @ts-expect-error
      etl.then("w", byDay, { args: { date: param("n") } }),
    right: () => etl.then("w", byDay, { args: { date: param("date"), limit: param("n") } }),
  },
  {
    rule: "parameter of another type, inside",
    words: "parameter 'n' is number, 'city' needs string",
    token: '"n"',
    make: () =>
      // @ts-expect-error
      etl.then("w", byDay, { args: { date: "", where: { city: param("n") } } }),
    right: () => etl.then("w", byDay, { args: { date: "2026-01-01", where: { city: param("date") } } }),
  },
  {
    rule: "parameter that may be missing",
    words: "parameter 'late' is string | undefined, 'date' needs string",
    token: '"late"',
    make: () =>
      // @ts-expect-error
      etl.then("w", byDay, { args: { date: param("late") } }),
    right: () => etl.then("w", byDay, { args: { date: param("date") } }),
  },
  {
    rule: "parameter as the input of a root",
    words: "parameter 'n' is number, 'seed' needs string",
    token: '"n"',
    make: () =>
      // @ts-expect-error
      etl.node("w", seeded, { args: { seed: param("n") } }),
    right: () => etl.node("w", seeded, { args: { seed: param("date") } }),
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
    rule: "argument of an own adapter missing",
    words: "node 'w': adapter 'pull.latest' needs 'windowSec'",
    token: "adapter",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.latest" } }),
    right: () => etl.node("w", count, { after: ["extract"], input: { adapter: "pull.latest", windowSec: 1 } }),
  },
  {
    rule: "unknown argument of an adapter",
    words: "node 'w': adapter 'pull.from_artifacts' has no argument 'size'",
    token: "size",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", size: 1 } }),
    right: () => etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", pollMs: 1 } }),
  },
  {
    rule: "unknown function",
    words: "node 'w': 'vars.sett' is not a built-in coordinator function",
    token: '"vars.sett"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.sett", { args: { kv: {} } }),
    right: () => etl.fn("w", "vars.set", { args: { kv: {} } }),
  },
  {
    rule: "args of a function missing",
    words: "node 'w': fn 'slack.notify' needs args (missing: channel)",
    token: "notify",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { after: ["count"] }),
    right: () => etl.fn("w", notify, { after: ["count"], args: { channel: "#data" } }),
  },
  {
    rule: "args of a built-in function missing",
    words: "node 'w': fn 'vars.set' needs args (missing: kv)",
    token: '"vars.set"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.set", { after: ["count"] }),
    right: () => etl.fn("w", "vars.set", { after: ["count"], args: { kv: { done: true } } }),
  },
  {
    rule: "unknown argument of a function",
    words: "node 'w': fn 'vars.incr' takes no argument 'step'",
    token: "step",
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.incr", { args: { key: "runs", step: 1 } }),
    right: () => etl.fn("w", "vars.incr", { args: { key: "runs", by: 1 } }),
  },
  {
    rule: "unknown parent of a function",
    words: "node 'w': 'nope' is not a node declared before it",
    token: '"nope"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "noop", { after: ["nope"] }),
    right: () => etl.fn("w", "noop", { after: ["count"] }),
  },
  {
    rule: "one of the args of a function missing",
    words: "node 'w': fn 'slack.notify' needs args (missing: channel)",
    token: "notify",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { after: ["count"], args: { retries: 1 } }),
    right: () => etl.fn("w", notify, { after: ["count"], args: { retries: 1, channel: "#data" } }),
  },
  {
    rule: "one of the args of a built-in function missing",
    words: "node 'w': fn 'merge.generic' needs args (missing: target)",
    token: '"merge.generic"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"] } }),
    right: () =>
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"], target: { key: "all" } } }),
  },
  {
    rule: "argument of a function of another type",
    words: "node 'w': args.channel: Invalid input: expected string",
    ownWords: "TypeScript names both types, on the key",
    token: "channel",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: 1 } }),
    right: () => etl.fn("w", notify, { args: { channel: "#data" } }),
  },
  {
    rule: "unknown argument of an own function",
    words: "node 'w': fn 'slack.notify' takes no argument 'text'",
    token: "text",
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: "#data", text: "done" } }),
    right: () => etl.fn("w", notify, { args: { channel: "#data" } }),
  },
  {
    rule: "unknown node to merge",
    words: "node 'w' reads from 'cuont', which is not a node declared before it",
    token: '"cuont"',
    make: () =>
      etl.fn("w", "merge.generic", {
        after: ["extract", "count"],
        // @ts-expect-error
        args: { fromNodes: ["extract", "cuont"], target: { key: "all" } },
      }),
    right: () =>
      etl.fn("w", "merge.generic", {
        after: ["extract", "count"],
        args: { fromNodes: ["extract", "count"], target: { key: "all" } },
      }),
  },
  {
    rule: "node to merge outside after",
    words: "node 'w' reads from 'extract', which is not in its 'after'",
    token: '"extract"',
    make: () =>
      etl.fn("w", "merge.generic", {
        after: ["count"],
        // @ts-expect-error
        args: { fromNodes: ["extract", "count"], target: { key: "all" } },
      }),
    right: () =>
      etl.fn("w", "merge.generic", { after: ["count"], args: { fromNodes: ["count"], target: { key: "all" } } }),
  },
  {
    rule: "target of a merge that is another node",
    words: "node 'w' stores what it merges under its own id: its target cannot be 'count'",
    token: "nodeId",
    make: () =>
      etl.fn("w", "merge.generic", {
        after: ["count"],
        // @ts-expect-error
        args: { fromNodes: ["count"], target: { key: "all", nodeId: "count" } },
      }),
    right: () =>
      etl.fn("w", "merge.generic", {
        after: ["count"],
        args: { fromNodes: ["count"], target: { key: "all", nodeId: "w" } },
      }),
  },
  {
    rule: "node to measure outside after",
    words: "node 'w' reads from 'extract', which is not in its 'after'",
    token: "nodeId",
    make: () =>
      // @ts-expect-error
      etl.fn("w", "metrics.aggregate", { after: ["count"], args: { nodeId: "extract" } }),
    right: () => etl.fn("w", "metrics.aggregate", { after: ["count"], args: { nodeId: "count" } }),
  },
  {
    rule: "parameter of another type, in a function's args",
    words: "parameter 'n' is number, 'channel' needs string",
    token: '"n"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: param("n") } }),
    right: () => etl.fn("w", notify, { args: { channel: param("date"), retries: param("n") } }),
  },
  {
    rule: "parameter of another type, in a built-in function's args",
    words: "parameter 'date' is string, 'by' needs number",
    token: '"date"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.incr", { args: { key: "runs", by: param("date") } }),
    right: () => etl.fn("w", "vars.incr", { args: { key: "runs", by: param("n") } }),
  },
  {
    rule: "unknown parameter in a function's args",
    words: "'day' is not a parameter of this flow",
    token: '"day"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.set", { args: { kv: { on: { day: param("day") } } } }),
    right: () => etl.fn("w", "vars.set", { args: { kv: { on: { day: param("date") } } } }),
  },
  {
    rule: "unknown permanent code",
    words: "node 'w': 'bad_rw' is no reason code of handler 'cleaner', nor of the engine",
    token: '"bad_rw"',
    make: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
        // @ts-expect-error
        retry: { permanentOn: ["timeout", "bad_rw"] },
      }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
        retry: { permanentOn: ["timeout", "bad_row"] },
      }),
  },
  {
    rule: "permanent code of another handler",
    words: "node 'w': 'bad_row' is no reason code of handler 'counter', nor of the engine",
    token: '"bad_row"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], retry: { permanentOn: ["bad_row"] } }),
    right: () => etl.node("w", count, { after: ["extract"], retry: { permanentOn: ["schema_mismatch"] } }),
  },
  {
    rule: "unknown permanent code of a function",
    words: "node 'w': 'bad_args' is no reason code of fn 'vars.set', nor of the engine",
    token: '"bad_args"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.set", { args: { kv: {} }, retry: { permanentOn: ["bad_args"] } }),
    right: () => etl.fn("w", "vars.set", { args: { kv: {} }, retry: { permanentOn: ["bad_fn_args"] } }),
  },
  {
    rule: "unknown permanent code of an own function",
    words: "node 'w': 'rate_limit' is no reason code of fn 'slack.notify', nor of the engine",
    token: '"rate_limit"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: "#data" }, retry: { permanentOn: ["rate_limit"] } }),
    right: () => etl.fn("w", notify, { args: { channel: "#data" }, retry: { permanentOn: ["rate_limited"] } }),
  },
  {
    rule: "no nodes",
    words: "this flow has no nodes: add one with .node(id, handler) before compile()",
    token: "flow()",
    make: () => ({
      compile: () =>
        // @ts-expect-error
        flow().compile(),
    }),
    right: () => flow().node("a", textual),
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
    words: "node 'w': handler 'extractor' takes no argument 'size'",
    token: "size",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: 1, size: 1 } }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 } }),
  },
  {
    rule: "output of another type",
    words: "Type 'string' is not assignable to type 'number'",
    ownWords: "TypeScript says where what the method returns differs from what it must return",
    token: "processBatch",
    atRunTime: false,
    make: () => {
      const wrong = defineHandler("wrong", {
        output: z.object({ n: z.number() }),
        // @ts-expect-error
        processBatch: () => ({ n: "1" }),
      });
      return flow().node("w", wrong);
    },
    right: () =>
      flow().node("w", defineHandler("right", { output: z.object({ n: z.number() }), processBatch: () => ({ n: 1 }) })),
  },
  {
    rule: "batch of another type",
    words: "Type 'string' is not assignable to type 'number'",
    ownWords: "TypeScript says where what the method yields differs from what it must yield",
    token: "iterBatches",
    atRunTime: false,
    make: () => {
      const wrong = defineHandler("wrong", {
        output: z.object({ n: z.number() }),
        // @ts-expect-error
        *iterBatches() {
          yield { payload: { n: "1" } };
        },
      });
      return flow().node("w", wrong);
    },
    right: () =>
      flow().node(
        "w",
        defineHandler("right", {
          output: z.object({ n: z.number() }),
          *iterBatches() {
            yield { payload: { n: 1 } };
          },
        }),
      ),
  },
  ...compositionMistakes,
];
