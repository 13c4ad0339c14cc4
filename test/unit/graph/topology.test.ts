import fc from "fast-check";
import { expect, it } from "vitest";
import { components, cycleIn, notUpstream } from "../../../src/graph/format/topology.ts";

const anyGraph = fc.integer({ min: 1, max: 40 }).chain((count) => {
  const node = fc.integer({ min: 0, max: count - 1 });
  return fc.array(fc.uniqueArray(node, { maxLength: 3 }), { minLength: count, maxLength: count });
});

/** By definition: everything reachable from the node's parents. */
function upstreamOf(node: number, parents: readonly (readonly number[])[]): Set<number> {
  const met = new Set(parents[node]);
  for (const one of met) for (const parent of parents[one] ?? []) met.add(parent);
  return met;
}

it("components: each node once, parents first, grouped exactly with the nodes that it reaches and that reach it", () => {
  fc.assert(
    fc.property(anyGraph, (parents) => {
      const groups = components(parents);
      expect(groups.flat().toSorted((a, b) => a - b)).toEqual(parents.map((_, index) => index));
      const groupOf = new Map(groups.flatMap((group, at) => group.map((node) => [node, at] as const)));
      const above = parents.map((_, node) => upstreamOf(node, parents));
      for (const [node, ancestors] of above.entries()) {
        for (const ancestor of ancestors) {
          expect(groupOf.get(ancestor) ?? 0).toBeLessThanOrEqual(groupOf.get(node) ?? -1);
        }
        for (const other of parents.keys()) {
          const together = other !== node && ancestors.has(other) && above[other]?.has(node);
          if (other !== node) expect(groupOf.get(other) === groupOf.get(node)).toBe(together);
        }
      }
    }),
  );
});

it("cycleIn: from the first node back to it, along edges, each node once", () => {
  fc.assert(
    fc.property(anyGraph, (parents) => {
      for (const group of components(parents).filter(({ length }) => length > 1)) {
        const cycle = cycleIn(group, parents);
        expect([cycle[0], cycle.at(-1)]).toEqual([group[0], group[0]]);
        expect(new Set(cycle).size).toBe(cycle.length - 1);
        for (const [at, node] of cycle.slice(1).entries()) expect(parents[node]).toContain(cycle[at]);
      }
    }),
  );
});

it("notUpstream: agrees with a walk, also with cycles", () => {
  fc.assert(
    fc.property(anyGraph, (parents) => {
      const all = parents.flatMap((_, descendant) => parents.map((__, ancestor) => ({ descendant, ancestor })));
      const no = all.filter(({ descendant, ancestor }) => !upstreamOf(descendant, parents).has(ancestor));
      const answers = notUpstream(all, { parents, groups: components(parents) });
      expect(new Set(answers)).toEqual(new Set(no));
    }),
  );
});
