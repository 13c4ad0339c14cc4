import { describe, expect, it } from "vitest";
import { FlowError, type JsonObject } from "../../../src/errors/index.ts";
import { hasParam } from "../../../src/graph/format/params-schema.ts";
import { findParamRefs, parseGraph, resolveParams } from "../../../src/graph/index.ts";

const graphWith = (own: object, kv: object = { a: 1 }) =>
  parseGraph({
    nodes: [
      { node_id: "plain", type: "x" },
      {
        node_id: "own",
        type: "x",
        depends_on: ["plain"],
        io: { input_inline: { input_adapter: "pull.gather", ...own } },
      },
      { node_id: "fn", type: "coordinator_fn", io: { fn: "vars.set", fn_args: { kv } } },
    ],
  });

const ref = (name: string) => ({ $ref: `params.${name}` });

it("references are found in document order", () => {
  expect(findParamRefs(graphWith({ days: [ref("from"), { till: ref("range.till") }] }, { c: ref("list.0") }))).toEqual([
    { nodeId: "own", path: "/nodes/1/io/input_inline/days/0", name: ["from"] },
    { nodeId: "own", path: "/nodes/1/io/input_inline/days/1/till", name: ["range", "till"] },
    { nodeId: "fn", path: "/nodes/2/io/fn_args/kv/c", name: ["list", "0"] },
  ]);
});

describe("resolveParams", () => {
  it("returns the same graph if it has no references", () => {
    const graph = graphWith({ days: [1, { till: null }] });
    expect(resolveParams(graph, { days: 3 })).toBe(graph);
  });

  it("fills in values, keeps everything else, and does not modify the graph", () => {
    const graph = graphWith({ days: [ref("a"), { x: ref("b.c.1") }], keep: 1 }, { flag: ref("flag") });
    const before = JSON.stringify(graph);
    const params = { a: { deep: [1] }, b: { c: ["no", "yes"] }, flag: false };
    const resolved = resolveParams(graph, params);
    expect(resolved.nodes[1]?.io).toEqual({
      input_inline: { input_adapter: "pull.gather", days: [{ deep: [1] }, { x: "yes" }], keep: 1 },
    });
    expect(resolved.nodes[2]?.io).toEqual({ fn: "vars.set", fn_args: { kv: { flag: false } } });
    expect(resolved.nodes[0]).toBe(graph.nodes[0]);
    expect(JSON.stringify(graph)).toBe(before);
    params.a.deep.push(2);
    expect(resolved.nodes[1]?.io?.input_inline?.days).toEqual([{ deep: [1] }, { x: "yes" }]);
    expect(Object.isFrozen(resolved.nodes[1]?.io?.input_inline?.days)).toBe(true);
  });

  it("null is a value", () => {
    const [, own] = resolveParams(graphWith({ day: ref("day") }), { day: null }).nodes;
    expect(own?.io?.input_inline?.day).toBeNull();
  });

  it("removes one $ from an escaped key", () => {
    const graph = graphWith({ schema: { $$ref: "#/x", in: { $$$ref: 1 } }, $$ref: "top", $ref2: 1 });
    expect(resolveParams(graph, {}).nodes[1]?.io?.input_inline).toEqual({
      input_adapter: "pull.gather",
      schema: { $ref: "#/x", in: { $$ref: 1 } },
      $ref: "top",
      $ref2: 1,
    });
  });

  it.each([
    ["absent", {}, "day"],
    ["absent deep down", { day: {} }, "day.of.week"],
    ["inside a text", { day: "x" }, "day.length"],
    ["the length of a list", { day: [] }, "day.length"],
    ["a method of every object", {}, "toString"],
    ["the prototype", {}, "__proto__"],
  ])("a parameter that is %s", (_, params, name) => {
    const graph = graphWith({ days: [ref(name), ref("other")] });
    let error: unknown;
    try {
      resolveParams(graph, params as JsonObject);
    } catch (caught) {
      error = caught;
    }
    expect(FlowError.is(error, "PARAMS_INVALID")).toBe(true);
    expect(error).toMatchObject({
      message: expect.stringContaining(`node 'own' needs the parameter '${name}', which is not given`),
      details: {
        missing: [
          { nodeId: "own", path: "/nodes/1/io/input_inline/days/0", name },
          { nodeId: "own", path: "/nodes/1/io/input_inline/days/1", name: "other" },
        ],
      },
    });
  });
});

describe("hasParam", () => {
  const schema: JsonObject = {
    type: "object",
    properties: {
      date: { type: "string" },
      range: { $ref: "#/$defs/range" },
      list: { type: "array", items: { type: "object", properties: { id: {} } } },
      either: { anyOf: [{ type: "null" }, { type: "object", properties: { a: {} } }] },
      open: { type: "object" },
      record: { type: "object", additionalProperties: { type: "object", properties: { x: {} } } },
      ring: { $ref: "#/properties/ring" },
      outside: { $ref: "https://example.com/schema.json" },
    },
    additionalProperties: false,
    $defs: { range: { type: "object", properties: { from: {} } } },
  };
  it.each(["date", "range", "range.from", "list.3.id", "either.a", "open.x.y", "record.k.x", "ring.x", "outside.x"])(
    "%s: yes",
    (name) => expect(hasParam(schema, name.split("."))).toBe(true),
  );
  it.each(["dat", "date.x", "range.till", "list.x", "list.3.name", "either.b", "record.k.y", "toString"])(
    "%s: no",
    (name) => expect(hasParam(schema, name.split("."))).toBe(false),
  );
});
