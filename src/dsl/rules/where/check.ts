import { patternsOf } from "../../../builtins/input-adapters/deliveries.ts";
import { builtInAdapter } from "../../../builtins/input-adapters/index.ts";
import { keysIn, leftCases, leftMessage } from "../../../graph/data/narrow.ts";
import { storedType } from "../../../graph/data/zod-data.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { hasOwnWhere } from "../../../graph/format/pattern.ts";
import type { GraphNode } from "../../../graph/index.ts";
import { type FlowHead, handlerOf, ownFnOf, type Step } from "../../model/step.ts";

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

/** Each value of the keys that `exhaustive` names goes to some node for certain. */
export function caseFindings(head: FlowHead, steps: readonly Step[], nodes: readonly GraphNode[]): string[] {
  return (head.cases ?? []).flatMap(({ source, key }) => {
    const step = steps.find(({ id }) => id === source);
    const schema =
      head.inputs?.[source] ?? (step === undefined ? undefined : (handlerOf(step) ?? ownFnOf(step))?.output);
    if (step === undefined && schema === undefined) return [formatMessage("unknownCaseSource", { id: source })];
    if (schema === undefined) return []; // the output of a built-in function, or of a handler that is elsewhere
    const path = key.split(".");
    const type = storedType(schema);
    const hasOwn = (adapter: string) => hasOwnWhere(head.inputAdapters.find(({ name }) => name === adapter)?.args);
    const patterns = nodes.flatMap((node) => patternsOf(node, { source, path, hasOwnWhere: hasOwn }));
    const left = leftCases(type, path, patterns);
    if (left === undefined) return [formatMessage("caseKey", { from: source, key, keys: keysIn(type).join(", ") })];
    return left.length === 0 ? [] : [leftMessage(left, { from: source, key })];
  });
}
