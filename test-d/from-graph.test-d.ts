import { expectTypeOf } from "expect-type";
import { type FlowDefinition, fromGraph, type Graph, type Json, type JsonObject, param } from "flowkit";
import type { Engine } from "flowkit/engine";
import { describe, test } from "vitest";
import * as z from "zod";
import { clean, count, extract, notify } from "./handlers.ts";

const json = {
  name: "etl",
  nodes: [
    { node_id: "extract", type: "extractor", io: { input_inline: { batchSize: 10 } } },
    {
      node_id: "clean",
      type: "cleaner",
      depends_on: ["extract"],
      io: {
        input_inline: {
          input_adapter: "pull.from_artifacts.rechunk:size",
          input_args: { size: 10, meta_list_key: "rows" },
        },
      },
    },
    { node_id: "count", type: "counter", depends_on: ["extract"] },
    {
      node_id: "merge",
      type: "coordinator_fn",
      depends_on: ["count"],
      io: { fn: "merge.generic", fn_args: { from_nodes: ["count"], target: { key: "all" } } },
    },
    {
      node_id: "tell",
      type: "coordinator_fn",
      depends_on: ["merge"],
      io: { fn: "slack.notify", fn_args: { channel: "x" } },
    },
  ],
  params_schema: {
    type: "object",
    properties: { date: { type: "string" }, days: { type: "integer", default: 1 } },
    required: ["date"],
  },
  schemas: {
    counter: {
      output: {
        type: "object",
        properties: {
          n: { type: "integer" },
          kind: { enum: ["a", "b"] },
          tags: { type: "array", items: { anyOf: [{ type: "string" }, { type: "null" }] } },
          more: { type: "object", additionalProperties: { type: "boolean" } },
          odd: { allOf: [] },
          or: { type: ["string", "null"] },
          one: { const: 1 },
        },
        required: ["n", "kind"],
      },
    },
  },
} as const;

declare const engine: Engine;

const parsed = fromGraph(JSON.parse("{}"), { handlers: [extract, clean] });

describe("a literal JSON", () => {
  const loaded = fromGraph(json, { handlers: [extract, clean], fns: [notify] });
  type Loaded = typeof loaded.$infer;

  test("outputs from the handlers, then from the schemas", () => {
    expectTypeOf<Loaded["outputs"]["clean"]>().toEqualTypeOf<{ rows: { id: string; cents: number }[]; note: string }>();
    expectTypeOf<Loaded["outputs"]["count"]>().toEqualTypeOf<{
      n: number;
      kind: "a" | "b";
      tags?: (string | null)[];
      more?: { [key: string]: boolean };
      odd?: Json;
      or?: string | null;
      one?: 1;
    }>();
    expectTypeOf<Loaded["outputs"]["merge"]["all"]["n"]>().toEqualTypeOf<number>();
    expectTypeOf<Loaded["outputs"]["tell"]>().toEqualTypeOf<{ sent: boolean }>();
  });

  test("results by leaf", () => {
    expectTypeOf<Loaded["results"]>().toEqualTypeOf<{
      readonly clean: { kept: number };
      readonly tell: { sent: boolean };
    }>();
  });

  test("the handlers that were given", () => {
    expectTypeOf<keyof typeof loaded.handlers>().toEqualTypeOf<"extractor" | "cleaner">();
    expectTypeOf(loaded.handlers.cleaner).toEqualTypeOf(clean);
    expectTypeOf<keyof typeof parsed.handlers>().toEqualTypeOf<"extractor" | "cleaner">();
    expectTypeOf<Loaded["name"]>().toEqualTypeOf<"etl">();
  });

  test("parameters", () => {
    expectTypeOf<Loaded["params"]>().toEqualTypeOf<{ date: string; days?: number }>();
    // The engine fills in defaults.
    loaded.node("more", extract, { args: { batchSize: param("days") } });
  });

  test("is what the engine takes", async () => {
    expectTypeOf(loaded).toExtend<FlowDefinition>();
    expectTypeOf(loaded.compile()).toEqualTypeOf<Graph>();
    const task = await engine.run(loaded, { params: { date: "2026-11-24" } });
    for await (const { rows } of task.artifacts("clean"))
      expectTypeOf(rows[0]?.cents).toEqualTypeOf<number | undefined>();
    // @ts-expect-error no such node
    task.artifacts("cleen");
    // @ts-expect-error 'date' is missing
    await engine.run(loaded, { params: {} });
  });

  test("inline, without a const of its own", () => {
    const inline = fromGraph({
      nodes: [
        { node_id: "a", type: "x" },
        { node_id: "b", type: "x" },
      ],
      edges: [["a", "b"]],
    });
    expectTypeOf<(typeof inline.$infer)["outputs"]>().toEqualTypeOf<{ readonly a: Json; readonly b: Json }>();
    expectTypeOf<(typeof inline.$infer)["results"]>().toEqualTypeOf<{ readonly b: Json }>();
    expectTypeOf<(typeof inline.$infer)["params"]>().toEqualTypeOf<{}>();
  });

  test("handlers by name, schemas for the rest", () => {
    const byName = fromGraph(json, {
      handlers: { extract },
      fns: [notify],
      schemas: { counter: { output: z.object({ n: z.number().default(1) }) } },
    });
    expectTypeOf<(typeof byName.$infer)["outputs"]["count"]>().toEqualTypeOf<{ n: number }>();
    expectTypeOf<(typeof byName.$infer)["outputs"]["clean"]>().toEqualTypeOf<Json>();
    const again = fromGraph(json, { handlers: loaded.handlers, fns: [notify] });
    expectTypeOf<(typeof again.$infer)["outputs"]>().toEqualTypeOf<Loaded["outputs"]>();
    const untyped: FlowDefinition["handlers"] = loaded.handlers;
    const unknown = fromGraph(json, { handlers: untyped, fns: [notify] });
    expectTypeOf<(typeof unknown.$infer)["outputs"]["clean"]>().toEqualTypeOf<Json>();
  });

  test("the chain continues, and is checked", () => {
    loaded.node("more", count, { after: ["extract"] });
    // @ts-expect-error edge 'tell' -> 'more'
    loaded.then("more", count);
    // @ts-expect-error 'extrct' is not a node declared before it
    loaded.node("more", count, { after: ["extrct"] });
    // @ts-expect-error node id 'count' is already used in this flow
    loaded.node("count", count, { after: ["extract"] });
    loaded.fn("later", "vars.set", { after: ["tell"], args: { kv: { day: param("date") } } });
    // @ts-expect-error no such parameter
    loaded.fn("later", "vars.set", { after: ["tell"], args: { kv: { day: param("day") } } });
  });

  test("a handler for no node", () => {
    // @ts-expect-error handler 'counter': the graph has no node of this type; its types are: x
    fromGraph({ nodes: [{ node_id: "a", type: "x" }] }, { handlers: [count] });
  });
});

describe("a JSON value that is not a literal", () => {
  const widened = fromGraph({ nodes: json.nodes.map((node) => ({ ...node, node_id: String(node.node_id) })) });
  const graph = fromGraph(loadedGraph(), { handlers: [extract] });

  test("is a flow of JSON outputs", async () => {
    expectTypeOf<(typeof parsed.$infer)["outputs"]["x"]>().toEqualTypeOf<Json>();
    expectTypeOf<(typeof widened.$infer)["results"]["x"]>().toEqualTypeOf<Json>();
    expectTypeOf<(typeof graph.$infer)["params"]>().toEqualTypeOf<JsonObject>();
    const task = await engine.run(parsed);
    for await (const output of task.artifacts("any")) expectTypeOf(output).toEqualTypeOf<Json>();
  });

  test("the chain continues", () => {
    const longer = parsed
      .node("more", extract, { args: { batchSize: 1 } })
      .then("again", clean, { input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" } })
      .node("day", count, { after: ["more"] });
    expectTypeOf<(typeof longer.$infer)["outputs"]["more"]["rows"][number]["id"]>().toEqualTypeOf<string>();
    longer.compile();
  });
});

declare function loadedGraph(): Graph;
