import { EdgeInputs, readingOf } from "../builtins/input-adapters/deliveries.ts";
import type { Json } from "../errors/index.ts";
import { canonicalGraph } from "./canonical.ts";
import { knownData } from "./data/graph-data.ts";
import { isObject } from "./format/plain-data.ts";
import { type Path, pointer } from "./format/pointer.ts";
import { coordinatorFnType, type Graph } from "./format/types.ts";

/** A value that is not the same; an absent one has no key here. */
export interface Change {
  /** JSON pointer inside the node, or inside the graph for what is outside the nodes. */
  readonly path: string;
  readonly before?: Json;
  readonly after?: Json;
}

/** A node that both graphs have, and what differs in it. */
export interface NodeChange {
  readonly nodeId: string;
  readonly changes: readonly Change[];
}

type Edge = readonly [from: string, to: string];

/** A node that can't take what it reads. */
export interface EdgeMisfit {
  /** The nodes whose data does not fit, or, where data is gathered, all that are read. */
  readonly from: readonly string[];
  readonly to: string;
  readonly message: string;
}

/** What differs between two graphs: what `diffGraphs` gives. */
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
  const knownMisfits = new Set(misfits(before).map(misfitKey));
  const edges = {
    added: without(newEdges, oldEdges),
    removed: without(oldEdges, newEdges),
    incompatible: misfits(after).filter((misfit) => !knownMisfits.has(misfitKey(misfit))),
  };
  const graph = [...changesIn(asJson(oldRest), asJson(newRest), [])];
  const counts = [nodes.added, nodes.removed, nodes.changed, edges.added, edges.removed, graph];
  return { same: counts.every((list) => list.length === 0), nodes, edges, graph };
}

const asJson = (value: object): Json => value as Json;
const edgeKey = ([from, to]: Edge): string => `${from}:${to}`; // no id contains a colon

const misfitKey = ({ from, to }: EdgeMisfit): string => edgeKey([from.join(), to]); // nor a comma

/** As far as the graph's own `schemas` say. */
function misfits({ nodes, schemas }: Graph): readonly EdgeMisfit[] {
  const byId = new Map(nodes.map((node) => [node.node_id, node]));
  const deliveries = new EdgeInputs(knownData({ schemas }, (id) => byId.get(id)));
  return nodes.flatMap(({ node_id: nodeId, type, io, fan_in: fanIn, depends_on: parents }) => {
    const reading = readingOf({ nodeId, inline: io?.input_inline, fanIn, parents });
    if (reading === undefined || type === coordinatorFnType) return [];
    return deliveries.faultsOf(reading).map(({ from, to, message }) => ({ from, to, message }));
  });
}

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
