import { FlowError } from "../../errors/index.ts";
import type { Finding, Graph, GraphNode } from "../../graph/index.ts";

/**
 * What a graph may say and this engine would ignore is refused: a limit that isn't held is worse than none.
 *
 * @param more - what else is known to be wrong with it
 * @throws FlowError `GRAPH_INVALID` with all findings
 */
export function refuseUnenforced(graph: Graph, more: readonly Finding[] = []): void {
  const limits = graph.nodes.flatMap((node, index) =>
    unknownLimits(node).map((key) => unenforced(node.node_id, `/nodes/${index}/limits/${key}`, `limits.${key}`)),
  );
  const findings = [...limits, ...more];
  if (findings.length === 0) return;
  const text = findings.map((finding) => `${finding.path}: ${finding.message}`).join("\n");
  throw new FlowError("GRAPH_INVALID", text, { details: { findings } });
}

/** The one limit of a node that there is: how many of its shards run at once. */
const unknownLimits = ({ limits = {} }: GraphNode): readonly string[] =>
  Object.keys(limits).filter((key) => key !== "max_running");

function unenforced(nodeId: string, path: string, key: string) {
  return {
    code: "GRAPH_UNSUPPORTED",
    path,
    message: `node '${nodeId}': this engine does not enforce '${key}' yet: leave it out`,
  };
}
