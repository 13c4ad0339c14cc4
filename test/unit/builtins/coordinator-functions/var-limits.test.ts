import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../src/errors/index.ts";
import { call, changed } from "./fake-context.ts";

const segment = (length: number) => "s".repeat(length);
/** A path of so many characters in segments of at most 128. */
const pathOf = (length: number): string => {
  const whole = Math.floor(length / 100);
  return [...Array<string>(whole - 1).fill(segment(99)), segment(length - (whole - 1) * 100)].join(".");
};
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i}`);
const refused = (message: string) =>
  expect.objectContaining({ code: "bad_fn_args", permanent: true, message: expect.stringContaining(message) });

/** The ways to name one variable. */
const ways: readonly (readonly [fn: string, args: (path: string) => unknown])[] = [
  ["vars.set", (path) => ({ kv: { [path]: 1 } })],
  ["vars.merge", (path) => ({ data: { [path]: 1 } })],
  ["vars.incr", (path) => ({ key: path })],
  ["vars.unset", (path) => ({ keys: [path] })],
];

describe.each(ways)("the paths of %s", (fn, args) => {
  it.each([
    ["16 segments", Array(16).fill("a").join(".")],
    ["512 characters", pathOf(512)],
    ["a segment of 128 characters", segment(128)],
    ["a $ within a segment", "a$.b$c"],
    ["spaces and other letters", "größe in mm.été"],
    ["names of inherited members", "toString.valueOf"],
  ])("may have %s", async (_what, path) => {
    await expect(call(fn, args(path))).resolves.toEqual({ keys: [path] });
  });

  it.each([
    ["17 segments", Array(17).fill("a").join("."), "has 17 segments, the limit is 16"],
    ["513 characters", pathOf(513), "has 513 characters, the limit is 512"],
    ["a segment of 129 characters", `a.${segment(129)}`, "has a segment of 129 characters, the limit is 128"],
    ["no segment", "", "the variable path '' has an empty segment"],
    ["an empty segment", "a..b", "the variable path 'a..b' has an empty segment"],
    ["an empty first segment", ".a", "'.a' has an empty segment"],
    ["an empty last segment", "a.", "'a.' has an empty segment"],
    ["a leading $", "$a", "'$a' has a segment that starts with $"],
    ["a leading $ further down", "a.$b", "'a.$b' has a segment that starts with $"],
    ["a NUL", "a.b\0", "'a.b\\u0000' has a NUL character"],
    ["constructor", "a.constructor.b", "has the segment constructor"],
    ["prototype", "prototype", "has the segment prototype"],
    ["__proto__", "a.__proto__", "has the segment __proto__"],
  ])("may not have %s", async (_what, path, message) => {
    await expect(call(fn, args(path))).rejects.toEqual(refused(message));
  });
});

describe("the number of paths in a call", () => {
  const object = (count: number): JsonObject => Object.fromEntries(many(count).map((key) => [key, 1]));

  it.each<[string, (count: number) => unknown]>([
    ["vars.set", (count) => ({ kv: object(count) })],
    ["vars.merge", (count) => ({ data: object(count) })],
    ["vars.unset", (count) => ({ keys: many(count) })],
  ])("%s: 256, not 257", async (fn, args) => {
    await expect(call(fn, args(256))).resolves.toEqual({ keys: many(256).sort() });
    await expect(call(fn, args(257))).rejects.toEqual(refused("at most 256 variables, exceeded at 'k256'"));
  });

  it("counts leaves, however they are nested", async () => {
    const halves = (count: number) => ({ kv: { a: object(128), b: { c: object(count - 128) } } });
    await expect(call("vars.set", halves(256))).resolves.toBeDefined();
    await expect(call("vars.set", halves(257))).rejects.toEqual(refused("'b.c.k128'"));
  });
});

describe.each([
  ["vars.set", "kv"],
  ["vars.merge", "data"],
])("the values of %s", (fn, argument) => {
  const give = (value: unknown) => call(fn, { [argument]: { a: { b: value } } });

  it("may have strings of 64 KiB in UTF-8, not one byte more", async () => {
    await expect(give("x".repeat(65_536))).resolves.toBeDefined();
    await expect(give("x".repeat(65_537))).rejects.toEqual(
      refused("the value of the variable 'a.b' has a string of 65537 bytes, the limit is 65536"),
    );
    await expect(give("é".repeat(32_768))).resolves.toBeDefined();
    await expect(give("é".repeat(32_769))).rejects.toEqual(refused("65538 bytes"));
  });

  it("looks into lists too", async () => {
    await expect(give([[{ deep: "x".repeat(65_537) }]])).rejects.toEqual(refused("'a.b'"));
    await expect(give([{ constructor: 1 }])).rejects.toEqual(
      refused("the value of the variable 'a.b' has the key constructor"),
    );
    await expect(give([JSON.parse('{ "__proto__": 1 }')])).rejects.toEqual(refused("__proto__"));
  });

  it("are checked where a nested object makes the path", async () => {
    await expect(give(JSON.parse('{ "__proto__": { "polluted": 1 } }'))).rejects.toEqual(refused("a.b.__proto__"));
    await expect(give({ "": 1 })).rejects.toEqual(refused("'a.b.' has an empty segment"));
    await expect(give({ $inc: 1 })).rejects.toEqual(refused("'a.b.$inc'"));
  });

  it.each([
    ["NaN", Number.NaN],
    ["an infinity", Number.POSITIVE_INFINITY],
    ["undefined", undefined],
    ["a Date", new Date(0)],
    ["a bigint", 1n],
    ["a function", () => 1],
    ["an undefined item", [undefined]],
  ])("may not be %s", async (_what, value) => {
    await expect(give(value)).rejects.toEqual(refused("the value of the variable 'a.b' is not JSON"));
  });

  it("are refused, not overflowed by, when they nest without end", async () => {
    let lists: unknown = [];
    for (let i = 0; i < 100_000; i++) lists = [lists];
    await expect(give(lists)).rejects.toEqual(refused("is nested deeper"));
    let objects: unknown = {};
    for (let i = 0; i < 100_000; i++) objects = { a: objects };
    await expect(give(objects)).rejects.toEqual(refused("has 17 segments"));
  });

  it("may not overlap, since the order of keys would decide", async () => {
    await expect(call(fn, { [argument]: { "a.b": 1, a: { b: 2 } } })).rejects.toEqual(refused("'a.b' appears twice"));
    await expect(call(fn, { [argument]: { "a.b": 1, a: 5 } })).rejects.toEqual(
      refused("the variable 'a' and its part 'a.b' cannot be changed in one call"),
    );
    await expect(call(fn, { [argument]: { a: {}, "a.b.c": 1 } })).rejects.toEqual(refused("its part 'a.b.c'"));
  });
});

describe("a refused call", () => {
  it("changes nothing, also where only its last variable is bad", async () => {
    await expect(changed("vars.set", { kv: { good: 1, "b..d": 2 } }, { old: 1 })).rejects.toEqual(refused("b..d"));
  });
});
