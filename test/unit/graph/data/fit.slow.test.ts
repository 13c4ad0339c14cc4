import fc from "fast-check";
import { expect, it } from "vitest";
import type * as z from "zod";
import { Assignability } from "../../../../src/graph/data/fit.ts";
import { mismatchText } from "../../../../src/graph/data/mismatch.ts";
import { storedType, wireType } from "../../../../src/graph/data/zod-data.ts";
import { plainProducer, producer, relatives } from "./arbitrary-schema.ts";

const mismatchOf = (output: z.ZodType, input: z.ZodType) =>
  mismatchText(storedType(output), wireType(input), new Assignability());

/** Samples are not all values: what they miss, once in thousands of runs, must not fail a build. */
const seed = 20_260;

it("the generator's values are values of its schemas, and of the wider ones", () => {
  fc.assert(
    fc.property(producer, ({ schema, values, wider }) => {
      for (const taking of [schema, ...wider]) for (const value of values) taking.parse(value);
    }),
  );
});

it("what types say is assignable fits", () => {
  fc.assert(
    fc.property(producer, ({ schema, wider }) => {
      for (const taking of [schema, ...wider]) expect(mismatchOf(schema, taking)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

it("what does not fit is refused, a value of it at least; what fits is taken", () => {
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

it("whatever zod takes is never refused", () => {
  fc.assert(
    fc.property(relatives(producer), ([given, wanted]) => {
      fc.pre(given.values.every((value) => wanted.schema.safeParse(value).success));
      expect(mismatchOf(given.schema, wanted.schema)).toBeUndefined();
    }),
    { numRuns: 300, seed },
  );
});
