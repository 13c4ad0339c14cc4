import { describe, expect, it } from "vitest";
import { canonicalGraph, graphHash, parseGraph, validateGraph } from "../../../src/graph/index.ts";
import { cpuMsOf } from "../../helpers/cpu-time.ts";

const count = 10_000;

/*
 * Quadratic steps would compute for minutes here. The limits are far above the actual cost, which bench measures, so that
 * a slow machine does not fail.
 */
const allowedMs = 10_000;

function chain(more: (index: number) => object = () => ({})) {
  return {
    nodes: Array.from({ length: count }, (_, index) => ({
      node_id: `n${index}`,
      type: "x",
      depends_on: index === 0 ? [] : [`n${index - 1}`],
      ...more(index),
    })),
  };
}

function join() {
  const ids = Array.from({ length: count - 1 }, (_, index) => `n${index}`);
  const roots = ids.map((id) => ({ node_id: id, type: "x" }));
  return { nodes: [...roots, { node_id: "join", type: "x", depends_on: ids, ...reading(ids) }] };
}

const reading = (from: readonly string[]) => ({
  io: { input_inline: { input_adapter: "pull.from_artifacts", input_args: { from_nodes: from } } },
});

function timed<TResult>(work: () => TResult): TResult {
  const results: TResult[] = [];
  expect(cpuMsOf(() => results.push(work()))).toBeLessThan(allowedMs);
  return results[0] as TResult;
}

describe("10,000 nodes", () => {
  it.each([
    ["a chain", chain()],
    ["declared backwards", { nodes: chain().nodes.toReversed() }],
    ["each reads from the first", chain((index) => (index === 0 ? {} : reading(["n0"])))],
    ["each reads from two before it", chain((index) => (index < 2 ? {} : reading([`n${index - 2}`])))],
    ["each reads from half way", chain((index) => (index < 2 ? {} : reading([`n${index >> 1}`])))],
    ["a join of all that reads from all", join()],
  ])("%s", (_, raw) => {
    const validation = timed(() => validateGraph(raw));
    expect(validation.ok).toBe(true);
    const graph = parseGraph(raw);
    expect(timed(() => canonicalGraph(graph)).nodes).toHaveLength(count);
    expect(timed(() => graphHash(graph))).toMatch(/^[0-9a-f]{64}$/);
  });

  it("in one cycle: one finding that names it, without a stack overflow", () => {
    const raw = chain();
    raw.nodes[0]?.depends_on.push(`n${count - 1}`);
    const validation = timed(() => validateGraph(raw));
    expect(validation).toMatchObject({ ok: false, findings: [{ code: "GRAPH_CYCLE", path: "/nodes/0/depends_on/0" }] });
  });

  it("with a mistake in each: all are reported", () => {
    const raw = chain((index) => ({ fan_in: "any", depends_on: [`x${index}`, `n${index}`] }));
    const validation = timed(() => validateGraph(raw, { types: ["y"] }));
    expect(validation.ok ? [] : validation.findings).toHaveLength(3 * count);
  });

  it("one node with 100,000 wrong names everywhere", () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `x${index}`);
    const edges = names.map((name) => [name, "a"]);
    const raw = { nodes: [{ node_id: "a", type: "x", depends_on: names, ...reading([...names, ...names]) }], edges };
    const validation = timed(() => validateGraph(raw, { limits: { maxBytes: 1e9 } }));
    // As parents. The same names in edges and from_nodes, some of them twice, add no findings.
    expect(validation.ok ? 0 : validation.findings.length).toBe(100_000);
  });
});
