import { say } from "../messages.ts";
import { coordinatorFnType } from "../types.ts";
import type { CheckContext } from "./context.ts";

/** Ids are unique. @returns the ids that are not */
export function checkIds({ draft, findings }: CheckContext): ReadonlySet<string> {
  const seen = new Set<string>();
  const doubled = new Set<string>();
  for (const { facets, pathOf } of draft.nodes) {
    const id = facets.node_id;
    if (id === undefined) continue;
    if (seen.has(id)) {
      doubled.add(id);
      findings.add({ code: "GRAPH_DUPLICATE_NODE", path: pathOf("node_id"), message: say("duplicateNode", { id }) });
    }
    seen.add(id);
  }
  return doubled;
}

/** Handler types are among those that the caller has. */
export function checkTypes({ draft, options, findings }: CheckContext): void {
  if (options.types === undefined) return;
  const known = new Set([...options.types, coordinatorFnType]);
  for (const { name, facets, pathOf } of draft.nodes) {
    const type = facets.type;
    if (type === undefined || known.has(type)) continue;
    const message = say("unknownType", { node: name, type });
    findings.add({ code: "GRAPH_UNKNOWN_TYPE", path: pathOf("type"), message, near: { word: type, among: known } });
  }
}
