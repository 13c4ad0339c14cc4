import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { graphJsonSchema, parseGraph, toMermaid } from "../../../src/graph/index.ts";
import { validGraph } from "./arbitrary-graph.ts";

describe("toMermaid", () => {
  it("draws sources, functions, streams and fan-in", () => {
    const graph = parseGraph({
      nodes: [
        {
          node_id: "merge",
          type: "coordinator_fn",
          depends_on: ["clean", "other"],
          fan_in: "count:1",
          io: { fn: "merge.generic", fn_args: { from_nodes: ["clean"], target: { key: "merged" } } },
        },
        { node_id: "extract", type: "extractor" },
        { node_id: "clean", type: "cleaner", depends_on: ["extract"], io: { start_when: "first_batch" } },
        { node_id: "other", type: "other", depends_on: ["extract"] },
      ],
    });
    expect(toMermaid(graph)).toBe(`flowchart TD
  extract(["extract<br/>extractor"])
  clean["clean<br/>cleaner"]
  other["other<br/>other"]
  merge{{"merge<br/>merge.generic"}}
  extract -.-> clean
  extract --> other
  clean -->|count:1| merge
  other -->|count:1| merge
`);
    expect(toMermaid(graph, { direction: "LR" })).toMatch(/^flowchart LR\n/);
  });

  it("labels edges along which failed batches are read", () => {
    const failures = (...sources: readonly string[]) => ({
      input_inline: { input_adapter: "pull.failures", input_args: { from_nodes: sources } },
    });
    const batches = { on_failure: "set_aside" };
    const graph = parseGraph({
      nodes: [
        { node_id: "read", type: "read", batches },
        { node_id: "other", type: "other", batches },
        { node_id: "letters", type: "letters", depends_on: ["read", "other"], fan_in: "any", io: failures("read") },
      ],
    });
    expect(toMermaid(graph)).toContain("  read -->|any#44; failed batches| letters\n  other -->|any| letters\n");
  });

  it("draws conditions, outcomes, waits, optional nodes and delays", () => {
    const child = (id: string, more: object) => ({ node_id: id, type: id, depends_on: ["read"], ...more });
    const outcomes = { input_adapter: "pull.outcomes", input_args: { where: { status: "failed" } } };
    const graph = parseGraph({
      nodes: [
        { node_id: "read", type: "read", when: { params: { mode: ["full", "delta"] } } },
        child("fix", { when: [{ status: { read: "finished" } }, { params: { dry: { $not: true } } }], optional: true }),
        child("mail", { io: { start_when: "ended", input_inline: outcomes }, delay_sec: 5 }),
        child("ok", { type: "coordinator_fn", io: { fn: "wait.signal" } }),
      ],
    });
    expect(toMermaid(graph)).toBe(`flowchart TD
  read(["read<br/>read<br/>when params.mode: delta or full"])
  fix["fix<br/>fix<br/>optional"]
  mail["mail<br/>mail<br/>after 5 s"]
  ok[/"ok<br/>wait.signal"/]
  read -->|when params.dry: not true or status.read: finished| fix
  read ==>|status: failed| mail
  read --> ok
`);
  });

  it("creates unique ids that Mermaid accepts", () => {
    const node = (id: string, after: string[] = []) => ({ node_id: id, type: "x", depends_on: after });
    const nodes = [node("end"), node("a.b"), node("a-b"), node("a_b"), node("End_", ["end", "a.b", "a-b", "a_b"])];
    const text = toMermaid(parseGraph({ nodes }));
    expect(text.match(/^ {2}\w+(?=[[({])/gm)).toEqual(["  end_", "  a_b_", "  a_b__", "  a_b", "  End_"]);
    expect(text).toContain("  end_ --> End_\n  a_b_ --> End_\n  a_b__ --> End_\n  a_b --> End_\n");
  });

  it("keeps all text inside its label", () => {
    const fn = 'x"]; click a "javascript:alert(1)" `<img src=x> #quot; ü';
    const graph = parseGraph(
      { nodes: [{ node_id: "a", type: "coordinator_fn", io: { fn } }] },
      { functions: [{ name: fn, args: z.unknown() }] },
    );
    const label = toMermaid(graph).split("\n")[1] ?? "";
    expect(label).toMatch(/^ {2}a\{\{"a<br\/>[A-Za-z0-9 #;:._-]+"\}\}$/);
    expect(label.replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))).toBe(`  a{{"a<br/>${fn}"}}`);
  });
});

describe("graphJsonSchema", () => {
  const schema = graphJsonSchema();

  it("is plain JSON of draft 2020-12", () => {
    expect(schema).toMatchObject({ $schema: "https://json-schema.org/draft/2020-12/schema", type: "object" });
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  it("accepts valid graphs and rejects those of another shape", () => {
    const reader = z.fromJSONSchema(schema as never);
    fc.assert(
      fc.property(validGraph, (raw) => {
        expect(reader.safeParse(raw).success).toBe(true);
        expect(reader.safeParse(parseGraph(raw)).success).toBe(true);
      }),
      { numRuns: 20 },
    );
    const node = { node_id: "a", type: "x" };
    for (const bad of [
      {},
      { nodes: [] },
      { nodes: [{ ...node, depend_on: [] }] },
      { nodes: [{ ...node, node_id: "a:b" }] },
      { nodes: [{ ...node, fan_in: "some" }] },
      { nodes: [{ ...node, retry_policy: { max: -1 } }] },
      { nodes: [node], edges: [["a"]] },
      { schema_version: "2.0", nodes: [node] },
    ]) {
      expect(reader.safeParse(bad).success).toBe(false);
    }
  });
});
