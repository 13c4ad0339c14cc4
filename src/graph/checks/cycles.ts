import type { DraftNode } from "../draft.ts";
import { say } from "../messages.ts";
import { cycleIn } from "../topology.ts";
import type { CheckContext } from "./context.ts";
import { type Links, parentPath } from "./dependencies.ts";

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
