import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { Json, JsonObject } from "../../../src/errors/index.ts";
import { type DataType, objectOf } from "../../../src/graph/data/data-type.ts";
import { leftCases, narrow } from "../../../src/graph/data/narrow.ts";
import { readSchema } from "../../../src/graph/data/read-schema.ts";
import { showType } from "../../../src/graph/data/show-type.ts";
import { canonicalPattern, matcher, patternWords } from "../../../src/graph/format/pattern.ts";
import {
  canonicalGraph,
  diffGraphs,
  graphHash,
  parseGraph,
  toMermaid,
  validateGraph,
} from "../../../src/graph/index.ts";

const scalar = fc.constantFrom<Json>("a", "b", 1, 2, true, null);
const key = fc.constantFrom("kind", "at", "$not", "$$not", "$exists");
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie("value"), { maxLength: 2 }), fc.dictionary(key, tie("value"))),
}));
const escaped = (text: string) => (/^\$+(not|exists)$/.test(text) ? `$${text}` : text);
const { pattern } = fc.letrec<{ pattern: Json }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(scalar, { minLength: 1, maxLength: 3 }),
    fc.record({ $not: tie("pattern") }),
    fc.record({ $exists: fc.boolean() }),
    fc.dictionary(key.map(escaped), tie("pattern")),
  ),
}));

describe("a pattern", () => {
  it.each<[pattern: Json, matching: Json[], others: (Json | undefined)[]]>([
    ["a", ["a"], ["b", 1, null, undefined, ["a"], { a: "a" }]],
    [null, [null], [undefined, 0, "", {}]],
    [1, [1], ["1", true, undefined]],
    [
      ["a", 2],
      ["a", 2],
      ["2", ["a", 2], undefined],
    ],
    [{ kind: "a" }, [{ kind: "a" }, { kind: "a", more: 1 }], [{}, "a", null, [{ kind: "a" }], { kind: ["a"] }]],
    [{ at: { city: ["x", "y"] } }, [{ at: { city: "y" } }], [{ at: "y" }, { at: {} }, { city: "y" }]],
    [{ $not: "a" }, ["b", null, {}], ["a"]],
    [{ kind: { $not: "a" } }, [{}, { kind: "b" }], [{ kind: "a" }, "b"]],
    [{ kind: { $exists: true } }, [{ kind: null }], [{}, undefined]],
    [{ kind: { $exists: false } }, [{}, { other: 1 }], [{ kind: null }]],
    [{ constructor: { $exists: true } }, [{ constructor: 1 }], [{}]],
    [{ $$not: "a", $$$exists: 1 }, [{ $not: "a", $$exists: 1 }], [{ $$not: "a" }]],
    [{}, [{}, { a: 1 }], [[], null, "a"]],
  ])("%j", (where, matching, others) => {
    const matches = matcher(where);
    for (const each of matching) expect(matches(each)).toBe(true);
    for (const each of others) expect(matches(each)).toBe(false);
  });

  it("means the same in canonical form, which is the same for all of its spellings", () => {
    fc.assert(
      fc.property(pattern, value, (where, data) => {
        expect(matcher(canonicalPattern(where))(data)).toBe(matcher(where)(data));
        expect(canonicalPattern(canonicalPattern(where))).toEqual(canonicalPattern(where));
      }),
    );
    const one = { kind: ["b", "a", "b"], at: { $not: { $exists: true } }, n: [1] };
    expect(JSON.stringify(canonicalPattern(one))).toBe('{"at":{"$exists":false},"kind":["a","b"],"n":1}');
  });

  it("in words", () => {
    const where = { kind: ["a", "b"], at: { city: { $not: "x" }, zip: { $exists: false } } };
    expect(patternWords(where)).toBe("kind: a or b, at.city: not x, at.zip: missing");
  });
});

const both = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("refund"), cents: z.int() }),
  z.object({ kind: z.literal("bank"), at: z.object({ country: z.enum(["de", "fr"]) }), note: z.string().optional() }),
]);
const typed = (schema: z.ZodType): DataType => readSchema(z.toJSONSchema(schema) as JsonObject);

describe("the cases of a key that no pattern takes", () => {
  const values = ["a", "b", "c"];
  const listed = fc.oneof(fc.constantFrom<Json>(...values), fc.subarray(values, { minLength: 1 }));
  const taking = fc.oneof(
    listed,
    listed.map((one) => ({ $not: one })),
    fc.boolean().map((exists) => ({ $exists: exists })),
  );

  it("are those that match none of them", () => {
    fc.assert(
      fc.property(fc.array(taking, { maxLength: 4 }), fc.boolean(), fc.boolean(), (patterns, isOpen, optional) => {
        const field: DataType = isOpen ? { kind: "string" } : { kind: "values", values };
        const type = objectOf([["key", { type: () => field, optional }]]);
        const left = leftCases(type, ["key"], patterns) ?? [];
        const takes = (value: Json | undefined) => patterns.some((one) => matcher(one)(value));
        const all = [...values, ...(isOpen ? ["another"] : []), ...(optional ? [undefined] : [])];
        expect(left.length === 0).toBe(all.every(takes));
        // The named cases do go nowhere.
        for (const one of left) {
          if (one === "missing") expect(takes(undefined)).toBe(false);
          else if (one.kind === "values") for (const value of one.values) expect(takes(value)).toBe(false);
          else expect(takes("another")).toBe(false);
        }
      }),
    );
  });
});

describe("what a pattern leaves of a type", () => {
  it.each<[where: Json, left: string]>([
    [{ kind: "refund" }, '{ kind: "refund", cents: number }'],
    [{ kind: { $not: "refund" } }, '{ kind: "bank", at: { country: "de" | "fr" }, note?: string }'],
    [{ at: { country: { $not: "de" } } }, '{ kind: "bank", at: { country: "fr" }, note?: string }'],
    [{ note: { $exists: true } }, '{ kind: "bank", at: { country: "de" | "fr" }, note: string }'],
    [{ at: { $exists: false } }, '{ kind: "refund", cents: number }'],
    [{ note: "x" }, '{ kind: "bank", at: { country: "de" | "fr" }, note: "x" }'],
    [{ $not: { kind: "bank" } }, '{ kind: "refund", cents: number }'],
    [{ kind: "refund", at: { country: "de" } }, "nothing"],
    [{ cents: { $not: { $exists: true } }, kind: "refund" }, "nothing"],
  ])("%j", (where, left) => {
    const narrowed = narrow(typed(both), where);
    expect(narrowed === undefined ? "nothing" : showType(narrowed)).toBe(left);
  });

  it("has every value that matches", () => {
    const schema = z.union([
      z.object({ kind: z.enum(["a", "b"]), at: z.union([z.literal(1), z.null()]).optional() }),
      z.object({ kind: z.literal("c"), at: z.object({ kind: z.string() }) }),
    ]);
    const data = fc.oneof(
      fc.record({ kind: fc.constantFrom("a", "b"), at: fc.constantFrom(1, null) }, { requiredKeys: ["kind"] }),
      fc.record({ kind: fc.constant("c"), at: fc.record({ kind: fc.constantFrom("a", "x") }) }),
    );
    fc.assert(
      fc.property(pattern, data, (where, given) => {
        fc.pre(matcher(where)(given as Json));
        const left = narrow(typed(schema), where);
        expect(left).toBeDefined();
        expect(fitsIn(given as Json, left as DataType)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

function fitsIn(data: Json | undefined, type: DataType): boolean {
  switch (type.kind) {
    case "any":
      return true;
    case "union":
      return type.members.some((member) => fitsIn(data, member));
    case "values":
      return type.values.includes(data as string);
    case "object":
      return (
        typeof data === "object" &&
        [...type.fields].every(([name, field]) => {
          const inner = (data as JsonObject)[name];
          return inner === undefined ? field.optional : fitsIn(inner, field.type());
        })
      );
    default:
      return typeof data === type.kind;
  }
}

const outputs = { src: { output: z.toJSONSchema(both) as JsonObject }, sink: {} };
const graphWith = (where: Json, more: JsonObject = {}) => ({
  nodes: [
    { node_id: "s", type: "src" },
    {
      node_id: "n",
      type: "sink",
      depends_on: ["s"],
      io: { input_inline: { input_adapter: "pull.from_artifacts", input_args: { where, ...more } } },
    },
  ],
});

describe("where in a graph", () => {
  it("makes it version 1.1; without it, the version is 1.0", () => {
    expect(parseGraph(graphWith({ kind: "a" })).schema_version).toBe("1.1");
    const { nodes } = graphWith({ kind: "a" });
    expect(parseGraph({ nodes: [nodes[0]] }).schema_version).toBe("1.0");
    expect(parseGraph({ schema_version: "1.1", nodes: [nodes[0]] }).schema_version).toBe("1.0");
  });

  it("is an argument like others of a custom adapter that declares one of this name", () => {
    const adapters = [{ name: "mine", args: z.object({ where: z.record(z.string(), z.string()) }) }];
    const raw = graphWith({ $not: "x", b: "y" });
    const [first, second] = raw.nodes;
    const nodes = [first, { ...second, io: { input_inline: { ...second?.io?.input_inline, input_adapter: "mine" } } }];
    const graph = parseGraph({ nodes }, { adapters });
    expect(graph.schema_version).toBe("1.0");
    expect(canonicalGraph(graph).nodes[1]?.io?.input_inline?.input_args?.where).toEqual({ $not: "x", b: "y" });
    expect(() => parseGraph({ nodes }, { adapters: [{ name: "mine", args: z.object({}) }] })).toThrow("where");
  });

  it("is the same in every order of keys and of lists", () => {
    const one = parseGraph(graphWith({ kind: ["a", "b"], at: 1 }));
    const other = parseGraph(graphWith({ at: [1], kind: ["b", "a"] }));
    expect(graphHash(one)).toBe(graphHash(other));
    expect(diffGraphs(one, other).same).toBe(true);
    expect(diffGraphs(one, parseGraph(graphWith({ kind: "a", at: 1 }))).nodes.changed).toEqual([
      { nodeId: "n", changes: [{ path: "/io/input_inline/input_args/where/kind", before: ["a", "b"], after: "a" }] },
    ]);
  });

  it("is drawn along its edges", () => {
    expect(toMermaid(parseGraph(graphWith({ kind: "a" })))).toContain("s -->|kind: a| n");
  });

  it.each<[where: Json, path: string, message: string]>([
    [{ kind: [] }, "/kind", "where.kind must not be empty, got an empty list"],
    [{ kind: [["a"]] }, "/kind/0", "where.kind[0] must be a string, a number, true, false or null, got a list"],
    [
      { kind: { $not: "a", b: 1 } },
      "/kind",
      "where.kind must have no other key besides $not (write $$not for a key $not), got an object",
    ],
    [{ kind: { $exists: 1 } }, "/kind/$exists", "where.kind.$exists must be true or false, got 1"],
  ])("%j is refused", (where, path, message) => {
    expect(validateGraph(graphWith(where))).toMatchObject({
      findings: [
        {
          code: "GRAPH_ADAPTER_ARGS",
          path: `/nodes/1/io/input_inline/input_args/where${path}`,
          message: `node 'n': adapter 'pull.from_artifacts': ${message}`,
        },
      ],
    });
  });

  it.each<[where: Json, path: string, message: string]>([
    [{ kind: "refnd" }, "/kind", `where.kind cannot be "refnd": it is "refund" | "bank"`],
    [{ kind: ["bank", "bnk"] }, "/kind/1", `where.kind cannot be "bnk": it is "refund" | "bank"`],
    [{ kind: { $not: "bnk" } }, "/kind/$not", `where.kind cannot be "bnk": it is "refund" | "bank"`],
    [{ knd: "bank" }, "/knd", "where.knd is not a key of the data, which has kind, cents, at, note"],
    [{ at: { country: "it" } }, "/at/country", `where.at.country cannot be "it": it is "de" | "fr"`],
    [{ cents: { x: 1 } }, "/cents", "where.cents cannot be an object: it is number"],
    [{ kind: "refund", at: { country: "de" } }, "", "no batch of 's' matches its where"],
  ])("%j cannot match the graph's schemas", (where, path, message) => {
    expect(validateGraph({ ...graphWith(where), schemas: outputs })).toMatchObject({
      findings: [
        {
          code: "GRAPH_EDGE_DATA",
          path: `/nodes/1/io/input_inline/input_args/where${path}`,
          message: `node 'n': ${message}`,
        },
      ],
    });
  });

  it("checks the input of the node against what it leaves of each source", () => {
    const input = z.toJSONSchema(z.object({ cents: z.int() }), { io: "input" }) as JsonObject;
    const schemas = { ...outputs, sink: { input } };
    expect(validateGraph({ ...graphWith({ kind: "refund" }), schemas }).ok).toBe(true);
    expect(validateGraph({ ...graphWith({ kind: "bank" }), schemas })).toMatchObject({
      findings: [{ message: expect.stringContaining("edge 's' -> 'n': .cents is missing") }],
    });
  });
});
