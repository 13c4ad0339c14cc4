import { describe, expect, test } from "vitest";
import { firstNotUpstream, type NodePlan, PlanCache, planGraph } from "../../../../src/core/plan/index.ts";
import type { GraphNode } from "../../../../src/graph/index.ts";
import { node, parsed } from "../../../helpers/graphs.ts";

const planOf = (...nodes: readonly GraphNode[]) => {
  const plan = planGraph(parsed(...nodes));
  return { plan, at: (id: string) => plan.byId.get(id) as NodePlan };
};

describe("the plan of a graph", () => {
  test("writes out what a bare node leaves to defaults", () => {
    const { at } = planOf(node("a"), node("b", ["a"]));
    expect(at("a")).toMatchObject({ needed: 0, needsAll: true, startsOnFirstBatch: false, partitions: 1, args: {} });
    expect(at("b")).toMatchObject({ needed: 1, routing: undefined, fn: undefined, timeoutMs: undefined });
    expect(at("a").retry).toEqual({
      maxFailures: 3,
      backoffMs: 5_000,
      factor: 1,
      backoffMaxMs: 3_600_000,
      jitter: 0.1,
      permanentOn: ["bad_input", "schema_mismatch"],
    });
  });

  test("counts in milliseconds, and a retry more than max is the last attempt", () => {
    const policy = { max: 0, backoff_sec: 0.5, backoff_factor: 2, backoff_max_sec: 8, jitter: 0, permanent_on: [] };
    const { at } = planOf(node("a", [], { retry_policy: policy, timeout_sec: 1.5 }));
    expect(at("a").timeoutMs).toBe(1_500);
    expect(at("a").retry).toEqual({
      maxFailures: 1,
      backoffMs: 500,
      factor: 2,
      backoffMaxMs: 8_000,
      jitter: 0,
      permanentOn: [],
    });
  });

  test("how many parents a node needs", () => {
    const parents = ["a", "b", "c"];
    const roots = parents.map((id) => node(id));
    for (const [fan_in, needed] of [
      ["all", 3],
      ["any", 1],
      ["count:2", 2],
      ["count:3", 3],
    ] as const) {
      const { at } = planOf(...roots, node("sink", parents, { fan_in }));
      expect(at("sink")).toMatchObject({ needed, needsAll: fan_in === "all" });
    }
  });

  test("keeps the handler's arguments apart from the routing", () => {
    const { at } = planOf(
      node("a"),
      node("b", ["a"], { adapter: "pull.rechunk", adapterArgs: { from_node: "a", size: 2 }, args: { x: 1 } }),
    );
    expect(at("b").args).toEqual({ x: 1 });
    expect(at("b").routing).toEqual({
      adapter: "pull.from_artifacts.rechunk:size",
      args: { from_nodes: ["a"], size: 2 },
    });
  });

  test("knows children, leaves, and whose first batch somebody waits for", () => {
    const { plan } = planOf(
      node("a"),
      node("b", ["a"], { start: "first_batch" }),
      node("c", ["a", "b"]),
      node("d", ["b"]),
    );
    expect(plan.children.get("a")?.map(({ id }) => id)).toEqual(["b", "c"]);
    expect(plan.leaves.map(({ id }) => id)).toEqual(["c", "d"]);
    expect([...plan.streaming]).toEqual(["a"]);
  });

  test("is made once for a graph object", () => {
    const graph = parsed(node("a"));
    const cache = new PlanCache();
    expect(cache.get(graph)).toBe(cache.get(graph));
    expect(cache.get(parsed(node("a")))).not.toBe(cache.get(graph));
  });
});

describe("what is upstream of a node", () => {
  const { plan, at } = planOf(node("a"), node("b", ["a"]), node("c", ["b"]), node("d", ["b"]), node("other"));

  test.for([
    ["c", ["b"], undefined],
    ["c", ["a", "b"], undefined],
    ["c", ["b", "d"], "d"],
    ["c", ["c"], "c"],
    ["b", ["c"], "c"],
    ["c", ["a", "other"], "other"],
    ["a", ["b"], "b"],
  ] as const)("of %s, reading %j: %s isn't", ([id, sources, expected]) => {
    expect(firstNotUpstream(plan, at(id), sources)).toBe(expected);
  });
});
