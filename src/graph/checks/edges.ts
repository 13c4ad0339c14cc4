import { cut, say } from "../format/messages.ts";
import type { DraftEdge } from "../format/shape.ts";
import type { CheckContext } from "./context.ts";
import { type Links, reportDouble } from "./dependencies.ts";

const mostListed = 10;

/**
 * `edges` names nodes, and agrees with `depends_on` where a node has both. A mistake that `depends_on` makes too is
 * reported there only, and a name of no node is no disagreement besides.
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
    if (sameOrder(targets.get(id) ?? [], dependsOn)) continue; // as most graphs have it; doubles are reported there
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
          const message = say("selfDependency", { node: id });
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
      message: say("edgesDisagree", { differences: listed(differences) }),
    });
  }

  function reportUnknown(edge: DraftEdge, name: string, end: 0 | 1): void {
    const message = say("unknownEdgeEnd", { from: cut(edge.from), to: cut(edge.to), id: cut(name) });
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
