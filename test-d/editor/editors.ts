import typescript60 from "typescript";
import typescript59 from "typescript-5.9";
import { inject } from "vitest";
import { openEditor } from "./language-service.ts";

/** Precedes the code of every case. */
const prelude = `
import { defineCoordinatorFn, defineHandler, defineInputAdapter, flow, type IdsOf, param } from "flowkit";
import { createEngine } from "flowkit/engine";
import * as z from "zod";
import { byDay, clean, count, extract, join, latest, notify, seeded } from "../handlers.ts";

const etl = flow("etl", { params: z.object({ date: z.iso.date(), n: z.number() }), adapters: [latest] })
  .node("extract", extract, { args: { batchSize: 500 } })
  .node("count", count, { after: ["extract"] });
const kinds = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("refund"), cents: z.int(), bank: z.object({ country: z.enum(["de", "fr"]) }) }),
  z.object({ kind: z.literal("sale"), vip: z.boolean() }),
]);
const cases = flow().node("classify", defineHandler("classify", { output: kinds, iterBatches: () => [] }));
const taker = defineHandler("taker", { input: z.json(), output: z.null(), processBatch: () => null });
const engine = await createEngine({ handlers: etl.handlers });
const task = await engine.run(etl, { params: { date: "2026-11-24", n: 1 } });
`;

// The declarations of 5.9 and 6.0 differ in details, none of which is used here.
const asTypescript60 = typescript59 as unknown as typeof typescript60;

/** TypeScript 7.0 has no language service that a program can call; see `language-server.ts`. */
const library = inject("library");
export const editors = [
  { version: "5.9", editor: openEditor({ typescript: asTypescript60, prelude, library }) },
  { version: "6.0", editor: openEditor({ typescript: typescript60, prelude, library }) },
];
