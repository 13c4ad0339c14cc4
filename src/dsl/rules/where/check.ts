import { builtInAdapter } from "../../../builtins/input-adapters/index.ts";
import { objectOf } from "../../../graph/data/data-type.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { hasOwnWhere } from "../../../graph/format/pattern.ts";
import { type FlowHead, handlerOf, type Step } from "../../model/step.ts";
import { paramFindings } from "../params/check.ts";

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

const delay = objectOf([["delaySec", { type: () => ({ kind: "number" }), optional: true }]]);

/** The parameter that replaces a delay is a number. What a condition asks for is checked with the graph. */
export function whenFindings({ options: { delaySec } }: Step, head: FlowHead): string[] {
  return paramFindings({ delaySec }, [delay], head);
}
