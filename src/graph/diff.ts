import { outputAsWritten } from "../builtins/coordinator-functions/index.ts";
import { EdgeInputs, readingOf } from "../builtins/input-adapters/deliveries.ts";
import type { Json } from "../errors/index.ts";
import { canonicalGraph } from "./canonical.ts";
import { knownData } from "./data/graph-data.ts";
import { isObject } from "./format/plain-data.ts";
import { type Path, pointer } from "./format/pointer.ts";
import { coordinatorFnType, type Graph } from "./format/types.ts";

/** A value that differs. `before` or `after` is missing if the value is absent there. */
export interface Change {
  /** JSON pointer within the node; within the graph for values outside nodes. */
  readonly path: string;
  readonly before?: Json;
  readonly after?: Json;
}

/** A node of both graphs, with its differences. */
export interface NodeChange {
  readonly nodeId: string;
  readonly changes: readonly Change[];
}

type Edge = readonly [from: string, to: string];

/** A node whose input does not fit its handler. */
export interface EdgeMisfit {
  /** The nodes whose data does not fit; all sources of the node if it gathers them. */
  readonly from: readonly string[];
  readonly to: string;
  readonly message: string;
}

/** The differences between two graphs, as returned by `diffGraphs`. */
export interface GraphDiff {
  /** Whether the graphs are equivalent, regardless of order and written defaults. */
  readonly same: boolean;
  readonly nodes: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly NodeChange[];
  };
  readonly edges: {
    readonly added: readonly Edge[];
    readonly removed: readonly Edge[];
    /** Inputs that fit, or did not exist, in `before` and do not fit in `after`. Requires `schemas`. */
    readonly incompatible: readonly EdgeMisfit[];
  };
  /** Changes outside nodes: `name`, `params_schema`, `schemas`. */
  readonly graph: readonly Change[];
}

/**
 * Compares two graphs in canonical form, matching nodes by id: a different order or a written default is not a change.
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

/** According to the graph's own `schemas`. */
function misfits({ nodes, schemas, flows }: Graph): readonly EdgeMisfit[] {
  const byId = new Map(nodes.map((node) => [node.node_id, node]));
  const deliveries = new EdgeInputs(
    knownData({ schemas, flows, outputAsWritten }, (id) => ({ type: byId.get(id)?.type, ...byId.get(id)?.io })),
  );
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

/** The innermost differing values. Lists are compared as a whole: shifted items are one change, not one per item. */
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
