import { say } from "../format/messages.ts";
import type { DraftNode } from "../format/shape.ts";
import { cycleIn } from "../format/topology.ts";
import { coordinatorFnType } from "../format/types.ts";
import type { CheckContext } from "./context.ts";
import { type Links, parentPath } from "./dependencies.ts";

/** Ids are unique. @returns the ids that are not */
export function checkIds({ draft, findings }: CheckContext): ReadonlySet<string> {
  const seen = new Set<string>();
  const doubled = new Set<string>();
  for (const { facets, pathOf } of draft.nodes) {
    const id = facets.node_id;
    if (id === undefined) continue;
    if (seen.has(id)) {
      doubled.add(id);
      findings.add({ code: "GRAPH_DUPLICATE_NODE", path: pathOf("node_id"), message: say("duplicateNode", { id }) });
    }
    seen.add(id);
  }
  return doubled;
}

/** Handler types are among those that the caller has. */
export function checkTypes({ draft, options, findings }: CheckContext): void {
  if (options.types === undefined) return;
  const known = new Set([...options.types, coordinatorFnType]);
  for (const { name, facets, pathOf } of draft.nodes) {
    const type = facets.type;
    if (type === undefined || known.has(type)) continue;
    const message = say("unknownType", { node: name, type });
    findings.add({ code: "GRAPH_UNKNOWN_TYPE", path: pathOf("type"), message, near: { word: type, among: known } });
  }
}

const longest = 200;

/** No node waits for itself. One finding for each knot of nodes, with a shortest way round through its first node. */
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
      message: say("cycle", { nodes: shown.join(" -> ") }),
    });
  }
}
