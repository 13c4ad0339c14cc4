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

test("knows the position of each value in any document", () => {
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

test("a missing value has the position of its nearest ancestor", () => {
  const source = readJson('{\n "a": [1, {}]\n}', "x.json");
  expect(source.positionOf("/a/1/b/c")).toEqual({ line: 2, column: 11 });
  expect(source.positionOf("/z")).toEqual({ line: 1, column: 1 });
});

test("the last of duplicate keys determines the position, like the value", () => {
  const source = readJson('{ "a": { "b": 1 },\n "a": { "b": 2 } }', "x.json");
  expect(source.value).toEqual({ a: { b: 2 } });
  expect(source.positionOf("/a/b")).toEqual({ line: 2, column: 14 });
});

const wrong: readonly (readonly [text: string, line: number, column: number, problem: string])[] = [
  ["", 1, 1, "expected a value"],
  ['{"a": 1,}', 1, 9, "expected a property name in double quotes"],
  ["{'a': 1}", 1, 2, "unexpected symbol 'a'"],
  ['{"a" 1}', 1, 6, "expected ':'"],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3, "expected ',' or the end of the list or object"],
  ["[1,]", 1, 4, "expected a value"],
  ["[1} ", 1, 3, "expected ',' or the end of the list or object"],
  ["[1] 2", 1, 5, "expected the end of the file"],
  ['["a\nb"]', 1, 2, "unterminated string"],
  ['["a\tb"]', 1, 2, "unescaped control character in a string"],
  ['["\\x"]', 1, 2, "invalid escape sequence"],
  ['{"a": [1, 2', 1, 12, "expected ',' or ']'"],
  ['{"a": 1', 1, 8, "expected ',' or '}'"],
  ["01", 1, 2, "expected the end of the file"],
  ["1.", 1, 1, "incomplete number"],
  ["NaN", 1, 1, "unexpected symbol NaN"],
  ["[1, // one\n2]", 1, 5, "comments are not allowed"],
];
test.each(wrong)("%j is invalid at %i:%i", (text, line, column, problem) => {
  expect(() => readJson(text, "x.json")).toThrow(`x.json:${line}:${column}: invalid JSON: ${problem}`);
});

test("agrees with JSON.parse on validity for any mutation of a document", () => {
  const mark = fc.constantFrom(...'{}[],:"0-.e\\ \nt/*\u00a0\u2028\f');
  fc.assert(
    fc.property(fc.json(), fc.nat(), mark, (text, at, character) => {
      const index = at % (text.length + 1);
      const changed = text.slice(0, index) + character + text.slice(index + 1);
      let problem: string | undefined;
      try {
        JSON.parse(changed);
      } catch (error) {
        problem = String(error);
      }
      if (problem === undefined) {
        expect(readJson(changed, "x.json").positionOf("")).toBeDefined();
        return;
      }
      const message = thrownBy(() => readJson(changed, "x.json"));
      expect(message).toMatch(/^x\.json:\d+:\d+: invalid JSON: /);
      expect(problem).not.toContain(message.replace(/.*invalid JSON: /s, "")); // not merely JSON.parse's message, without a position
    }),
  );
});

function thrownBy(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

test("a deeply nested document is parsed, with the position of its root", () => {
  const deep = `\n${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  expect(readJson(deep, "x.json").positionOf("/0/0")).toEqual({ line: 1, column: 1 });
  expect(() => readJson(`${deep}]`, "x.json")).toThrow("x.json:1:1: invalid JSON: ");
});
