import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findingCodes, parseGraph, validateGraph } from "../../../src/graph/index.ts";
import { edgesOf, type RawGraph, validGraph } from "./arbitrary-graph.ts";
import { corruptions } from "./corruptions/index.ts";

const types = ["source", "rechunker", "worker"];

function frozen<TValue>(value: TValue): TValue {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

describe("a graph without a mistake", () => {
  it("is valid, and its long form is valid and unchanged", () => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const graph = parseGraph(raw, { types });
        expect(parseGraph(graph, { types })).toEqual(graph);
        expect(graph.edges).toEqual(edgesOf(graph.nodes as RawGraph["nodes"]));
      }),
    );
  });

  it("is never modified", () => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const before = JSON.stringify(raw);
        const validation = validateGraph(frozen(raw));
        expect(validation.ok).toBe(true);
        expect(JSON.stringify(raw)).toBe(before);
      }),
    );
  });

  it("shares nothing with the caller's object, and is frozen", () => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const graph = parseGraph(raw);
        const before = JSON.stringify(graph);
        for (const node of raw.nodes) {
          node.depends_on?.push("later");
          if (node.io) node.io.fn = "later";
        }
        expect(JSON.stringify(graph)).toBe(before);
        expect(everyObject(graph).every(Object.isFrozen)).toBe(true);
      }),
    );
  });

  it("may declare its dependencies in edges only", () => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const graph = parseGraph(raw);
        const nodes = raw.nodes.map(({ depends_on: _, ...node }) => node);
        expect(parseGraph({ ...raw, nodes, edges: edgesOf(raw.nodes) })).toEqual(graph);
      }),
    );
  });
});

describe("one mistake gives one finding, with its code and path", () => {
  it("there is a corruption for each code", () => {
    expect(new Set(corruptions.map(({ code }) => code))).toEqual(new Set(findingCodes));
  });

  it.each(corruptions)("$code: $name", ({ code, apply, hint }) => {
    fc.assert(
      fc.property(validGraph, (raw) => {
        const path = apply(raw);
        // If the corruption changed depends_on, edges follow, so that it is the only mistake.
        const changedEdges = code === "GRAPH_EDGES_DISAGREE" || path.startsWith("/edges");
        if (raw.edges !== undefined && !changedEdges) raw.edges = edgesOf(withMeantKeys(raw).nodes);
        const validation = validateGraph(raw, { types });
        expect(validation).toMatchObject({ ok: false, findings: [{ code, path }] });
        if (hint !== undefined) expect(validation).toMatchObject({ findings: [{ hint }] });
      }),
      { numRuns: 20 },
    );
  });
});

it("two mistakes give both findings", () => {
  const pairs = fc.tuple(fc.constantFrom(...corruptions), fc.constantFrom(...corruptions));
  // Skips mistakes that end the validation, and pairs of which one replaces the other.
  const alone = new Set(["GRAPH_TOO_LARGE", "GRAPH_EMPTY", "GRAPH_EDGES_DISAGREE", "GRAPH_CYCLE", "GRAPH_EDGE_DATA"]);
  fc.assert(
    fc.property(validGraph, pairs, (raw, [first, second]) => {
      const places = `${first.apply(structuredCopy(raw))} ${second.apply(structuredCopy(raw))}`.split(" ");
      const [a = "", b = ""] = places.map((place) => place.split("/").slice(0, 3).join("/"));
      fc.pre(a !== b && a.startsWith("/nodes/") && b.startsWith("/nodes/"));
      fc.pre(!alone.has(first.code) && !alone.has(second.code));
      fc.pre(!/colon|no id|depend|the same id/.test(`${first.name} ${second.name}`));
      delete raw.edges;
      first.apply(raw);
      second.apply(raw);
      const validation = validateGraph(raw, { types });
      const codes = validation.ok ? [] : validation.findings.map((finding) => finding.code);
      expect(codes).toEqual(expect.arrayContaining([first.code, second.code]));
    }),
    { numRuns: 300 },
  );
});

function withMeantKeys(raw: RawGraph): RawGraph {
  return {
    ...raw,
    nodes: raw.nodes.map((node) => ({
      ...node,
      node_id: node.node_id ?? (node.nodeId as string),
      depends_on: [node.depend_on ?? node.depends_on ?? []].flat() as string[],
    })),
  };
}

const structuredCopy = (raw: RawGraph): RawGraph => JSON.parse(JSON.stringify(raw));

function everyObject(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(everyObject)];
}
