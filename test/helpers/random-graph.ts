import type { GraphNode } from "../../src/graph/index.ts";
import { node } from "./graphs.ts";
import { seededRandom } from "./seeded-random.ts";

const below = (random: () => number, limit: number): number => Math.floor(random() * limit);
const chance = (random: () => number, share: number): boolean => random() < share;

/**
 * A small graph of node types `source` and `step` with all options under which its results are deterministic: a gather
 * waits for all parents, since with `any` its input depends on timing.
 */
export function randomGraph(random: () => number): GraphNode[] {
  const nodes: GraphNode[] = [];
  const count = 2 + below(random, 5);
  for (let index = 0; index < count; index++) {
    const parents = nodes
      .filter(() => chance(random, 0.4))
      .map(({ node_id }) => node_id)
      .slice(0, 3);
    const partitions = chance(random, 0.2) ? { partitions: 2 } : {};
    const retry_policy = { max: 50, backoff_sec: 0.002, jitter: 0 };
    if (parents.length === 0) {
      const args = { batches: below(random, 5), size: 1 + below(random, 4) };
      nodes.push(
        node(`n${index}`, [], {
          type: chance(random, 0.25) ? "restarter" : "source",
          args,
          retry_policy,
          ...partitions,
        }),
      );
      continue;
    }
    const kind = below(random, 3);
    const fanIn = below(random, 3);
    nodes.push(
      node(`n${index}`, parents, {
        type: chance(random, 0.2) ? "once" : "step",
        retry_policy,
        ...(chance(random, 0.5) ? { start: "first_batch" as const } : {}),
        ...(kind === 0
          ? { adapter: "pull.gather", adapterArgs: { from_nodes: parents } }
          : {
              ...(kind === 1
                ? {
                    adapter: "pull.from_artifacts.rechunk:size",
                    adapterArgs: { from_nodes: parents, size: 1 + below(random, 3), meta_list_key: "items" },
                  }
                : {}),
              ...(fanIn === 1
                ? { fan_in: "any" as const }
                : fanIn === 2
                  ? { fan_in: `count:${1 + below(random, parents.length)}` as const }
                  : {}),
            }),
        ...partitions,
      }),
    );
  }
  return nodes;
}

/** Gives the same graphs in every process with the same seed. */
export function randomGraphs(seed: number, count: number): readonly GraphNode[][] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => randomGraph(random));
}
