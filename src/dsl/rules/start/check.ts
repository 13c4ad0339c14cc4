import { startFaults } from "../../../graph/checks/structure.ts";
import type { Step } from "../../model/step.ts";

/** The check of the graph; here it reports `fanIn` and `startWhen` together with the other mistakes of the flow. */
export function startFindings({ id: node, options: { after, fanIn, startWhen } }: Step): string[] {
  return startFaults({ node, fanIn, startWhen, parents: after.length }).map(({ message }) => message);
}
