import { outputAsWritten } from "../builtins/coordinator-functions/index.ts";
import { EdgeInputs, patternsOf, readingOf } from "../builtins/input-adapters/deliveries.ts";
import { defaultAdapter } from "../builtins/input-adapters/index.ts";
import type { Json } from "../errors/index.ts";
import { canonicalGraph } from "./canonical.ts";
import { type DataType, unionOf } from "./data/data-type.ts";
import { type DataSources, type KnownData, knownData } from "./data/graph-data.ts";
import { leftCases, leftMessage } from "./data/narrow.ts";
import { formatMessage } from "./format/messages.ts";
import type { GraphNode } from "./format/node-fields.ts";
import { patternForm } from "./format/pattern.ts";
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
  /** The flow of `flows` that it is in. */
  readonly flow?: string;
}

/** A key whose values all went to some node, and of which some no longer do. */
export interface LostCases {
  /** The node that stores them. */
  readonly from: string;
  /** Written with dots, as in `.exhaustive(source, key)`. */
  readonly key: string;
  readonly message: string;
  /** The flow of `flows` that it is in. */
  readonly flow?: string;
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
    /**
     * Keys that nodes choose by with `where`, and whose values all went to some node in `before`, but not in `after`.
     * Requires `schemas`.
     */
    readonly lostCases: readonly LostCases[];
  };
  /** Changes outside nodes: `schema_version`, `name`, `params_schema`, `schemas`, `flows`. */
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
  const edges = {
    added: without(newEdges, oldEdges),
    removed: without(oldEdges, newEdges),
    ...incompatibilities(before, after),
  };
  const graph = [...changesIn(asJson(oldRest), asJson(newRest), [])];
  const counts = [nodes.added, nodes.removed, nodes.changed, edges.added, edges.removed, graph];
  return { same: counts.every((list) => list.length === 0), nodes, edges, graph };
}

const asJson = (value: object): Json => value as Json;
const edgeKey = ([from, to]: Edge): string => `${from}:${to}`; // no id contains a colon

/** Compares the graphs, and the flows that both have. */
function incompatibilities(before: Graph, after: Graph): Pick<GraphDiff["edges"], "incompatible" | "lostCases"> {
  const known = new Set(misfits(before).map(misfitKey));
  const incompatible = misfits(after).filter((misfit) => !known.has(misfitKey(misfit)));
  const lostCases = casesLost(before, after);
  const inside = Object.entries(after.flows ?? {}).flatMap(([name, flow]) => {
    const old = before.flows !== undefined && Object.hasOwn(before.flows, name) ? before.flows[name] : undefined;
    if (old === undefined) return [];
    const found = incompatibilities(old, flow);
    const named = <T extends { readonly message: string }>(one: T) => ({
      flow: name,
      ...one,
      message: formatMessage("flowFinding", { flow: name, finding: one.message }),
    });
    return [{ incompatible: found.incompatible.map(named), lostCases: found.lostCases.map(named) }];
  });
  return {
    incompatible: [...incompatible, ...inside.flatMap((found) => found.incompatible)],
    lostCases: [...lostCases, ...inside.flatMap((found) => found.lostCases)],
  };
}

const misfitKey = ({ from, to }: EdgeMisfit): string => edgeKey([from.join(), to]); // nor a comma

/** By default, according to the graph's own `schemas`. */
function misfits(graph: Graph, data = dataOf(graph)): readonly EdgeMisfit[] {
  const deliveries = new EdgeInputs(data);
  return graph.nodes.flatMap(({ node_id: nodeId, type, io, fan_in: fanIn, depends_on: parents }) => {
    const reading = readingOf({ nodeId, inline: io?.input_inline, fanIn, parents });
    if (reading === undefined || type === coordinatorFnType) return [];
    return deliveries.faultsOf(reading).map(({ from, to, message }) => ({ from, to, message }));
  });
}

function dataOf({ nodes, schemas, flows }: Graph, definitions: NewDefinitions = {}): KnownData {
  const byId = new Map(nodes.map((node) => [node.node_id, node]));
  const sources = { schemas, flows, outputAsWritten, ...definitions };
  return knownData(sources, (id) => ({ type: byId.get(id)?.type, ...byId.get(id)?.io }));
}

interface NewDefinitions extends Pick<DataSources, "functions" | "adapters"> {
  readonly handlers?: readonly (NonNullable<DataSources["handlers"]>[number] & { readonly inputAdapter?: unknown })[];
}

/** Which handlers made the output of a node: only those of the graph's version, or also those of a later deployment. */
export type MadeBefore = "all" | "some";

/**
 * Inputs of a graph that do not fit handlers of another version than its `schemas`.
 *
 * @param definitions - the new ones
 * @param made - how much of a node's output is of the old version
 */
export function misfitsWith(
  graph: Graph,
  definitions: NewDefinitions,
  made: (nodeId: string) => MadeBefore | undefined = () => undefined,
): readonly EdgeMisfit[] {
  const [old, now] = [dataOf(graph), dataOf(graph, definitions)];
  const outputOf = (id: string): DataType | undefined => {
    const [before, after] = [old.outputOf(id), now.outputOf(id)];
    if (before === undefined || after === undefined) return before ?? after;
    const by = made(id);
    return by === undefined ? after : by === "all" ? before : unionOf([before, after]);
  };
  const suggesting = new Set(definitions.handlers?.flatMap(({ name, inputAdapter }) => (inputAdapter ? [name] : [])));
  const nodes = graph.nodes.map((node) => (suggesting.has(node.type) ? node : withDefaultAdapter(node)));
  return misfits({ ...graph, nodes }, { ...now, outputOf });
}

function withDefaultAdapter(node: GraphNode): GraphNode {
  const { input_inline: inline } = node.io ?? {};
  if (inline?.input_adapter !== undefined || node.depends_on.length === 0) return node;
  return { ...node, io: { ...node.io, input_inline: { ...inline, input_adapter: defaultAdapter } } };
}

/** A graph does not record which keys `exhaustive` named, so every key counts that had no case left. */
function casesLost(before: Graph, after: Graph): readonly LostCases[] {
  const [old, now] = [readersOf(before), readersOf(after)];
  const [was, is] = [dataOf(before), dataOf(after)];
  return after.nodes.flatMap(({ node_id: from }) => {
    const [oldReaders = [], readers = []] = [old.get(from), now.get(from)];
    const [oldType, type] = [was.outputOf(from), is.outputOf(from)];
    if (oldReaders.length === 0 || oldType === undefined || type === undefined) return [];
    const keys = new Set([...oldReaders, ...readers].flatMap(({ key }) => key ?? []));
    return [...keys].sort().flatMap((key) => {
      if (leftOf(oldReaders, { from, key, type: oldType })?.length !== 0) return [];
      const left = leftOf(readers, { from, key, type }) ?? [];
      return left.length === 0 ? [] : [{ from, key, message: leftMessage(left, { from, key }) }];
    });
  });
}

interface Reader {
  readonly node: GraphNode;
  /** The key of its `where`, if it has exactly one. */
  readonly key: string | undefined;
}

/** Readers by source. */
function readersOf({ nodes }: Graph): ReadonlyMap<string, readonly Reader[]> {
  const readers = new Map<string, Reader[]>();
  for (const node of nodes) {
    const { node_id: nodeId, io, fan_in: fanIn, depends_on: parents } = node;
    const reading = readingOf({ nodeId, inline: io?.input_inline, fanIn, parents });
    const reader = { node, key: onlyKey(reading?.where) };
    for (const source of new Set(reading?.sources.map((one) => one.nodeId) ?? parents)) {
      const known = readers.get(source);
      if (known === undefined) readers.set(source, [reader]);
      else known.push(reader);
    }
  }
  return readers;
}

function onlyKey(where: Json | undefined): string | undefined {
  const path: string[] = [];
  for (let pattern = where; pattern !== undefined; ) {
    const form = patternForm(pattern);
    if (form.kind !== "keys") break;
    const [only] = form.keys;
    if (only === undefined || form.keys.length > 1) return undefined;
    path.push(only[0]);
    pattern = only[1];
  }
  return path.length === 0 ? undefined : path.join(".");
}

function leftOf(
  readers: readonly Reader[],
  { from, key, type }: { readonly from: string; readonly key: string; readonly type: DataType },
) {
  const at = { source: from, path: key.split("."), hasOwnWhere: () => false };
  return leftCases(
    type,
    at.path,
    readers.flatMap(({ node }) => patternsOf(node, at)),
  );
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
