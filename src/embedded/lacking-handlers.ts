import { FlowError } from "../errors/index.ts";
import { coordinatorFnType, type Graph } from "../graph/index.ts";
import { say } from "../graph/messages.ts";
import type { KnownTypes } from "./known-types.ts";

/**
 * Refuses the graph of a flow whose handlers aren't known here, in the words that the compiler has for it.
 *
 * @throws FlowError `GRAPH_INVALID`
 */
export function refuseLacking({ nodes }: Graph, { names, list }: KnownTypes): void {
  const known = new Set(names);
  const findings = nodes.flatMap(({ node_id: node, type }, index) =>
    type === coordinatorFnType || known.has(type)
      ? []
      : [
          {
            code: "GRAPH_UNKNOWN_TYPE",
            path: `/nodes/${index}/type`,
            message: say("handlerLacking", { handler: type, node, list }),
          },
        ],
  );
  if (findings.length === 0) return;
  throw new FlowError("GRAPH_INVALID", findings.map(({ message }) => message).join("\n"), { details: { findings } });
}
