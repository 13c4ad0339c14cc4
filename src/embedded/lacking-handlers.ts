import type { HandlerDefinition } from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";
import { coordinatorFnType, type Graph } from "../graph/index.ts";
import { say } from "../graph/messages.ts";

/**
 * Refuses the graph of a flow whose handlers this engine lacks, in the words that the compiler has for it.
 *
 * @throws FlowError `GRAPH_INVALID`
 */
export function refuseLacking({ nodes }: Graph, handlers: ReadonlyMap<string, HandlerDefinition>): void {
  const findings = nodes.flatMap(({ node_id: node, type }, index) =>
    type === coordinatorFnType || handlers.has(type)
      ? []
      : [
          {
            code: "GRAPH_UNKNOWN_TYPE",
            path: `/nodes/${index}/type`,
            message: say("handlerLacking", { handler: type, node }),
          },
        ],
  );
  if (findings.length === 0) return;
  throw new FlowError("GRAPH_INVALID", findings.map(({ message }) => message).join("\n"), { details: { findings } });
}
