import fc from "fast-check";
import { expect, test } from "vitest";
import { readJson } from "../../../src/cli/loading/json-source.ts";
import { pointer } from "../../../src/graph/format/pointer.ts";

/** Every value in a document, with its pointer. */
function* valuesIn(value: unknown, path: readonly (string | number)[] = []): Generator<[string, unknown]> {
  yield [pointer(path), value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* valuesIn(inner, [...path, key]);
}

test("knows where each value of any document stands", () => {
  fc.assert(
    fc.property(fc.json({ depthSize: "medium" }), fc.integer({ min: 0, max: 3 }), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), null, indent);
      const source = readJson(spaced, "x.json");
      const lines = spaced.split("\n");
      for (const [at, value] of valuesIn(source.value)) {
        const { line, column } = source.positionOf(at);
        const rest = [lines[line - 1]?.slice(column - 1), ...lines.slice(line)].join("\n");
        const written = JSON.stringify(value, null, indent);
        expect(rest.startsWith(written.slice(0, 1))).toBe(true);
        if (typeof value !== "object" || value === null) expect(rest.startsWith(written)).toBe(true);
      }
    }),
  );
});

test("a place that isn't there is the one around it", () => {
  const source = readJson('{\n "a": [1, {}]\n}', "x.json");
  expect(source.positionOf("/a/1/b/c")).toEqual({ line: 2, column: 11 });
  expect(source.positionOf("/z")).toEqual({ line: 1, column: 1 });
});

const wrong: readonly (readonly [text: string, line: number, column: number, expected: string])[] = [
  ["", 1, 1, "a value"],
  ['{"a": 1,}', 1, 9, "a key in double quotes"],
  ["{'a': 1}", 1, 2, "a key in double quotes or '}'"],
  ['{"a" 1}', 1, 6, "':'"],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3, "',' or the end of the list or object"],
  ["[1,]", 1, 4, "a value"],
  ["[1} ", 1, 3, "',' or the end of the list or object"],
  ["[1] 2", 1, 5, "nothing more"],
  ['["a\nb"]', 1, 2, "a value or ']'"],
  ['{"a": [1, 2', 1, 12, "',' or the end of the list or object"],
  ["01", 1, 2, "nothing more"],
  ["NaN", 1, 1, "a value"],
];
test.each(wrong)("%j is no JSON at %i:%i", (text, line, column, expected) => {
  expect(() => readJson(text, "x.json")).toThrow(`x.json:${line}:${column} is no JSON: expected ${expected}`);
});

test("agrees with JSON.parse on what is JSON, whatever is changed in it", () => {
  const mark = fc.constantFrom(...'{}[],:"0-.e\\ \nt');
  fc.assert(
    fc.property(fc.json(), fc.nat(), mark, (text, at, character) => {
      const index = at % (text.length + 1);
      const changed = text.slice(0, index) + character + text.slice(index + 1);
      let isJson = true;
      try {
        JSON.parse(changed);
      } catch {
        isJson = false;
      }
      if (isJson) expect(readJson(changed, "x.json").positionOf("")).toBeDefined();
      else
        expect(() => readJson(changed, "x.json")).toThrow(/^x\.json:\d+:\d+ is no JSON: expected (?!something else)/);
    }),
  );
});

test("no depth of nesting is too much", () => {
  const deep = "[".repeat(200_000);
  expect(() => readJson(deep, "x.json")).toThrow("x.json:1:200001 is no JSON");
});
