import { formatMessage } from "../../../graph/format/messages.ts";
import { forbiddenKeys, namePattern } from "../../../graph/format/names.ts";

/** An id is well-formed and not used before. `IdArgument` also requires a literal, which only the compiler can see. */
export function idFindings(id: unknown, seen: ReadonlySet<string>): string[] {
  if (typeof id !== "string" || !namePattern.test(id)) return [formatMessage("idForm", { id: String(id) })];
  if (forbiddenKeys.has(id)) return [formatMessage("nameForbidden", { what: "node id", name: id })];
  return seen.has(id) ? [formatMessage("duplicateNode", { id })] : [];
}
