import { coreReasonCodes } from "../../../errors/index.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { fnName, type LoadedStep, ownFnOf, type Step } from "../../model/step.ts";

/** `retry.permanentOn` names reason codes of the node's handler or function, or of the engine. */
export function permanentOnFindings(step: Exclude<Step, LoadedStep>): string[] {
  const { id: node, options } = step;
  const codes = options.retry?.permanentOn;
  if (!Array.isArray(codes)) return [];
  const own = (step.kind === "node" ? step.handler : ownFnOf(step))?.errors ?? [];
  const known = [...own, ...coreReasonCodes];
  const words = (code: string) =>
    step.kind === "node"
      ? formatMessage("permanentOnUnknown", { node, code, handler: step.handler.name })
      : formatMessage("fnPermanentOnUnknown", { node, code, fn: fnName(step.fn) });
  return codes
    .filter((code) => typeof code === "string" && !known.includes(code))
    .map((code) => withHint(words(code), code, known));
}
