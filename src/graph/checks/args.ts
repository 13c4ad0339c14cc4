import { $ZodAsyncError, type $ZodIssue, $ZodObject, type $ZodType, safeParse } from "zod/v4/core";
import { type JsonObject, thrownMessage } from "../../errors/index.ts";
import type { FindingCode, FindingInput, FindingList } from "../format/findings.ts";
import { misspelt } from "../format/known-keys.ts";
import { defaultGraphLimits, type GraphLimits } from "../format/limits.ts";
import { patternSize } from "../format/linear-pattern.ts";
import { cut, formatMessage, shown } from "../format/messages.ts";
import { argumentsOf, type FoundRef, refsIn } from "../format/params.ts";
import { hasParam, paramNames } from "../format/params-schema.ts";
import { inPlace, isPlainKeyPattern, subschemas } from "../format/params-validator.ts";
import { isObject } from "../format/plain-data.ts";
import { type Path, pointer, valueAt } from "../format/pointer.ts";
import { dotted, expectation, nearValue } from "../format/zod-issues.ts";
import type { CheckContext } from "./context.ts";

export interface ArgsCheck {
  readonly schema: $ZodType;
  readonly args: JsonObject;
  /** Path of `args` in the graph. */
  readonly path: Path;
  /** The node and its adapter or function, as messages name them. */
  readonly owner: string;
  readonly name: string;
  readonly code: FindingCode;
  /** Arguments that name sources; mistakes in them are `GRAPH_FROM_NODES`. */
  readonly sourceKeys: readonly string[];
  /** How messages spell an argument. @defaultValue as in the graph */
  readonly spell?: (key: string) => string;
}

/** Arguments match their schema. Values that a parameter replaces are checked when the task runs. */
export function checkArgs(check: ArgsCheck, findings: FindingList): void {
  const issues = issuesOf(check, findings);
  if (issues.length === 0) return;
  const refs = refPlaces(check.args);
  for (const issue of issues) if (!concernsRef(issue, refs)) report(issue, check, findings);
}

function issuesOf(check: ArgsCheck, findings: FindingList): readonly $ZodIssue[] {
  try {
    const parsed = safeParse(check.schema, check.args);
    return parsed.success ? [] : parsed.error.issues;
  } catch (error) {
    // Refinements of a caller's schema may be asynchronous or throw; neither may abort the validation.
    if (error instanceof $ZodAsyncError) return [];
    const reason = thrownMessage(error);
    const message = formatMessage("uncheckedArgs", { owner: check.owner, name: check.name, reason: cut(reason) });
    findings.add({ code: check.code, path: check.path, message });
    return [];
  }
}

interface RefPlaces {
  /** Pointers of references. */
  readonly at: ReadonlySet<string>;
  /** Pointers of the values that contain one. */
  readonly above: ReadonlySet<string>;
}

function refPlaces(args: JsonObject): RefPlaces {
  const at = new Set<string>();
  const above = new Set<string>();
  for (const { path } of refsIn(args, [])) {
    at.add(pointer(path));
    for (let length = 0; length < path.length; length++) above.add(pointer(path.slice(0, length)));
  }
  return { at, above };
}

/** Whether the issue is in a referenced value, or about a value as a whole that contains a reference. */
function concernsRef({ code, path }: $ZodIssue, refs: RefPlaces): boolean {
  if (refs.at.size === 0) return false;
  const verdict = code === "invalid_union" || code === "custom";
  if (verdict && refs.above.has(pointer(path as Path))) return true;
  return [...path, ""].some((_, length) => refs.at.has(pointer((path as Path).slice(0, length))));
}

function report(issue: $ZodIssue, check: ArgsCheck, findings: FindingList): void {
  const inArgs = issue.path as Path;
  const path = [...check.path, ...inArgs];
  const { owner, name, spell = String } = check;
  const key = cut(dotted(inArgs.map((part, depth) => (depth === 0 ? spell(String(part)) : part))));
  if (issue.code === "unrecognized_keys") {
    const among = keysIn(check.schema, inArgs);
    for (const unknown of issue.keys) {
      const message = formatMessage("unknownArg", { owner, name, key: cut(dotted([...inArgs, unknown])) });
      findings.add({ code: check.code, path: [...path, unknown], message, near: { word: unknown, among } });
    }
    return;
  }
  const code = check.sourceKeys.includes(String(inArgs[0])) ? "GRAPH_FROM_NODES" : check.code;
  const actual = valueAt(check.args, inArgs);
  if (actual === undefined) {
    const holder = valueAt(check.args, inArgs.slice(0, -1));
    const known = keysIn(check.schema, inArgs.slice(0, -1));
    if (isObject(holder) && misspelt(holder, known).has(String(inArgs.at(-1)))) return;
    findings.add({ code, path, message: formatMessage("missingArg", { owner, name, key }) });
    return;
  }
  const expected = expectation(issue);
  const near = nearValue(issue, actual);
  const message = formatMessage("illShapedArgs", {
    owner,
    name,
    key: key === "" ? "" : `${key} `,
    expected,
    actual: shown(actual),
  });
  findings.add({ code, path, message, ...near });
}

/** The keys of the object schema at a path; empty if the path crosses anything but plain object schemas. */
function keysIn(schema: $ZodType, path: Path): ReadonlySet<string> {
  let shape = shapeOf(schema);
  for (const part of path) shape = shapeOf(Object.hasOwn(shape, part) ? shape[part] : undefined);
  return new Set(Object.keys(shape));
}

function shapeOf(schema: $ZodType | undefined): Readonly<Record<string, $ZodType>> {
  return schema instanceof $ZodObject ? schema._zod.def.shape : {};
}

/** Parameter references are well-formed and name parameters of `params_schema`. */
export function checkParamRefs({ draft, findings }: CheckContext): void {
  const schema = draft.paramsSchema;
  const known = schema === undefined ? new Set<string>() : paramNames(schema);
  for (const node of draft.nodes) {
    for (const { key, value } of argumentsOf(node.facets)) {
      const top = node.pathOf(key);
      for (const ref of refsIn(value, top)) {
        const whole = ref.path.length === top.length && key !== "delay_sec";
        const message = whole ? formatMessage("refForAll", { node: node.name, key }) : faultOf(ref, node.name);
        if (message !== undefined) {
          findings.add({ code: "GRAPH_PARAM_REF", path: ref.path, message });
        } else if (schema !== undefined && ref.name !== undefined && !hasParam(schema, ref.name)) {
          findings.add({
            code: "GRAPH_PARAM_REF",
            path: ref.path,
            message: formatMessage("refUnknown", { node: node.name, name: cut(ref.name.join(".")) }),
            near: { word: ref.name[0] ?? "", among: known },
          });
        }
      }
    }
  }
}

function faultOf(ref: FoundRef, node: string): string | undefined {
  if (ref.name === undefined) return formatMessage("refIllShaped", { node, ref: shown(ref.value) });
  return ref.alone ? undefined : formatMessage("refNotAlone", { node });
}

/** Validating any parameters against `params_schema` takes bounded time. */
export function checkParamsSchema({ draft, options, findings }: CheckContext): void {
  const limits = { ...defaultGraphLimits, ...options.limits };
  if (draft.paramsSchema === undefined) return;
  for (const { path, ...fault } of schemaFaults(draft.paramsSchema, limits)) {
    findings.add({ ...fault, path: ["params_schema", ...path] });
  }
}

/** What would let a JSON Schema take unbounded time; stops at the first exceeded limit. */
export function* schemaFaults(root: JsonObject, limits: GraphLimits): Generator<FindingInput> {
  const counted = new Map<JsonObject, number>();
  let patterns = 0;
  for (const { schema, path } of subschemas(root)) {
    const applied = appliedAt(schema, { root, counted, limit: limits.maxAppliedSchemas });
    if (applied === "cycle") {
      yield { code: "GRAPH_PARAMS_SCHEMA", path, message: formatMessage("schemaOfItself", {}) };
      return;
    }
    if (applied > limits.maxAppliedSchemas) {
      yield {
        code: "GRAPH_TOO_LARGE",
        path,
        message: formatMessage("schemaTooWide", { limit: limits.maxAppliedSchemas }),
      };
      return;
    }
    for (const key of Object.keys(isObject(schema.patternProperties) ? schema.patternProperties : {})) {
      if (isPlainKeyPattern(key)) continue;
      const message = formatMessage("keyPatternRefused", { pattern: cut(key) });
      yield { code: "GRAPH_PARAMS_SCHEMA", path: [...path, "patternProperties", key], message };
    }
    if (typeof schema.pattern !== "string") continue;
    const at = [...path, "pattern"];
    const { pattern } = schema;
    if (pattern.length > limits.maxPatternLength) {
      const message = formatMessage("patternTooLong", { count: pattern.length, limit: limits.maxPatternLength });
      yield { code: "GRAPH_TOO_LARGE", path: at, message };
      continue;
    }
    const compiled = patternSize(pattern);
    if ("fault" in compiled) {
      const message = formatMessage("patternRefused", { pattern: shown(pattern), why: cut(compiled.fault) });
      yield { code: "GRAPH_PARAMS_SCHEMA", path: at, message };
      continue;
    }
    patterns += compiled.size;
    if (patterns > limits.maxPatternSize) {
      yield {
        code: "GRAPH_TOO_LARGE",
        path: at,
        message: formatMessage("patternsTooLarge", { limit: limits.maxPatternSize }),
      };
      return;
    }
  }
}

/** The number of schemas applied to one value, through references and combinations; counting stops past the limit. */
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
