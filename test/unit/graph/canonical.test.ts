import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalGraph, type Graph, graphHash, parseGraph, primeGraph } from "../../../src/graph/index.ts";
import { edgesOf, type RawGraph, validGraph } from "./arbitrary-graph.ts";

const shuffle = (seed: readonly number[]) => {
  let at = 0;
  const next = () => seed[at++ % seed.length] ?? 0;
  const list = <TItem>(items: readonly TItem[]): TItem[] =>
    items
      .map((item) => ({ item, key: next() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  const keys = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(keys);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(list(Object.entries(value)).map(([key, inner]) => [key, keys(inner)]));
  };
  return { list, keys };
};

const seeds = fc.array(fc.nat(), { minLength: 7, maxLength: 31 });

describe("canonicalGraph", () => {
  it("is idempotent, valid, and equivalent to the graph", () => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const canonical = canonicalGraph(parseGraph(raw));
        expect(parseGraph(canonical)).toEqual(canonical);
        expect(JSON.stringify(canonicalGraph(canonical))).toBe(JSON.stringify(canonical));
        expect(graphHash(canonical)).toBe(graphHash(parseGraph(raw)));
      }),
    );
  });

  it("does not depend on the order of keys and edges", () => {
    fc.assert(
      fc.property(validGraph, seeds, (raw, seed) => {
        const { list, keys } = shuffle(seed);
        const other = keys({ ...raw, edges: list(edgesOf(raw.nodes)) });
        expect(JSON.stringify(canonicalGraph(parseGraph(other)))).toBe(JSON.stringify(canonicalGraph(parseGraph(raw))));
      }),
    );
  });

  it("puts parents before children and otherwise keeps declaration order", () => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const declared = raw.nodes.map((node) => node.node_id);
        const done = new Set<string>();
        const parentsOf = new Map(raw.nodes.map((node) => [node.node_id, node.depends_on ?? []]));
        for (const { node_id: id } of canonicalGraph(parseGraph(raw)).nodes) {
          const ready = declared.filter((other) => !done.has(other) && parentsOf.get(other)?.every((p) => done.has(p)));
          expect(id).toBe(ready[0]);
          done.add(id);
        }
        expect(done.size).toBe(declared.length);
      }),
    );
  });

  it("removes defaults and adds sources", () => {
    const graph = parseGraph({
      $schema: "./graph.schema.json",
      nodes: [
        { node_id: "a", type: "x", fan_in: "all", io: { start_when: "ready", input_inline: {} }, partitions: 1 },
        {
          node_id: "b",
          type: "y",
          depends_on: ["a"],
          io: {
            input_inline: { z: 1, input_args: { eof_on_task_done: true, size: 2 }, input_adapter: "pull.rechunk" },
          },
          retry_policy: { jitter: 0.1, permanent_on: ["bad_input", "schema_mismatch"], max: 2, backoff_sec: 7 },
        },
      ],
    });
    expect(JSON.stringify(canonicalGraph(graph))).toBe(
      JSON.stringify({
        schema_version: "1.0",
        nodes: [
          { node_id: "a", type: "x", depends_on: [] },
          {
            node_id: "b",
            type: "y",
            depends_on: ["a"],
            io: {
              input_inline: {
                input_adapter: "pull.from_artifacts.rechunk:size",
                input_args: { from_nodes: ["a"], size: 2 },
                z: 1,
              },
            },
            retry_policy: { backoff_sec: 7 },
          },
        ],
        edges: [["a", "b"]],
      }),
    );
  });
});

describe("graphHash", () => {
  it("does not depend on the order of nodes, edges and keys", () => {
    fc.assert(
      fc.property(validGraph, seeds, (raw, seed) => {
        const { list, keys } = shuffle(seed);
        const other = keys({ ...raw, nodes: list(raw.nodes), edges: list(edgesOf(raw.nodes)) });
        expect(graphHash(parseGraph(other))).toBe(graphHash(parseGraph(raw)));
      }),
    );
  });

  it("differs between graphs of different meaning", () => {
    fc.assert(
      fc.property(validGraph, fc.constantFrom(...changes), (raw, change) => {
        const before = graphHash(parseGraph(raw));
        change(raw);
        expect(graphHash(parseGraph(raw))).not.toBe(before);
      }),
    );
  });

  it("is stable across versions, because users store it", () => {
    const raw = { nodes: [{ node_id: "extract", type: "extractor" }] };
    expect(graphHash(parseGraph(raw))).toBe("93c4c3831bee5967b6ae475ab391392829d3b402e97489f69e1861e977501bc2");
  });
});

const node = (raw: RawGraph, id: string) => raw.nodes.find((one) => one.node_id === id);
const changes: ((raw: RawGraph) => void)[] = [
  (raw) => {
    raw.name = "other";
  },
  (raw) => {
    Object.assign(node(raw, "mid") ?? {}, { retry_policy: { max: 4 } });
  },
  (raw) => {
    Object.assign(node(raw, "fin") ?? {}, { depends_on: ["mid", "src"] });
  },
  (raw) => {
    Object.assign(node(raw, "mid") ?? {}, { type: "other" });
  },
  (raw) => {
    Object.assign(node(raw, "src") ?? {}, { timeout_sec: 1000 });
  },
];

it("parseGraph restores the graph from a primed one", () => {
  fc.assert(
    fc.property(validGraph, (raw) => {
      const graph: Graph = parseGraph(raw);
      const primed = primeGraph(graph);
      expect(primed.nodes.every((one) => one.status === "queued" && one.attempt_epoch === 0)).toBe(true);
      expect(primed.nodes[0]).toMatchObject({ stats: {}, lease: {} });
      expect(parseGraph(JSON.parse(JSON.stringify(primed)))).toEqual(graph);
    }),
  );
});
