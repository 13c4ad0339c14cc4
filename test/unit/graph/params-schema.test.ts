import { describe, expect, it, test } from "vitest";
import * as z from "zod";
import { taskParams } from "../../../src/core/coordinator/new-task.ts";
import { defineHandler, flow, fromGraph } from "../../../src/dsl/index.ts";
import type { JsonObject } from "../../../src/errors/index.ts";
import { parseGraph, resolveParams, validateGraph } from "../../../src/graph/index.ts";

const graphWith = (params_schema: JsonObject, io: object = {}) => ({
  nodes: [{ node_id: "a", type: "x", io }],
  params_schema,
});
const ofText = (part: JsonObject): JsonObject => ({
  type: "object",
  properties: { text: { type: "string", ...part } },
});

function findingsOf(params_schema: JsonObject) {
  const validation = validateGraph(graphWith(params_schema));
  return validation.ok ? [] : validation.findings;
}

/** The parameters of a task of this graph, or the code of the error that rejects them. */
function accepts(params_schema: JsonObject, params: unknown): unknown {
  try {
    return taskParams({ params, schema: undefined, graph: parseGraph(graphWith(params_schema)) });
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe("a pattern of params_schema", () => {
  const evil = ["^(a+)+$", "^(a|a)*$", "^(a?){40}a{40}$", "(x+x+)+y", ".*a.*a.*a.*a$", "a+b"];
  const attack = `${"a".repeat(100_000)}!`;

  test.for(evil)("%s takes linear time", (pattern) => {
    const nested: JsonObject[] = [
      ofText({ pattern }),
      { type: "object", properties: { text: { type: ["string", "null"], pattern, default: "b" } } },
      {
        type: "object",
        properties: { text: { anyOf: [{ type: "integer" }, { $ref: "#/$defs/t" }] } },
        $defs: { t: { type: "string", pattern } },
      },
      { type: "object", additionalProperties: { type: "string", pattern } },
      {
        type: "object",
        properties: { text: { type: "string", allOf: [{ type: "string", pattern, readOnly: true }] } },
      },
    ];
    for (const schema of nested) expect(accepts(schema, { text: attack })).toBe("PARAMS_INVALID");
    expect(accepts({ type: "object", propertyNames: { pattern } }, { [attack]: 1 })).toBe("PARAMS_INVALID");
    const list: JsonObject = {
      type: "object",
      properties: { list: { type: "array", contains: { type: "string", pattern } } },
    };
    expect(accepts(list, { list: [attack] })).toBe("PARAMS_INVALID");
    const { paramsSchema } = fromGraph(graphWith(ofText({ pattern })));
    expect(paramsSchema && z.safeParse(paramsSchema, { text: attack }).success).toBe(false);
  });

  test("accepts matching text only", () => {
    const schema = ofText({ pattern: "b+$", minLength: 2, description: "ends with b" });
    expect(accepts(schema, { text: "abb" })).toEqual({ text: "abb" });
    expect(accepts(schema, { text: "ba" })).toBe("PARAMS_INVALID");
    expect(accepts(schema, { text: "b" })).toBe("PARAMS_INVALID");
    expect(() =>
      taskParams({ params: { text: "ba" }, schema: undefined, graph: parseGraph(graphWith(schema)) }),
    ).toThrow("/b+$/");
    // A property named `pattern`, and data, are not patterns.
    const named: JsonObject = {
      type: "object",
      properties: { pattern: { type: "object", default: { pattern: "(?=x)" } } },
    };
    expect(accepts(named, {})).toEqual({ pattern: { pattern: "(?=x)" } });
  });

  test.for(["(?=a)b", "^(?!a)", "(?<=a)b", "(a)\\1", "(?<n>a)\\k<n>", "(?i)a", "(", "a{1001}"])(
    "%s is refused",
    (pattern) => {
      expect(findingsOf(ofText({ pattern }))).toMatchObject([
        {
          code: "GRAPH_PARAMS_SCHEMA",
          path: "/params_schema/properties/text/pattern",
          message: expect.stringContaining("RE2"),
        },
      ]);
    },
  );

  test("must not exceed the limits", () => {
    expect(findingsOf(ofText({ pattern: "a".repeat(1_000) }))).toEqual([]);
    expect(findingsOf(ofText({ pattern: "a".repeat(1_001) }))).toMatchObject([{ code: "GRAPH_TOO_LARGE" }]);
    const many = Array.from({ length: 10 }, () => ({ type: "string", pattern: "(a?){300}" }));
    expect(findingsOf(ofText({ anyOf: many }))).toMatchObject([
      { code: "GRAPH_TOO_LARGE", message: expect.stringContaining("10000") },
    ]);
  });

  test("of keys must not contain repetition", () => {
    const keyed = (pattern: string): JsonObject => ({
      type: "object",
      patternProperties: { [pattern]: { type: "integer" } },
    });
    expect(accepts(keyed("^x-[a-z]"), { "x-a": 1 })).toEqual({ "x-a": 1 });
    expect(accepts(keyed("^x-[a-z]"), { "x-a": "1" })).toBe("PARAMS_INVALID");
    expect(findingsOf(keyed("^(a+)+$"))).toMatchObject([{ code: "GRAPH_PARAMS_SCHEMA" }]);
  });

  test("that zod writes for its own formats is accepted and matches as in zod", () => {
    const examples: readonly (readonly [z.ZodType, string])[] = [
      [z.email(), "a@b.de"],
      [z.uuid(), "9b2f6a0e-4b1c-4d0e-8f3a-2c1d5e6f7a8b"],
      [z.url(), "https://a.de"],
      [z.hostname(), "a.de"],
      [z.emoji(), "🙂"],
      [z.base64(), "YQ=="],
      [z.base64url(), "YQ"],
      [z.nanoid(), "V1StGXR8_Z5jdHi6B-myT"],
      [z.cuid2(), "tz4a98xxat96iws9zmbrgj3a"],
      [z.ulid(), "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
      [z.ipv4(), "1.2.3.4"],
      [z.ipv6(), "::1"],
      [z.cidrv4(), "1.2.3.0/24"],
      [z.cidrv6(), "::/8"],
      [z.mac(), "00:11:22:33:44:55"],
      [z.e164(), "+491234567"],
      [z.iso.date(), "2026-11-24"],
      [z.iso.time(), "12:00:00"],
      [z.iso.datetime(), "2026-11-24T12:00:00Z"],
      [z.iso.datetime({ offset: true, local: true, precision: 3 }), "2026-11-24T12:00:00.123+01:00"],
      [z.iso.duration(), "P3D"],
      [z.string().startsWith("ab"), "abc"],
      [z.string().endsWith("ab"), "cab"],
      [z.string().includes("ab"), "cabc"],
      [z.templateLiteral([z.string(), "-", z.int()]), "a-1"],
      ...Object.values(z.regexes).flatMap((known) =>
        known instanceof RegExp ? [[z.string().regex(known), ""] as const] : [],
      ),
    ];
    for (const [text, example] of examples) {
      const { $schema: _, ...schema } = z.toJSONSchema(z.object({ text }), { io: "input" });
      const json = schema as JsonObject;
      expect(findingsOf(json), JSON.stringify(json)).toEqual([]);
      if (example === "") continue;
      expect(accepts(json, { text: example })).toEqual({ text: example });
      expect(accepts(json, { text: "?!" })).toBe("PARAMS_INVALID");
    }
  });

  test("of a flow is left out of its graph if RE2 does not support it", () => {
    const params = z.object({ word: z.string().regex(/^(?=.*x)/), other: z.string().regex(/^x+$/) });
    const { params_schema } = flow("f", { params })
      .node("a", defineHandler("a", { output: z.int(), iterBatches: () => [] }))
      .compile();
    expect(params_schema?.properties).toEqual({ word: { type: "string" }, other: { type: "string", pattern: "^x+$" } });
  });
});

describe("a schema that refers to itself", () => {
  const loops: readonly JsonObject[] = [
    { $ref: "#" },
    { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } },
    {
      type: "object",
      properties: { x: { $ref: "#/$defs/x" } },
      $defs: { x: { anyOf: [{ type: "string" }, { $ref: "#/$defs/x" }] } },
    },
    { allOf: [{ type: "object" }, { $ref: "#" }] },
  ];
  test.for(loops)("for the same value is rejected: %j", (schema) => {
    expect(findingsOf(schema)).toMatchObject([
      { code: "GRAPH_PARAMS_SCHEMA", message: expect.stringContaining("itself") },
    ]);
  });

  const tree: JsonObject = { type: "object", properties: { children: { type: "array", items: { $ref: "#" } } } };

  test("for a nested value describes a tree of any allowed depth", () => {
    expect(accepts(tree, { children: [{ children: [] }] })).toEqual({ children: [{ children: [] }] });
    let deep: object = {};
    for (let level = 0; level < 10_000; level++) deep = { children: [deep] };
    expect(accepts(tree, deep)).toBe("PARAMS_TOO_LARGE");
  });

  test("often enough to take exponential time is rejected", () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `d${i}`,
        { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
      ]),
    );
    const schema = { $ref: "#/$defs/d0", $defs: { ...$defs, d40: { type: "string" } } };
    expect(findingsOf(schema)).toMatchObject([
      { code: "GRAPH_TOO_LARGE", message: expect.stringContaining("1000 schemas") },
    ]);
  });
});

test("a schema that zod does not support is reported with a code", () => {
  expect(accepts({ type: "object", not: { required: ["a"] } }, {})).toBe("GRAPH_INVALID");
});

describe("limits of parameters", () => {
  const megabyte = "x".repeat(1_000_000);

  it("apply to the parameters", () => {
    expect(accepts({ type: "object" }, { a: megabyte })).toEqual({ a: megabyte });
    expect(accepts({ type: "object" }, { a: Array(5).fill(megabyte) })).toBe("PARAMS_TOO_LARGE");
    const circular: Record<string, unknown> = {};
    circular.a = circular;
    expect(accepts({ type: "object" }, circular)).toBe("PARAMS_TOO_LARGE");
  });

  it("apply to the graph with the parameters filled in", () => {
    const nodes = Array.from({ length: 300 }, (_, i) => ({
      node_id: `n${i}`,
      type: "x",
      io: { input_inline: { text: { $ref: "params.text" } } },
    }));
    const graph = parseGraph({ nodes });
    expect(() => resolveParams(graph, { text: megabyte })).toThrow(
      expect.objectContaining({ code: "PARAMS_TOO_LARGE", message: expect.stringContaining("4194304 bytes") }),
    );
    let deep: JsonObject = {};
    for (let level = 0; level < 62; level++) deep = { deep };
    expect(() => resolveParams(graph, { text: deep })).toThrow(expect.objectContaining({ code: "PARAMS_TOO_LARGE" }));
  });

  it("all references to a parameter share one copy", () => {
    const own = { one: { $ref: "params.rows" }, two: { $ref: "params.rows" } };
    const graph = parseGraph({ nodes: [{ node_id: "a", type: "x", io: { input_inline: own } }] });
    const resolved = resolveParams(graph, { rows: [1, 2] }).nodes[0]?.io?.input_inline;
    expect(resolved?.one).toBe(resolved?.two);
  });
});
