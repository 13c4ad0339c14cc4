import type { JsonObject } from "../../errors/index.ts";
import type { FindingInput } from "../format/findings.ts";
import { defaultGraphLimits, type GraphLimits } from "../format/limits.ts";
import { patternSize } from "../format/linear-pattern.ts";
import { cut, say, shown } from "../format/messages.ts";
import { inPlace, isPlainKeyPattern, subschemas } from "../format/params-validator.ts";
import { isObject } from "../format/plain-data.ts";
import type { CheckContext } from "./context.ts";

/** Checking the parameters of a task takes a bounded time, whatever they are. */
export function checkParamsSchema({ draft, options, findings }: CheckContext): void {
  const limits = { ...defaultGraphLimits, ...options.limits };
  if (draft.paramsSchema === undefined) return;
  for (const { path, ...fault } of faultsOf(draft.paramsSchema, limits)) {
    findings.add({ ...fault, path: ["params_schema", ...path] });
  }
}

/** Ends with the first limit that is exceeded. */
function* faultsOf(root: JsonObject, limits: GraphLimits): Generator<FindingInput> {
  const counted = new Map<JsonObject, number>();
  let patterns = 0;
  for (const { schema, path } of subschemas(root)) {
    const applied = appliedAt(schema, { root, counted, limit: limits.maxAppliedSchemas });
    if (applied === "cycle") {
      yield { code: "GRAPH_PARAMS_SCHEMA", path, message: say("schemaOfItself", {}) };
      return;
    }
    if (applied > limits.maxAppliedSchemas) {
      yield { code: "GRAPH_TOO_LARGE", path, message: say("schemaTooWide", { limit: limits.maxAppliedSchemas }) };
      return;
    }
    for (const key of Object.keys(isObject(schema.patternProperties) ? schema.patternProperties : {})) {
      if (isPlainKeyPattern(key)) continue;
      const message = say("keyPatternRefused", { pattern: cut(key) });
      yield { code: "GRAPH_PARAMS_SCHEMA", path: [...path, "patternProperties", key], message };
    }
    if (typeof schema.pattern !== "string") continue;
    const at = [...path, "pattern"];
    const { pattern } = schema;
    if (pattern.length > limits.maxPatternLength) {
      const message = say("patternTooLong", { count: pattern.length, limit: limits.maxPatternLength });
      yield { code: "GRAPH_TOO_LARGE", path: at, message };
      continue;
    }
    const compiled = patternSize(pattern);
    if ("fault" in compiled) {
      const message = say("patternRefused", { pattern: shown(pattern), why: cut(compiled.fault) });
      yield { code: "GRAPH_PARAMS_SCHEMA", path: at, message };
      continue;
    }
    patterns += compiled.size;
    if (patterns > limits.maxPatternSize) {
      yield { code: "GRAPH_TOO_LARGE", path: at, message: say("patternsTooLarge", { limit: limits.maxPatternSize }) };
      return;
    }
  }
}

/** How many schemas are applied to one value, over references and combinations; no more than a little past the limit. */
function appliedAt(
  schema: JsonObject,
  within: { readonly root: JsonObject; readonly counted: Map<JsonObject, number>; readonly limit: number },
  open: Set<JsonObject> = new Set(),
): number | "cycle" {
  const known = within.counted.get(schema);
  if (known !== undefined) return known;
  if (open.has(schema)) return "cycle";
  if (open.size > within.limit) return within.limit + 1;
  open.add(schema);
  let count = 1;
  for (const part of inPlace(schema, within.root)) {
    const size = appliedAt(part, within, open);
    if (size === "cycle") return size;
    count += size;
    if (count > within.limit) break;
  }
  open.delete(schema);
  within.counted.set(schema, count);
  return count;
}
