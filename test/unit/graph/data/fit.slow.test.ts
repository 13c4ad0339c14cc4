import fc from "fast-check";
import { expect, it } from "vitest";
import type * as z from "zod";
import { Assignability } from "../../../../src/graph/data/fit.ts";
import { mismatchText } from "../../../../src/graph/data/mismatch.ts";
import { storedType, wireType } from "../../../../src/graph/data/zod-data.ts";
import { plainProducer, producer, relatives } from "./arbitrary-schema.ts";

const mismatchOf = (output: z.ZodType, input: z.ZodType) =>
  mismatchText(storedType(output), wireType(input), new Assignability());

/** A fixed seed: samples do not cover all values, and a miss in one of thousands of runs must not fail a build. */
const seed = 20_260;

it("generated values match their schema and its wider schemas", () => {
  fc.assert(
    fc.property(producer, ({ schema, values, wider }) => {
      for (const taking of [schema, ...wider]) for (const value of values) taking.parse(value);
    }),
  );
});

it("a schema fits its wider schemas", () => {
  fc.assert(
    fc.property(producer, ({ schema, wider }) => {
      for (const taking of [schema, ...wider]) expect(mismatchOf(schema, taking)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

it("a fitting schema accepts all sample values, another rejects at least one", () => {
  const verdicts = { fits: 0, misfits: 0 };
  fc.assert(
    fc.property(fc.oneof(relatives(plainProducer), fc.tuple(plainProducer, plainProducer)), ([given, wanted]) => {
      const refused = given.values.filter((value) => !wanted.schema.safeParse(value).success);
      const text = mismatchOf(given.schema, wanted.schema);
      verdicts[text === undefined ? "fits" : "misfits"]++;
      if (text === undefined) expect(refused).toEqual([]);
      else expect({ text, refused: refused.length }).not.toEqual({ text, refused: 0 });
    }),
    { numRuns: 300, seed },
  );
  expect(verdicts.fits).toBeGreaterThan(10);
  expect(verdicts.misfits).toBeGreaterThan(10);
});

it("no schema that zod accepts is rejected", () => {
  fc.assert(
    fc.property(relatives(producer), ([given, wanted]) => {
      fc.pre(given.values.every((value) => wanted.schema.safeParse(value).success));
      expect(mismatchOf(given.schema, wanted.schema)).toBeUndefined();
    }),
    { numRuns: 300, seed },
  );
});
