import { $ZodAsyncError, type $ZodIssue, type $ZodType, safeParse } from "zod/v4/core";
import { isParamRef } from "./param.ts";
import { knownKeys } from "./schema-facts.ts";

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
