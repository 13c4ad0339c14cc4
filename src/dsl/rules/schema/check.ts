import { $ZodAsyncError, type $ZodIssue, type $ZodType, type $ZodTypes, safeParse } from "zod/v4/core";
import { isParamRef } from "../../model/param.ts";
import { knownKeys } from "../../model/schema.ts";

const noJson: Readonly<Record<string, string>> = {
  date: "is a Date (use a codec: the wire type must be JSON)",
  bigint: "is a bigint",
  symbol: "is a symbol",
  undefined: "may be undefined",
  void: "may be undefined",
  nan: "has no JSON form",
  map: "is a Map or Set",
  set: "is a Map or Set",
  function: "is a function",
  promise: "has no JSON form",
  file: "has no JSON form",
  unknown: "is unknown (declare its type, or use z.json())",
};

/**
 * The places of a schema whose wire form isn't JSON, in words.
 *
 * @example
 * notJsonIn(z.object({ at: z.date() }), "output") // ["output.at is a Date (use a codec: the wire type must be JSON)"]
 */
export function notJsonIn(schema: $ZodType, name: string): string[] {
  const found: string[] = [];
  const seen = new Set<$ZodType>();
  const walk = (current: $ZodType, path: string): void => {
    if (seen.has(current)) return; // a recursive schema, or one that is used twice: said once
    seen.add(current);
    const { def } = (current as $ZodTypes)._zod;
    const words = noJson[def.type];
    if (words !== undefined) found.push(`${path} ${words}`);
    for (const [inner, innerPath] of wireParts(current, path)) walk(inner, innerPath);
  };
  walk(schema, name);
  return found;
}

/** The schemas that make up a schema's wire form. */
function wireParts(schema: $ZodType, path: string): readonly (readonly [$ZodType, string])[] {
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case "object":
      return [
        ...Object.entries(def.shape).map(([key, value]) => [value, `${path}.${key}`] as const),
        ...(def.catchall === undefined ? [] : [[def.catchall, `${path}[]`] as const]),
      ];
    case "array":
      return [[def.element, `${path}[]`]];
    case "tuple":
      return [...def.items, ...(def.rest === null ? [] : [def.rest])].map((item) => [item, `${path}[]`] as const);
    case "record":
      return [[def.valueType, `${path}[]`]];
    case "union":
      return def.options.map((option) => [option, path] as const);
    case "intersection":
      return [
        [def.left, path],
        [def.right, path],
      ];
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      return [[def.innerType, path]];
    case "pipe":
      return [[def.in, path]];
    case "lazy":
      return [[def.getter(), path]];
    default:
      return [];
  }
}

export type Args = Readonly<Record<string, unknown>>;

/** What a schema says about arguments. */
export interface Verdict {
  readonly missing: readonly string[];
  /** Everything else, by the argument that it is about. */
  readonly wrong: readonly { readonly key: string; readonly text: string }[];
}

export const nothing: Verdict = { missing: [], wrong: [] };

/** Values that parameters fill in are left out. */
export function judge(schema: $ZodType, args: Args): Verdict {
  const issues = issuesOf(schema, args).filter((issue) => !isFilledIn(args, issue.path));
  const isMissing = ({ path: [key, ...rest] }: $ZodIssue) =>
    typeof key === "string" && rest.length === 0 && args[key] === undefined;
  return {
    missing: issues.filter(isMissing).map(({ path }) => String(path[0])),
    wrong: issues
      .filter((issue) => !isMissing(issue))
      .map(({ path, message }) => ({ key: String(path[0]), text: `${place(path)}: ${message}` })),
  };
}

function issuesOf(schema: $ZodType, args: Args): readonly $ZodIssue[] {
  try {
    return safeParse(schema, args).error?.issues ?? [];
  } catch (error) {
    if (error instanceof $ZodAsyncError) return []; // a schema with an asynchronous check is judged when it runs
    throw error;
  }
}

/** Whether a parameter stands at the path or on the way to it. */
function isFilledIn(args: unknown, path: readonly PropertyKey[]): boolean {
  let value = args;
  for (const key of path) {
    if (typeof value !== "object" || value === null || isParamRef(value)) break;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return isParamRef(value);
}

const place = (path: readonly PropertyKey[]): string => ["args", ...path.map(String)].join(".");

/** The arguments that none of the schemas names. */
export function unknownKeys(schemas: readonly $ZodType[], args: Args): string[] {
  const known = schemas.map(knownKeys);
  if (schemas.length > 0 && known.some((keys) => keys === undefined)) return [];
  const all = new Set(known.flatMap((keys) => keys ?? []));
  return Object.keys(args).filter((key) => !all.has(key));
}
