import type { HandlerDefinition } from "../../../definitions/index.ts";
import { formatMessage } from "../../../graph/format/messages.ts";

/** A handler that declares no input stands on a node without parents. */
export function parentFindings(
  handler: HandlerDefinition,
  { node, after }: { readonly node: string; readonly after: readonly string[] },
): string[] {
  if (after.length === 0 || handler.input !== undefined) return [];
  return [formatMessage("sourceWithUpstream", { node, handler: handler.name, parent: after.join(", ") })];
}
