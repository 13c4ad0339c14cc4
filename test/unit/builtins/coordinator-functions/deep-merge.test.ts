import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeConcatenating, mergeOverwriting } from "../../../../src/builtins/coordinator-functions/deep-merge.ts";
import { ownCopy } from "../../../../src/builtins/coordinator-functions/owned-json.ts";
import type { Json } from "../../../../src/errors/index.ts";
import { alikeTriple, anyJson, anyObject } from "./arbitrary-json.ts";
import { deepFreeze } from "./fake-context.ts";

const overwrite = (a: Json, b: Json): Json => mergeOverwriting(ownCopy(deepFreeze(a)), ownCopy(deepFreeze(b)));
const concatenate = (a: Json, b: Json): Json => mergeConcatenating(ownCopy(deepFreeze(a)), ownCopy(deepFreeze(b)));

describe("merging two values of one place", () => {
  it("merges objects key by key, at every depth", () => {
    expect(overwrite({ a: { x: 1, z: { p: 1 } }, b: 1 }, { a: { y: 2, z: { q: 2 } }, c: 3 })).toEqual({
      a: { x: 1, y: 2, z: { p: 1, q: 2 } },
      b: 1,
      c: 3,
    });
  });

  it.each<[earlier: Json, later: Json]>([
    [1, 2],
    [{ a: 1 }, 5],
    [5, { a: 1 }],
    [[1], { a: 1 }],
    [{ a: 1 }, [1]],
    [{ a: 1 }, null],
    [null, { a: 1 }],
  ])("of %j and %j the later stands", (earlier, later) => {
    expect(overwrite(earlier, later)).toEqual(later);
    expect(concatenate(earlier, later)).toEqual(later);
  });

  it("replaces lists, or joins them, at every depth", () => {
    const [earlier, later] = [{ a: { l: [1, 2] } }, { a: { l: [2, 3] } }];
    expect(overwrite(earlier, later)).toEqual({ a: { l: [2, 3] } });
    expect(concatenate(earlier, later)).toEqual({ a: { l: [1, 2, 2, 3] } });
  });

  it("joins lists of any length", () => {
    const long = Array.from({ length: 300_000 }, (_, i) => i);
    expect(concatenate(long, long)).toHaveLength(600_000);
  });

  it.each([
    ["overwriting", overwrite],
    ["concatenating", concatenate],
  ])("is associative where kinds agree (%s)", async (_rule, merge) => {
    await fc.assert(
      fc.property(alikeTriple, ([a, b, c]) => {
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)));
      }),
    );
  });

  it("is not associative where kinds mix, as the comment says", () => {
    expect(overwrite(overwrite({ a: 1 }, 5), { b: 2 })).toEqual({ b: 2 });
    expect(overwrite({ a: 1 }, overwrite(5, { b: 2 }))).toEqual({ a: 1, b: 2 });
  });

  it("has the empty object as its identity among objects, and overwriting is idempotent", async () => {
    await fc.assert(
      fc.property(anyObject, (object) => {
        expect(overwrite({}, object)).toEqual(object);
        expect(overwrite(object, {})).toEqual(object);
        expect(overwrite(object, object)).toEqual(object);
      }),
    );
  });

  it("agrees with reading every leaf of the later value", async () => {
    await fc.assert(
      fc.property(anyObject, anyObject, (earlier, later) => {
        const merged = overwrite(earlier, later);
        for (const [path, value] of leavesOf(later)) expect(at(merged, path)).toEqual(value);
      }),
    );
  });

  it("reaches no prototype", () => {
    const evil: Json = JSON.parse(
      '{ "a": { "constructor": { "prototype": { "polluted": 1 } } }, "toString": { "x": 1 } }',
    );
    expect(concatenate({ a: {} }, evil)).toEqual(evil);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect({}.toString()).toBe("[object Object]");
    expect(() => concatenate({}, JSON.parse('{ "__proto__": { "polluted": 1 } }'))).toThrow("__proto__");
  });

  it("leaves its inputs alone", async () => {
    await fc.assert(
      fc.property(anyJson, anyJson, (earlier, later) => {
        const before = structuredClone([earlier, later]);
        overwrite(earlier, later);
        concatenate(earlier, later);
        expect([earlier, later]).toEqual(before);
      }),
    );
  });
});

function* leavesOf(value: Json, path: readonly string[] = []): Generator<readonly [readonly string[], Json]> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) yield [path, value];
  else for (const [key, inner] of Object.entries(value)) yield* leavesOf(inner, [...path, key]);
}

function at(value: Json, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (inner, key) => (inner as { readonly [key: string]: Json } | undefined)?.[key],
    value,
  );
}
