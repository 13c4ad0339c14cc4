import { builtInAdapter } from "../../../builtins/input-adapters/index.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { hasOwnWhere } from "../../../graph/format/pattern.ts";
import { type FlowHead, handlerOf, type Step } from "../../model/step.ts";

/** A node with `where` reads something, by an adapter that takes it. What it matches is checked with the graph. */
export function whereFindings(step: Step, head: FlowHead): string[] {
  const { id: node, options } = step;
  const { after, input, where } = options;
  const isWritten = input?.where !== undefined && builtInAdapter(input.adapter) !== undefined;
  if (isWritten) {
    const name = `adapter '${input.adapter}'`;
    return [formatMessage("unknownArg", { owner: `node '${node}'`, name, key: "where" })];
  }
  if (where === undefined) return [];
  if (after.length === 0) return [formatMessage("whereOnRoot", { node })];
  const adapter = input?.adapter ?? handlerOf(step)?.inputAdapter?.adapter;
  const custom = head.inputAdapters.find(({ name }) => name === adapter);
  return hasOwnWhere(custom?.args) ? [formatMessage("whereTaken", { node, adapter: adapter ?? "" })] : [];
}
