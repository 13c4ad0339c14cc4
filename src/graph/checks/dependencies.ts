import type { FindingCode, FindingList } from "../format/findings.ts";
import { cut, type MessageKey, say } from "../format/messages.ts";
import type { Path } from "../format/pointer.ts";
import type { Draft, DraftEdge, DraftNode } from "../format/shape.ts";
import type { Parents } from "../format/topology.ts";
import type { CheckContext } from "./context.ts";

/** A node's parents as it names them, and where: in its `depends_on`, or, where it has none, in these `edges`. */
export interface NamedParents {
  readonly names: readonly string[];
  readonly edges?: readonly DraftEdge[];
}

const noParents: NamedParents = { names: [] };

/** Paths are made when there is something to say: a large graph names a hundred thousand parents. */
export function parentPath(node: DraftNode, { edges }: NamedParents, at: number): Path {
  return edges === undefined ? [...node.pathOf("depends_on"), at] : ["edges", edges[at]?.index ?? at, 0];
}

/** Who depends on whom, as far as the names can be followed. */
export interface Links {
  /** By node index, as declared: unknown names and doubles included. */
  readonly declared: readonly NamedParents[];
  /** By node index: known parents, each once, without the node itself. */
  readonly parents: Parents;
  /** The edges to each name. */
  readonly edgesTo: ReadonlyMap<string, readonly DraftEdge[]>;
  /** Nodes with a parent that can't be followed: what is upstream of them is not all known. */
  readonly incomplete: ReadonlySet<number>;
}

/**
 * Reads each node's parents from its `depends_on`, or, where it has none, from `edges`; reports names of no node,
 * doubles, and nodes that depend on themselves.
 */
export function linkNodes(context: CheckContext): Links {
  const { draft, findings, names } = context;
  const incomplete = new Set<number>();
  const edgesTo = groupByTarget(draft);
  const declared = draft.nodes.map((node): NamedParents => {
    if (node.unclear.has("depends_on")) incomplete.add(node.index);
    const given = node.facets.depends_on;
    if (given !== undefined) return { names: given };
    if (draft.edgesUnclear) incomplete.add(node.index);
    const edges = node.facets.node_id === undefined ? undefined : edgesTo.get(node.facets.node_id);
    return edges === undefined ? noParents : { names: edges.map(({ from }) => from), edges };
  });
  const seen = new Set<string>();
  const parents = draft.nodes.map((node) => {
    const index = node.index;
    seen.clear();
    const known: number[] = [];
    const named = declared[index] ?? noParents;
    for (const [at, name] of named.names.entries()) {
      const parent = draft.byName.get(name);
      if (parent !== undefined && parent !== node && name !== node.facets.node_id && !seen.has(name)) {
        known.push(parent.index);
      } else if (seen.has(name)) {
        reportDouble({ node: node.name, name, path: parentPath(node, named, at) }, findings);
      } else if (parent === undefined) {
        incomplete.add(index);
        const message = say("unknownParent", { node: node.name, id: cut(name) });
        const near = { word: name, among: names };
        findings.add({ code: "GRAPH_UNKNOWN_DEPENDENCY", path: parentPath(node, named, at), message, near });
      } else {
        const message = say("selfDependency", { node: node.name });
        findings.add({ code: "GRAPH_SELF_DEPENDENCY", path: parentPath(node, named, at), message });
      }
      seen.add(name);
    }
    return known;
  });
  return { declared, parents, edgesTo, incomplete };
}

export function reportDouble(at: { node: string; name: string; path: Path }, findings: FindingList): void {
  const path = at.path[0] === "edges" ? at.path.slice(0, 2) : at.path;
  const message = say("duplicateParent", { node: at.node, id: cut(at.name) });
  findings.add({ code: "GRAPH_DUPLICATE_DEPENDENCY", path, message });
}

function groupByTarget(draft: Draft): ReadonlyMap<string, readonly DraftEdge[]> {
  const groups = new Map<string, DraftEdge[]>();
  for (const edge of draft.edges ?? []) {
    const group = groups.get(edge.to);
    if (group === undefined) groups.set(edge.to, [edge]);
    else group.push(edge);
  }
  return groups;
}

/** `fan_in` and `start_when` can be met by the parents there are. */
export function checkStart({ draft, findings }: CheckContext, links: Links): void {
  for (const node of draft.nodes) {
    const { fan_in: fanIn = "all", start_when: startWhen = "ready" } = node.facets;
    if (fanIn === "all" && startWhen === "ready") continue;
    if (node.unclear.has("depends_on")) continue;
    if (node.facets.depends_on === undefined && draft.edgesUnclear) continue;
    // Names of no node count: they are a mistake of their own, and were meant to be parents.
    const parents = new Set(links.declared[node.index]?.names).size;
    for (const { key, ...fault } of startFaults({ node: node.name, fanIn, startWhen, parents })) {
      findings.add({ ...fault, path: node.pathOf(key) });
    }
  }
}

interface StartFault {
  readonly code: FindingCode;
  readonly key: "fan_in" | "start_when";
  readonly message: string;
}

/** Why a node with so many parents could never start. The builder calls it too, for its flows. */
export function startFaults(start: {
  readonly node: string;
  readonly fanIn: string | undefined;
  readonly startWhen: string | undefined;
  readonly parents: number;
}): readonly StartFault[] {
  const { node, fanIn = "all", startWhen, parents } = start;
  const fault = (code: FindingCode, key: StartFault["key"], message: MessageKey): StartFault => ({
    code,
    key,
    message: say(message, { node, fanIn, parents }),
  });
  if (parents > 0) {
    const count = /^count:(\d+)$/.exec(fanIn)?.[1];
    const isMet = count === undefined || (Number(count) >= 1 && Number(count) <= parents);
    return isMet ? [] : [fault("GRAPH_FAN_IN", "fan_in", "fanInTooMany")];
  }
  return [
    ...(startWhen === "first_batch" ? [fault("GRAPH_START_WHEN", "start_when", "rootFirstBatch")] : []),
    ...(fanIn === "all" ? [] : [fault("GRAPH_FAN_IN", "fan_in", "rootFanIn")]),
  ];
}
