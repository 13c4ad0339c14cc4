import { type DeliveryFault, EdgeInputs, readingOf } from "../../builtins/input-adapters/deliveries.ts";
import { knownData } from "../data/graph-data.ts";
import type { Path } from "../format/pointer.ts";
import type { DraftNode } from "../format/shape.ts";
import { coordinatorFnType } from "../format/types.ts";
import type { CheckContext } from "./context.ts";
import { type Links, parentPath } from "./dependencies.ts";

/**
 * What nodes read is what they take, as far as the data is described. A node with another mistake in it is left out:
 * what it reads may not be what was meant.
 */
export function checkData({ draft, options, findings }: CheckContext, links: Links): void {
  const { schemas } = draft;
  if (schemas === undefined && options.handlers === undefined) return;
  const data = knownData({ ...options, schemas }, (nodeId) => draft.byName.get(nodeId)?.facets);
  const deliveries = new EdgeInputs(data);
  const mistaken = findings.nodes();
  for (const node of draft.nodes) {
    const { node_id: nodeId, type, input_inline: inline, fan_in: fanIn } = node.facets;
    if (nodeId === undefined || type === coordinatorFnType || mistaken.has(node.index)) continue;
    if (links.incomplete.has(node.index)) continue;
    const parents = links.declared[node.index]?.names ?? [];
    const reading = readingOf({ nodeId, inline, fanIn, parents });
    if (reading === undefined) continue;
    for (const { message, at } of deliveries.faultsOf(reading)) {
      findings.add({ code: "GRAPH_EDGE_DATA", path: pathOf(at, { node, links }), message });
    }
  }
}

/** Where the fault is mended. */
function pathOf(at: DeliveryFault["at"], { node, links }: { node: DraftNode; links: Links }): Path {
  const inline = node.pathOf("input_inline");
  if (at === "adapter") return [...inline, "input_adapter"];
  if (at === "listKey") return [...inline, "input_args", "meta_list_key"];
  const { from_nodes: list, from_node: alone } = node.facets.input_inline?.input_args ?? {};
  if (typeof at === "object") return [...inline, "input_args", "from", at.alias];
  if (list !== undefined) return [...inline, "input_args", "from_nodes", at];
  if (alone !== undefined) return [...inline, "input_args", "from_node"];
  const named = links.declared[node.index];
  return named?.names[at] === undefined ? inline : parentPath(node, named, at);
}
