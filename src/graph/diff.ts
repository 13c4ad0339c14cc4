import type { Json } from "../errors/index.ts";
import { canonicalGraph } from "./canonical.ts";
import { type EdgeMisfit, misfits } from "./data-edges.ts";
import { isObject } from "./plain-data.ts";
import { type Path, pointer } from "./pointer.ts";
import type { Graph } from "./types.ts";

/** A value that is not the same; an absent one has no key here. */
export interface Change {
  /** JSON pointer inside the node, or inside the graph for what is outside the nodes. */
  readonly path: string;
  readonly before?: Json;
  readonly after?: Json;
}

export interface NodeChange {
  readonly nodeId: string;
  readonly changes: readonly Change[];
}

type Edge = readonly [from: string, to: string];

export interface GraphDiff {
  /** Both say the same, in whatever words and order. */
  readonly same: boolean;
  readonly nodes: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly NodeChange[];
  };
  readonly edges: {
    readonly added: readonly Edge[];
    readonly removed: readonly Edge[];
    /** Deliveries whose types do not fit in `after` but did, or were not there, in `before`. Needs `schemas`. */
    readonly incompatible: readonly EdgeMisfit[];
  };
  /** What changed outside the nodes: `name`, `params_schema`, `schemas`. */
  readonly graph: readonly Change[];
}

/**
 * What changed between two graphs. Both are compared in canonical form, nodes by their id: another order or a written
 * default is no change.
 *
 * @example
 * diffGraphs(before, after).nodes.changed
 * // [{ nodeId: "clean", changes: [{ path: "/retry_policy/max", before: 3, after: 5 }] }]
 */
export function diffGraphs(before: Graph, after: Graph): GraphDiff {
  const { nodes: oldNodes, edges: oldEdges, ...oldRest } = canonicalGraph(before);
  const { nodes: newNodes, edges: newEdges, ...newRest } = canonicalGraph(after);
  const was = new Map(oldNodes.map((node) => [node.node_id, node]));
  const is = new Map(newNodes.map((node) => [node.node_id, node]));
  const nodes = {
    added: [...is.keys()].filter((id) => !was.has(id)),
    removed: [...was.keys()].filter((id) => !is.has(id)),
    changed: newNodes.flatMap((node) => {
      const old = was.get(node.node_id);
      const changes = old === undefined ? [] : [...changesIn(asJson(old), asJson(node), [])];
      return changes.length === 0 ? [] : [{ nodeId: node.node_id, changes }];
    }),
  };
  const knownMisfits = new Set(misfits(before).map(({ from, to }) => edgeKey([from, to])));
  const edges = {
    added: without(newEdges, oldEdges),
    removed: without(oldEdges, newEdges),
    incompatible: misfits(after).filter(({ from, to }) => !knownMisfits.has(edgeKey([from, to]))),
  };
  const graph = [...changesIn(asJson(oldRest), asJson(newRest), [])];
  const counts = [nodes.added, nodes.removed, nodes.changed, edges.added, edges.removed, graph];
  return { same: counts.every((list) => list.length === 0), nodes, edges, graph };
}

const asJson = (value: object): Json => value as Json;
const edgeKey = ([from, to]: Edge): string => `${from}:${to}`; // no id contains a colon

function without(edges: readonly Edge[], others: readonly Edge[]): readonly Edge[] {
  const known = new Set(others.map(edgeKey));
  return edges.filter((edge) => !known.has(edgeKey(edge)));
}

/** The smallest values that differ. Lists are compared as a whole: a shift of all items is not a change of each. */
function* changesIn(before: Json | undefined, after: Json | undefined, path: Path): Generator<Change> {
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      yield* changesIn(before[key], after[key], [...path, key]);
    }
  } else if (JSON.stringify(before) !== JSON.stringify(after)) {
    yield {
      path: pointer(path),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    };
  }
}
