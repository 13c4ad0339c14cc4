import type { NodeLive, TaskLive } from "./source.ts";

/** The state after a change, which lists only the nodes and edges that have changed. */
export function merged(before: TaskLive | undefined, change: TaskLive): TaskLive {
  if (before === undefined) return change;
  const nodes = new Map(change.nodes.map((node) => [node.nodeId, node]));
  const edges = new Map(change.edges.map((edge) => [`${edge.from} ${edge.to}`, edge]));
  return {
    ...change,
    nodes: before.nodes.map((node) => nodes.get(node.nodeId) ?? node),
    edges: before.edges.map((edge) => edges.get(`${edge.from} ${edge.to}`) ?? edge),
  };
}

/** Batches stored by each node, at several times. */
export interface Samples {
  readonly at: readonly number[];
  readonly done: ReadonlyMap<string, readonly number[]>;
}

const mostSamples = 900;
const sampleMs = 1_000;

/**
 * Adds the current counts, unless the last sample is too recent. Drops every second sample when there are too many, so
 * that they cover any duration.
 */
export function sampled(samples: Samples | undefined, { at, nodes }: TaskLive): Samples {
  const last = samples?.at.at(-1) ?? 0;
  if (samples !== undefined && at - last < sampleMs) return samples;
  const doneOf = (node: NodeLive) => [...(samples?.done.get(node.nodeId) ?? []), node.batches.done];
  const grown = { at: [...(samples?.at ?? []), at], done: new Map(nodes.map((node) => [node.nodeId, doneOf(node)])) };
  if (grown.at.length <= mostSamples) return grown;
  const everySecond = <T>(list: readonly T[]) => list.filter((_, index) => index % 2 === 0);
  return {
    at: everySecond(grown.at),
    done: new Map([...grown.done].map(([id, list]) => [id, everySecond(list)])),
  };
}

/** Batches per second between consecutive samples. */
export function ratesOf({ at, done }: Samples): ReadonlyMap<string, readonly number[]> {
  const rates = (counts: readonly number[]) =>
    counts.slice(1).map((count, index) => {
      const ms = (at[index + 1] ?? 0) - (at[index] ?? 0);
      return ms <= 0 ? 0 : Math.max(0, ((count - (counts[index] ?? 0)) * 1_000) / ms);
    });
  return new Map([...done].map(([id, counts]) => [id, rates(counts)]));
}
