import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copyJson, NotJsonError } from "../../../../src/core/codec/index.ts";

/** That key is refused, below. */
const hasNoProtoKey = (value: unknown): boolean => !JSON.stringify(value).includes('"__proto__":');

describe("a copy of JSON", () => {
  test("equals what JSON itself makes of it, and shares nothing with it", () => {
    fc.assert(
      fc.property(fc.jsonValue().filter(hasNoProtoKey), (value) => {
        const copy = copyJson(value);
        expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
        if (typeof value === "object" && value !== null) expect(copy).not.toBe(value);
      }),
    );
  });

  test("is of copies all the way down", () => {
    const inner = { x: [1] };
    const copy = copyJson({ a: [inner, inner] }) as { a: [typeof inner, typeof inner] };
    expect(copy.a[0]).not.toBe(inner);
    expect(copy.a[0].x).not.toBe(inner.x);
    expect(copy.a[0]).not.toBe(copy.a[1]);
  });

  test("leaves out keys whose value is undefined, as JSON does", () => {
    expect(Object.keys(copyJson({ a: undefined, b: 1 }) as object)).toEqual(["b"]);
  });

  test("has 0 for -0, as JSON does", () => {
    expect(copyJson([-0, { a: -0 }])).toStrictEqual([0, { a: 0 }]);
  });

  test("of a subclass of Array is a plain array; an object without a prototype becomes a plain one", () => {
    class Rows extends Array<number> {}
    const copy = copyJson(Rows.of(1, 2));
    expect(copy).toEqual([1, 2]);
    expect(Object.getPrototypeOf(copy)).toBe(Array.prototype);
    expect(copyJson(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
  });
});

describe("what JSON can't hold is refused with its path", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  test.for<[string, unknown, string]>([
    ["undefined", undefined, "the value is undefined"],
    ["undefined in a list", { a: [1, undefined] }, ".a[1] is undefined"],
    ["a hole in a list", { a: Object.assign([], { 1: 1 }) }, ".a[0] is undefined"],
    ["NaN", { a: { b: Number.NaN } }, ".a.b is NaN"],
    ["infinity", [[Number.NEGATIVE_INFINITY]], "[0][0] is -Infinity"],
    ["a bigint", { n: 1n }, ".n is a bigint"],
    ["a function", [() => 1], "[0] is a function"],
    ["a symbol", { s: Symbol("s") }, ".s is a symbol"],
    ["a Date", { at: new Date(0) }, ".at is a Date"],
    ["a Map", new Map(), "the value is a Map"],
    ["a class instance", [new (class Row {})()], "[0] is a Row"],
    ["a key __proto__", JSON.parse('{"a":{"__proto__":1}}'), ".a has the key __proto__"],
    ["a cycle", cycle, "is nested deeper than 200 levels"],
  ])("%s", ([, value, words]) => {
    expect(() => copyJson(value)).toThrow(NotJsonError);
    expect(() => copyJson(value)).toThrow(words);
  });

  test("200 levels are still taken", () => {
    let value: unknown = 1;
    for (let depth = 0; depth < 200; depth++) value = [value];
    expect(() => copyJson(value)).not.toThrow();
    expect(() => copyJson([value])).toThrow("deeper");
  });
});
