import { builtInAdapter } from "../../../builtins/input-adapters/index.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import type { InputOptions, Step } from "../../model/step.ts";

/*
 * The names in `after` and `input.from`. The data along an edge is checked with the graph, by its `checkData`; both it
 * and the compiler word a mismatch as `graph/data/mismatch.ts` does.
 */

/** A node depends on nodes declared before it. */
export function afterFindings({ id: node, options: { after } }: Step, seen: ReadonlySet<string>): string[] {
  return after
    .filter((id) => !seen.has(id))
    .map((id) => withHint(formatMessage("unknownDependency", { node, id }), id, seen));
}

/** A node reads from nodes that it depends on, under aliases only where the adapter takes them. */
export function fromFindings(
  { id: node, options: { after } }: Step,
  { input, seen }: { readonly input: InputOptions; readonly seen: ReadonlySet<string> },
): string[] {
  const { adapter, from = [] } = input;
  const outside = Object.values(from)
    .filter((id) => !after.includes(id))
    .map((id) => formatMessage(seen.has(id) ? "fromOutsideAfter" : "unknownSource", { node, id }));
  const isRefused = !Array.isArray(from) && !builtInAdapter(adapter)?.takesAliases;
  return isRefused ? [...outside, formatMessage("aliasesOnlyGather", { adapter })] : outside;
}
