import fc from "fast-check";
import { expect, test } from "vitest";
import { compactJson } from "../../../src/cli/terminal/terminal.ts";

test("prints equal JSON with no line longer than necessary", () => {
  fc.assert(
    fc.property(fc.jsonValue({ depthSize: "large" }), (value) => {
      const text = compactJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      for (const line of text.split("\n")) {
        // A single value, or a key with a value, may have any length.
        if (line.length > 116) expect(line).not.toMatch(/^\s*("[^"]*": )?[[{].+[\]}],?$/);
      }
    }),
  );
});

test("puts lists and objects on one line if they fit", () => {
  expect(compactJson({ sum: [{ revenue: 4 }], none: [], empty: {} })).toBe(
    '{ "sum": [{ "revenue": 4 }], "none": [], "empty": {} }',
  );
  const long = "x".repeat(60);
  expect(compactJson([{ a: long }, { b: long }])).toBe(`[\n  { "a": "${long}" },\n  { "b": "${long}" }\n]`);
});
