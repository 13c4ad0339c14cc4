import { defineHandler, flow, PermanentError, param } from "flowkit";
import * as z from "zod";
import { listDeclarations, readDeclaration } from "./declarations.ts";
import { Entry, merged, mostShared, type Shelf, shelfOf } from "./word-index.ts";

const Params = z.object({
  folder: z.string(),
  /** Number of words to return. */
  most: z.int().positive(),
  /** Minimum word length. */
  letters: z.int().positive(),
});

const Files = z.object({ files: z.array(z.string()) });

/** Split: ten declarations per batch. */
const list = defineHandler("words.list", {
  args: z.object({ folder: z.string() }),
  output: Files,
  async *iterBatches({ folder }) {
    const files = await listDeclarations(folder);
    for (let at = 0; at < files.length; at += 10)
      yield { uid: `file-${at}`, payload: { files: files.slice(at, at + 10) } };
  },
});

/** The words of a batch by shelf. */
const Mapped = z.object({
  a_to_f: z.array(Entry),
  g_to_m: z.array(Entry),
  n_to_z: z.array(Entry),
  beyond: z.array(Entry),
});

/** Map. A word that occurs in all ten declarations is passed on once. */
const map = defineHandler("words.map", {
  args: z.object({ folder: z.string() }),
  input: Files,
  output: Mapped,
  async processBatch({ files }, ctx) {
    const found: Entry[] = [];
    for (const file of files) {
      const { language, words } = await readDeclaration(ctx.args.folder, file, ctx.signal);
      ctx.metrics.add("declarations", 1);
      ctx.metrics.add("words", words.length);
      for (const word of new Set(words)) found.push({ word, languages: [language] });
      await ctx.heartbeat();
    }
    const entries = merged(found);
    ctx.metrics.add("entries", entries.length);
    const of = (shelf: Shelf) => entries.filter(({ word }) => shelfOf(word) === shelf);
    return { a_to_f: of("a_to_f"), g_to_m: of("g_to_m"), n_to_z: of("n_to_z"), beyond: of("beyond") };
  },
});

const Entries = z.array(Entry);

/** Shuffle: receives the entries of one shelf while others are still being mapped. */
const collect = defineHandler("words.collect", {
  input: Entries,
  output: Entries,
  processBatch: (entries) => entries,
});

const Reduced = z.object({
  /** Number of merged entries. */
  entries: z.int(),
  words: z.int(),
  mostShared: Entries,
});

/** Reduce. All entries of a word are on one shelf, so the best overall are among the best of each shelf. */
const reduce = defineHandler("words.reduce", {
  args: z.object({ most: z.int().positive(), letters: z.int().positive() }),
  input: z.object({ collected: z.array(Entries) }),
  output: Reduced,
  processBatch({ collected }, ctx) {
    const entries = collected.flat();
    const index = merged(entries);
    return { entries: entries.length, words: index.length, mostShared: mostShared(index, ctx.args) };
  },
});

/** The subflow of one shelf, created by a function because each use has a different key. */
const shelf = (name: Shelf) =>
  flow("shelf", { inputs: { mapped: Mapped }, params: Params })
    .then("collect", collect, {
      input: { adapter: "pull.from_artifacts.rechunk:size", size: 10_000, metaListKey: name },
      startWhen: "first_batch",
    })
    .then("reduce", reduce, {
      args: { most: param("most"), letters: param("letters") },
      input: { adapter: "pull.gather", from: { collected: "collect" } },
    });

/** The last node: merges the shelves' best words into one list, and checks that nothing was lost. */
const top = defineHandler("words.top", {
  args: z.object({ most: z.int().positive(), letters: z.int().positive() }),
  input: z.object({
    a_to_f: z.array(Reduced),
    g_to_m: z.array(Reduced),
    n_to_z: z.array(Reduced),
    beyond: z.array(Reduced),
    totals: z.array(z.object({ metrics: z.record(z.string(), z.int()) })),
  }),
  output: z.object({ declarations: z.int(), words: z.int(), different: z.int(), mostShared: Entries }),
  errors: ["entries_lost"],
  processBatch({ totals, ...reduced }, ctx) {
    const all = Object.values(reduced).flat();
    const sum = (of: (part: z.infer<typeof Reduced>) => number) => all.reduce((sum, part) => sum + of(part), 0);
    const { declarations = 0, words = 0, entries = 0 } = totals[0]?.metrics ?? {};
    const arrived = sum((part) => part.entries);
    if (arrived !== entries) throw new PermanentError("entries_lost", `${entries} were mapped, ${arrived} reduced`);
    return {
      declarations,
      words,
      different: sum((part) => part.words),
      mostShared: mostShared(
        all.flatMap((part) => part.mostShared),
        ctx.args,
      ),
    };
  },
});

const ranking = { most: param("most"), letters: param("letters") } as const;

export const words = flow("words", { params: Params })
  .node("list", list, { args: { folder: param("folder") } })
  .then("map", map, { args: { folder: param("folder") }, startWhen: "first_batch", partitions: 4 })
  .use("a_to_f", shelf("a_to_f"), { inputs: { mapped: "map" } })
  .use("g_to_m", shelf("g_to_m"), { inputs: { mapped: "map" } })
  .use("n_to_z", shelf("n_to_z"), { inputs: { mapped: "map" } })
  .use("beyond", shelf("beyond"), { inputs: { mapped: "map" } })
  .fn("totals", "metrics.aggregate", { after: ["map"], args: { nodeId: "map" } })
  .node("top", top, {
    after: ["a_to_f.reduce", "g_to_m.reduce", "n_to_z.reduce", "beyond.reduce", "totals"],
    args: ranking,
    input: {
      adapter: "pull.gather",
      from: {
        a_to_f: "a_to_f.reduce",
        g_to_m: "g_to_m.reduce",
        n_to_z: "n_to_z.reduce",
        beyond: "beyond.reduce",
        totals: "totals",
      },
    },
  });
