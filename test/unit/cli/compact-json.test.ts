import fc from "fast-check";
import { expect, test } from "vitest";
import { compactJson } from "../../../src/cli/terminal/terminal.ts";

test("is the same JSON, with no line longer than it must be", () => {
  fc.assert(
    fc.property(fc.jsonValue({ depthSize: "large" }), (value) => {
      const text = compactJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      for (const line of text.split("\n")) {
        // One value by itself, or a key and one, may be as long as they are.
        if (line.length > 116) expect(line).not.toMatch(/^\s*("[^"]*": )?[[{].+[\]}],?$/);
      }
    }),
  );
});

test("puts on a line what fits there", () => {
  expect(compactJson({ sum: [{ revenue: 4 }], none: [], empty: {} })).toBe(
    '{ "sum": [{ "revenue": 4 }], "none": [], "empty": {} }',
  );
  const long = "x".repeat(60);
  expect(compactJson([{ a: long }, { b: long }])).toBe(`[\n  { "a": "${long}" },\n  { "b": "${long}" }\n]`);
});
