import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../src/errors/index.ts";
import { anyJson, anyObject } from "./arbitrary-json.ts";
import { ContendedVars, call, changed, type LoggedLine, recordingLogger } from "./fake-context.ts";

const refused = (message: string) =>
  expect.objectContaining({ code: "bad_fn_args", permanent: true, message: expect.stringContaining(message) });

describe("vars.set", () => {
  it("sets dotted paths and nested objects alike, and leaves the rest", async () => {
    const kv = { "limits.rows": 10, run: { by: "cron", tags: ["a"] }, done: null };
    expect(await changed("vars.set", { kv }, { limits: { bytes: 1 }, run: { tags: ["b", "c"] }, other: true })).toEqual(
      {
        limits: { bytes: 1, rows: 10 },
        run: { by: "cron", tags: ["a"] },
        done: null,
        other: true,
      },
    );
  });

  it("takes the place of whatever stands in the way", async () => {
    for (const inTheWay of [5, "text", null, [1, 2]]) {
      expect(await changed("vars.set", { kv: { "a.b.c": 1 } }, { a: inTheWay, z: 1 })).toEqual({
        a: { b: { c: 1 } },
        z: 1,
      });
    }
    expect(await changed("vars.set", { kv: { a: 1 } }, { a: { b: 2 } })).toEqual({ a: 1 });
  });

  it("takes a list index for a key: paths lead through objects only", async () => {
    expect(await changed("vars.set", { kv: { "rows.0": 9 } }, { rows: [1, 2] })).toEqual({ rows: { 0: 9 } });
  });

  it("empties an object with an empty one", async () => {
    expect(await changed("vars.set", { kv: { a: {} } }, { a: { b: 1 } })).toEqual({ a: {} });
    expect(await changed("vars.set", { kv: {} }, { a: 1 })).toEqual({ a: 1 });
  });

  it("makes each variable readable at its path, and is undone by unset", async () => {
    const path = fc.array(fc.constantFrom("new1", "new2", "toString"), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom("x", "y"), anyJson),
        path,
        anyJson,
        async (vars, segments, value) => {
          const key = segments.join(".");
          const set = await changed("vars.set", { kv: { [key]: value } }, vars);
          expect(segments.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], set)).toEqual(
            value,
          );
          expect(await changed("vars.unset", { keys: [key] }, set)).toEqual(vars);
        },
      ),
    );
  });
});

describe("vars.merge", () => {
  it("merges deeply, leaves overwrite, lists are leaves", async () => {
    const data = { a: { list: [3], y: 2, "deep.er": 1 }, b: { c: 1 } };
    expect(await changed("vars.merge", { data }, { a: { list: [1, 2], x: 1 }, b: 7 })).toEqual({
      a: { list: [3], x: 1, y: 2, deep: { er: 1 } },
      b: { c: 1 },
    });
  });

  it("takes nothing away with an empty object, unlike vars.set", async () => {
    expect(await changed("vars.merge", { data: { a: {}, b: {}, c: {} } }, { a: { x: 1 }, b: 5 })).toEqual({
      a: { x: 1 },
      b: {},
      c: {},
    });
  });

  it("gives the same when it is repeated, and the data when there was nothing", async () => {
    await fc.assert(
      fc.asyncProperty(anyObject, anyObject, async (vars, data) => {
        const once = await changed("vars.merge", { data }, vars);
        expect(await changed("vars.merge", { data }, once)).toEqual(once);
        expect(await changed("vars.merge", { data }, {})).toEqual(data);
      }),
    );
  });
});

describe("vars.incr", () => {
  it("adds to a number, by one unless told", async () => {
    expect(await changed("vars.incr", { key: "a.n" }, { a: { n: 4, m: 1 } })).toEqual({ a: { n: 5, m: 1 } });
    expect(await changed("vars.incr", { key: "n", by: -2.5 }, { n: 1 })).toEqual({ n: -1.5 });
    expect(await changed("vars.incr", { key: "n", by: 0 }, {})).toEqual({ n: 0 });
  });

  it("creates the leaf and the objects around it", async () => {
    expect(await changed("vars.incr", { key: "a.b.n", by: 3 }, { a: { x: 1 } })).toEqual({ a: { x: 1, b: { n: 3 } } });
    expect(await changed("vars.incr", { key: "toString.valueOf" }, {})).toEqual({ toString: { valueOf: 1 } });
  });

  it.each<[JsonObject]>([[{ n: "5" }], [{ n: null }], [{ n: true }], [{ n: [1] }], [{ n: { x: 1 } }]])(
    "refuses to count in %j",
    async (vars) => {
      const access = new ContendedVars(vars);
      await expect(call("vars.incr", { key: "n" }, { vars: access })).rejects.toEqual(
        refused("the variable 'n' is not a number"),
      );
      expect(access.current).toEqual(vars);
    },
  );

  it.each<[JsonObject, string]>([
    [{ a: 5 }, "'a'"],
    [{ a: { b: [] } }, "'a.b'"],
    [{ a: { b: null } }, "'a.b'"],
  ])("refuses to take the place of what stands in the way: %j", async (vars, obstacle) => {
    await expect(changed("vars.incr", { key: "a.b.n" }, vars)).rejects.toEqual(
      refused(`the variable 'a.b.n' cannot be incremented: ${obstacle} is not an object`),
    );
  });

  it("refuses to pass the largest number", async () => {
    await expect(changed("vars.incr", { key: "n", by: 1e308 }, { n: 1.7e308 })).rejects.toEqual(
      refused("'n' would exceed"),
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, "1", null])("refuses by: %s", async (by) => {
    await expect(changed("vars.incr", { key: "n", by })).rejects.toThrow();
  });

  it("adds up, in any order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -1e9, max: 1e9 }), { maxLength: 20 }), async (steps) => {
        let vars: JsonObject = {};
        for (const by of steps) vars = await changed("vars.incr", { key: "total", by }, vars);
        expect(vars.total ?? 0).toBe(steps.reduce((sum, by) => sum + by, 0));
      }),
    );
  });
});

describe("vars.unset", () => {
  it("removes and prunes what became empty, not what was", async () => {
    const vars = { a: { b: { c: 1 } }, d: { e: 1, f: { g: 1 } }, empty: {} };
    expect(await changed("vars.unset", { keys: ["a.b.c", "d.f.g"] }, vars)).toEqual({ d: { e: 1 }, empty: {} });
    expect(await changed("vars.unset", { keys: ["empty.x", "d"] }, { d: { e: 1 }, empty: {} })).toEqual({ empty: {} });
  });

  it("removes what is there, whatever kind it is, with all below", async () => {
    expect(await changed("vars.unset", { keys: ["a", "b", "c"] }, { a: { x: 1 }, b: null, c: [1], d: 0 })).toEqual({
      d: 0,
    });
  });

  it("doesn't mind what isn't there, nor what stands in the way", async () => {
    const vars = { a: 5, list: [1, 2], n: null };
    const keys = ["missing", "a.b", "list.0", "list.length", "n.x", "toString", "a", "a", "a.c"];
    expect(await changed("vars.unset", { keys }, vars)).toEqual({ list: [1, 2], n: null });
  });
});

describe.each<[string, unknown, JsonObject]>([
  ["vars.set", { kv: { "a.list": [1, { x: 1 }], b: { c: 2 } } }, { a: { list: [0] } }],
  ["vars.merge", { data: { a: { list: [1, { x: 1 }] }, b: { c: 2 } } }, { a: { list: [0] } }],
  ["vars.incr", { key: "a.n", by: 2 }, { a: { n: 1 } }],
  ["vars.unset", { keys: ["a.n", "b"] }, { a: { n: 1 }, b: { c: 1 } }],
])("%s under contention", (fn, args, vars) => {
  it("gives equal variables for equal variables, and shares nothing between them", async () => {
    const access = new ContendedVars(vars); // frozen: a change in place would throw
    await call(fn, args, { vars: access });
    const [first, second] = access.results;
    expect(first).toEqual(second);
    expect(sharedObjects(first, second)).toBe(0);
    expect(sharedObjects(first, args)).toBe(0);
  });

  it("starts over from what others wrote in between", async () => {
    const interlopers = [1, 2].map((n) => (current: JsonObject) => ({ ...current, [`other${n}`]: n }));
    const access = new ContendedVars(vars, { interlopers });
    await call(fn, args, { vars: access });
    expect(access.current).toEqual({ ...(await changed(fn, args, vars)), other1: 1, other2: 2 });
  });

  it("stores the same artifact when an earlier attempt's change is in the variables already", async () => {
    const access = new ContendedVars(vars, { applied: true });
    expect(await call(fn, args, { vars: access })).toEqual(await call(fn, args, { vars: new ContendedVars(vars) }));
    expect(access.current).toEqual(vars);
  });
});

it("counts on what an interloper counted", async () => {
  const add = (current: JsonObject) => ({ ...current, n: (current.n as number) + 10 });
  const access = new ContendedVars({ n: 1 }, { interlopers: [add, add, add] });
  await call("vars.incr", { key: "n" }, { vars: access });
  expect(access.current).toEqual({ n: 32 });
});

it("logs sorted paths and their number, and no value", async () => {
  const lines: LoggedLine[] = [];
  const kv = { zeta: "value-one", alpha: { beta: ["value-two"] } };
  await call("vars.set", { kv }, { logger: recordingLogger(lines) });
  expect(lines).toEqual([{ fields: { keys: ["alpha.beta", "zeta"], count: 2 }, message: "variables changed" }]);
});

function sharedObjects(a: unknown, b: unknown): number {
  const inA = new Set(objectsIn(a));
  return objectsIn(b).filter((object) => inA.has(object)).length;
}

function objectsIn(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}
