import { say } from "../messages.ts";
import type { CheckContext } from "./context.ts";
import type { Links } from "./dependencies.ts";

/** `fan_in` and `start_when` can be met by the parents there are. */
export function checkStart({ draft, findings }: CheckContext, links: Links): void {
  for (const node of draft.nodes) {
    const { fan_in: fanIn = "all", start_when: startWhen = "ready" } = node.facets;
    if (fanIn === "all" && startWhen === "ready") continue;
    if (node.unclear.has("depends_on")) continue;
    if (node.facets.depends_on === undefined && draft.edgesUnclear) continue;
    // Names of no node count: they are a mistake of their own, and were meant to be parents.
    const parents = new Set(links.declared[node.index]?.names).size;
    const values = { node: node.name, fanIn, parents };
    if (parents === 0) {
      if (fanIn !== "all") {
        findings.add({ code: "GRAPH_FAN_IN", path: node.pathOf("fan_in"), message: say("rootFanIn", values) });
      }
      if (startWhen === "first_batch") {
        const message = say("rootFirstBatch", values);
        findings.add({ code: "GRAPH_START_WHEN", path: node.pathOf("start_when"), message });
      }
    } else if (fanIn.startsWith("count:") && Number(fanIn.slice("count:".length)) > parents) {
      findings.add({ code: "GRAPH_FAN_IN", path: node.pathOf("fan_in"), message: say("fanInTooMany", values) });
    }
  }
}
