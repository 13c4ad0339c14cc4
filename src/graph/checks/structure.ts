import type { FindingCode, FindingList } from "../format/findings.ts";
import { cut, formatMessage, type MessageKey } from "../format/messages.ts";
import type { Path } from "../format/pointer.ts";
import type { Draft, DraftEdge, DraftNode } from "../format/shape.ts";
import { cycleIn, type Parents } from "../format/topology.ts";
import { coordinatorFnType, flowType } from "../format/types.ts";
import type { CheckContext } from "./context.ts";

/** Ids are unique. @returns the duplicate ids */
export function checkIds({ draft, findings }: CheckContext): ReadonlySet<string> {
  const seen = new Set<string>();
  const doubled = new Set<string>();
  for (const { facets, pathOf } of draft.nodes) {
    const id = facets.node_id;
    if (id === undefined) continue;
    if (seen.has(id)) {
      doubled.add(id);
      findings.add({
        code: "GRAPH_DUPLICATE_NODE",
        path: pathOf("node_id"),
        message: formatMessage("duplicateNode", { id }),
      });
    }
    seen.add(id);
  }
  return doubled;
}

/** Handler types are among the known types, if the caller passed any. */
export function checkTypes({ draft, options, findings }: CheckContext): void {
  if (options.types === undefined) return;
  const known = new Set([...options.types, coordinatorFnType, flowType]);
  for (const { name, facets, pathOf } of draft.nodes) {
    const type = facets.type;
    if (type === undefined || known.has(type)) continue;
    const message = formatMessage("unknownType", { node: name, type });
    findings.add({ code: "GRAPH_UNKNOWN_TYPE", path: pathOf("type"), message, near: { word: type, among: known } });
  }
}

/** The parents that a node names: in its `depends_on`, or in `edges` if it has none. */
export interface NamedParents {
  readonly names: readonly string[];
  readonly edges?: readonly DraftEdge[];
}

const noParents: NamedParents = { names: [] };

/** Computed only for findings: a large graph names 100,000 parents. */
export function parentPath(node: DraftNode, { edges }: NamedParents, at: number): Path {
  return edges === undefined ? [...node.pathOf("depends_on"), at] : ["edges", edges[at]?.index ?? at, 0];
}

/** The dependencies between nodes, as far as names can be resolved. */
export interface Links {
  /** By node index, as declared, including unknown and duplicate names. */
  readonly declared: readonly NamedParents[];
  /** By node index: resolved parents, without duplicates and the node itself. */
  readonly parents: Parents;
  /** Edges by target name. */
  readonly edgesTo: ReadonlyMap<string, readonly DraftEdge[]>;
  /** Nodes with an unresolved parent, whose ancestors are therefore not all known. */
  readonly incomplete: ReadonlySet<number>;
}

/**
 * Resolves each node's parents, from its `depends_on`, or from `edges` if it has none. Reports unknown names,
 * duplicates, and nodes that depend on themselves.
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
        const message = formatMessage("unknownParent", { node: node.name, id: cut(name) });
        const near = { word: name, among: names };
        findings.add({ code: "GRAPH_UNKNOWN_DEPENDENCY", path: parentPath(node, named, at), message, near });
      } else {
        const message = formatMessage("selfDependency", { node: node.name });
        findings.add({ code: "GRAPH_SELF_DEPENDENCY", path: parentPath(node, named, at), message });
      }
      seen.add(name);
    }
    return known;
  });
  return { declared, parents, edgesTo, incomplete };
}

function reportDouble(at: { node: string; name: string; path: Path }, findings: FindingList): void {
  const path = at.path[0] === "edges" ? at.path.slice(0, 2) : at.path;
  const message = formatMessage("duplicateParent", { node: at.node, id: cut(at.name) });
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

const mostListed = 10;

/**
 * `edges` names existing nodes and agrees with `depends_on` if a node has both. A mistake that is also in `depends_on`
 * is reported only there, and an unknown name does not count as a disagreement.
 */
export function checkEdges(context: CheckContext, { links, doubled }: EdgeFacts): void {
  const { draft, findings, names } = context;
  if (draft.edges === undefined) return;
  const targets = links.edgesTo;
  for (const edge of draft.edges) {
    if (draft.byName.has(edge.to)) continue;
    reportUnknown(edge, edge.to, 1);
  }
  const differences: string[] = [];
  for (const node of draft.nodes) {
    const { node_id: id, depends_on: dependsOn } = node.facets;
    if (id === undefined || dependsOn === undefined || doubled.has(id)) continue;
    if (sameOrder(targets.get(id) ?? [], dependsOn)) continue; // the common case
    const named = new Set(dependsOn);
    const drawn = new Set<string>();
    let certain = !draft.edgesUnclear && !links.incomplete.has(node.index);
    const extra: string[] = [];
    let doubles: ReadonlySet<string> | undefined;
    for (const edge of targets.get(id) ?? []) {
      const { from, index } = edge;
      if (drawn.has(from)) {
        doubles ??= doublesIn(dependsOn);
        if (!doubles.has(from)) reportDouble({ node: id, name: from, path: ["edges", index] }, findings);
      } else if (!named.has(from)) {
        if (from === id) {
          const message = formatMessage("selfDependency", { node: id });
          findings.add({ code: "GRAPH_SELF_DEPENDENCY", path: ["edges", index], message });
        } else if (draft.byName.has(from)) extra.push(from);
        else {
          reportUnknown(edge, from, 0);
          certain = false;
        }
      }
      drawn.add(from);
    }
    if (!certain) continue;
    for (const from of extra) differences.push(`${from} -> ${id} is in edges only`);
    for (const from of named) {
      if (from !== id && !drawn.has(from)) differences.push(`${from} -> ${id} is in depends_on only`);
    }
  }
  if (differences.length > 0) {
    findings.add({
      code: "GRAPH_EDGES_DISAGREE",
      path: ["edges"],
      message: formatMessage("edgesDisagree", { differences: listed(differences) }),
    });
  }

  function reportUnknown(edge: DraftEdge, name: string, end: 0 | 1): void {
    const message = formatMessage("unknownEdgeEnd", { from: cut(edge.from), to: cut(edge.to), id: cut(name) });
    const path = ["edges", edge.index, end];
    findings.add({ code: "GRAPH_UNKNOWN_DEPENDENCY", path, message, near: { word: name, among: names } });
  }
}

interface EdgeFacts {
  readonly links: Links;
  readonly doubled: ReadonlySet<string>;
}

function sameOrder(edges: readonly DraftEdge[], names: readonly string[]): boolean {
  return edges.length === names.length && edges.every(({ from }, index) => from === names[index]);
}

function doublesIn(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => seen.size === seen.add(name).size));
}

function listed(differences: readonly string[]): string {
  const more = differences.length - mostListed;
  return differences.slice(0, mostListed).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

const longest = 200;

/** No cycles. One finding per strongly connected component, with a shortest cycle through its first node. */
export function checkCycles(
  { draft, findings }: CheckContext,
  { links, groups }: { readonly links: Links; readonly groups: readonly (readonly number[])[] },
): void {
  for (const group of groups) {
    if (group.length < 2) continue;
    const cycle = cycleIn(group, links.parents);
    const names = cycle.map((index) => draft.nodes[index]?.name ?? "");
    const first = draft.nodes[cycle[0] as number] as DraftNode;
    const last = cycle.at(-2);
    const named = links.declared[first.index];
    const closing = named?.names.findIndex((name) => draft.byName.get(name)?.index === last) ?? -1;
    const path = named === undefined || closing < 0 ? first.pathOf("depends_on") : parentPath(first, named, closing);
    const shown =
      names.length > longest ? [...names.slice(0, longest), `(${names.length - longest - 1} more)`, first.name] : names;
    findings.add({
      code: "GRAPH_CYCLE",
      path: path[0] === "edges" ? path.slice(0, 2) : path,
      message: formatMessage("cycle", { nodes: shown.join(" -> ") }),
    });
  }
}

/** A node's parents can satisfy its `fan_in` and `start_when`. */
export function checkStart({ draft, findings }: CheckContext, links: Links): void {
  for (const node of draft.nodes) {
    const { fan_in: fanIn = "all", start_when: startWhen = "ready" } = node.facets;
    if (fanIn === "all" && startWhen === "ready") continue;
    if (node.unclear.has("depends_on")) continue;
    if (node.facets.depends_on === undefined && draft.edgesUnclear) continue;
    // Unknown names count: they are reported separately, and were intended as parents.
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
  const { node, fanIn = "all", startWhen = "ready", parents } = start;
  const fault = (code: FindingCode, key: StartFault["key"], message: MessageKey): StartFault => ({
    code,
    key,
    message: formatMessage(message, { node, fanIn, parents }),
  });
  if (parents > 0) {
    const count = /^count:(\d+)$/.exec(fanIn)?.[1];
    const isMet = count === undefined || (Number(count) >= 1 && Number(count) <= parents);
    return isMet ? [] : [fault("GRAPH_FAN_IN", "fan_in", "fanInTooMany")];
  }
  return [
    ...(["first_batch", "ended"].includes(startWhen) ? [fault("GRAPH_START_WHEN", "start_when", "rootStartWhen")] : []),
    ...(fanIn === "all" ? [] : [fault("GRAPH_FAN_IN", "fan_in", "rootFanIn")]),
  ];
}

/** Limits over all tasks of a flow need its name. A node that runs a flow limits its tasks, which have no key. */
export function checkLimits({ draft, findings }: CheckContext): void {
  for (const node of draft.nodes) {
    const { type, limits = {} } = node.facets;
    const key = limits.key === undefined ? "per_sec" : "key";
    if (limits[key] === undefined) continue;
    const values = { node: node.name, key };
    const isOfFlow = type === flowType && key === "key";
    if (draft.isNamed && !isOfFlow) continue;
    const message = formatMessage(isOfFlow ? "limitsOfFlow" : "limitsNameless", values);
    findings.add({ code: "GRAPH_LIMITS", path: [...node.pathOf("limits"), key], message });
  }
}
