import type { $ZodType } from "zod/v4/core";
import type { DataType } from "../../../graph/data/data-type.ts";
import { showType } from "../../../graph/data/show-type.ts";
import { wireType } from "../../../graph/data/zod-data.ts";
import { say } from "../../../graph/format/messages.ts";
import type { FlowHead, LoadedStep, Step } from "../../model/step.ts";
import { argsSchemaOf, fnFindings } from "../fn/check.ts";
import { paramFindings } from "../params/check.ts";
import { type Args, judge, nothing, unknownKeys, type Verdict } from "../schema/check.ts";

type NodeStep = Step & { readonly kind: "node" };
/** What a handler's node says of itself, as far as its arguments go. */
export type HandlerStep = Pick<NodeStep, "id" | "handler" | "options">;
type FnStep = Step & { readonly kind: "fn" };

const noArgs: Args = {};

/** Whether a step's arguments are what its handler or function takes. Values that parameters fill in are left out. */
export function argumentFindings(step: Exclude<Step, LoadedStep>, head: FlowHead): string[] {
  const args = (step.options.args ?? noArgs) as Args;
  const own = step.kind === "node" ? handlerFindings(step, args) : fnFindings(step, args);
  return [...own, ...paramFindings(args, schemasOf(step).map(wireType), head)];
}

/** The same for a handler's arguments alone. */
export function handlerFindings(step: HandlerStep, args: Args): string[] {
  const { id: node, handler, options } = step;
  const routing = ["input_adapter", "input_args"].filter((key) => Object.hasOwn(args, key));
  if (routing.length > 0) return routing.map((key) => say("reservedArgument", { node, key }));
  // A root that makes no batches of its own takes its input as args, as one batch.
  const takesInput = options.after.length === 0 && handler.iterBatches === undefined;
  const input = takesInput ? handler.input : undefined;
  if (input !== undefined && options.args === undefined && !mayBeObject(wireType(input))) {
    return [say("rootInputNotObject", { node, handler: handler.name, type: showType(wireType(input)) })];
  }
  const schemas = [handler.args, input].filter((schema) => schema !== undefined);
  const unknown = unknownKeys(schemas, args).map((key) => say("argUnknown", { node, handler: handler.name, key }));
  const ownIssues = handler.args === undefined ? nothing : judge(handler.args, args);
  const inputIssues = input === undefined ? nothing : judge(input, args);
  const missing = (key: "argsMissing" | "rootInputMissing", { missing: keys }: Verdict) =>
    keys.length === 0 ? [] : [say(key, { node, handler: handler.name, keys: keys.join(", ") })];
  return [
    ...unknown,
    ...missing("argsMissing", ownIssues),
    ...missing("rootInputMissing", inputIssues),
    ...[...ownIssues.wrong, ...inputIssues.wrong].map(({ text }) => say("argIllTyped", { node, where: text })),
  ];
}

/** What the arguments of a step are judged by. */
function schemasOf(step: NodeStep | FnStep): readonly $ZodType[] {
  return step.kind === "fn" ? [argsSchemaOf(step.fn)] : handlerSchemas(step);
}

export function handlerSchemas({ handler: { args, input, iterBatches }, options }: HandlerStep): readonly $ZodType[] {
  const isInput = options.after.length === 0 && iterBatches === undefined;
  return [args, isInput ? input : undefined].filter((schema) => schema !== undefined);
}

const mayBeObject = (type: DataType): boolean =>
  type.kind === "any" || type.kind === "object" || (type.kind === "union" && type.members.some(mayBeObject));
