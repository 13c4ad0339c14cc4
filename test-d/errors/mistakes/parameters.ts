import { flow, fromGraph, param } from "flowkit";
import * as z from "zod";
import { byDay, count, extract, seeded } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

/** Parameters among the arguments. */
export const parameterMistakes: readonly Mistake[] = [
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
    rule: "parameter of a flow without parameters",
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
    rule: "parameter of another type, inside an argument",
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
    right: () =>
      flow("f", { params: z.object({ late: z.string().default("23:00") }) })
        .node("extract", extract, { args: { batchSize: 500 } })
        .then("count", count)
        .then("w", byDay, { args: { date: param("late") } }),
  },
  {
    rule: "parameter of a graph JSON that may be missing",
    words: "parameter 'size' is number | undefined, 'batchSize' needs number",
    token: '"size"',
    make: () => {
      const params_schema = { type: "object", properties: { size: { type: "integer" } } } as const;
      const loaded = fromGraph({ nodes: [{ node_id: "a", type: "textual" }], params_schema });
      // @ts-expect-error
      return loaded.node("w", extract, { args: { batchSize: param("size") } });
    },
    right: () => {
      const params_schema = { type: "object", properties: { size: { type: "integer", default: 10 } } } as const;
      const loaded = fromGraph({ nodes: [{ node_id: "a", type: "textual" }], params_schema });
      return loaded.node("w", extract, { args: { batchSize: param("size") } });
    },
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
];
