import { $ZodAsyncError, type $ZodIssue, type $ZodType, safeParse } from "zod/v4/core";
import type { DataType } from "../../../graph/data/data-type.ts";
import { showType } from "../../../graph/data/show-type.ts";
import { wireType } from "../../../graph/data/zod-data.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { isParamRef } from "../../model/param.ts";
import { knownKeys } from "../../model/schema.ts";
import type { Step } from "../../model/step.ts";

export type Args = Readonly<Record<string, unknown>>;

/** The parts of a handler's node that determine its arguments. */
export type HandlerStep = Pick<Step & { readonly kind: "node" }, "id" | "handler" | "options">;

/** The arguments of a handler's node match the handler's schemas. Values that parameters fill in are not checked. */
export function handlerFindings(step: HandlerStep, args: Args): string[] {
  const { id: node, handler, options } = step;
  const routing = ["input_adapter", "input_args"].filter((key) => Object.hasOwn(args, key));
  if (routing.length > 0) return routing.map((key) => formatMessage("reservedArgument", { node, key }));
  // A root without `iterBatches` gets its input from `args`, as one batch.
  const takesInput = options.after.length === 0 && handler.iterBatches === undefined;
  const input = takesInput ? handler.input : undefined;
  if (input !== undefined && options.args === undefined && !mayBeObject(wireType(input))) {
    return [formatMessage("rootInputNotObject", { node, handler: handler.name, type: showType(wireType(input)) })];
  }
  const schemas = [handler.args, input].filter((schema) => schema !== undefined);
  const unknown = unknownKeys(schemas, args).map((key) =>
    formatMessage("argUnknown", { node, handler: handler.name, key }),
  );
  const ownIssues = handler.args === undefined ? nothing : judge(handler.args, args);
  const inputIssues = input === undefined ? nothing : judge(input, args);
  const missing = (key: "argsMissing" | "rootInputMissing", { missing: keys }: Verdict) =>
    keys.length === 0 ? [] : [formatMessage(key, { node, handler: handler.name, keys: keys.join(", ") })];
  return [
    ...unknown,
    ...missing("argsMissing", ownIssues),
    ...missing("rootInputMissing", inputIssues),
    ...[...ownIssues.wrong, ...inputIssues.wrong].map(({ text }) =>
      formatMessage("argIllTyped", { node, where: text }),
    ),
  ];
}

/** The schemas that the arguments of a handler's node must match. */
export function handlerSchemas({ handler: { args, input, iterBatches }, options }: HandlerStep): readonly $ZodType[] {
  const isInput = options.after.length === 0 && iterBatches === undefined;
  return [args, isInput ? input : undefined].filter((schema) => schema !== undefined);
}

const mayBeObject = (type: DataType): boolean =>
  type.kind === "any" || type.kind === "object" || (type.kind === "union" && type.members.some(mayBeObject));

/** The issues that a schema finds in arguments. */
interface Verdict {
  readonly missing: readonly string[];
  /** All other issues, by argument. */
  readonly wrong: readonly { readonly key: string; readonly text: string }[];
}

const nothing: Verdict = { missing: [], wrong: [] };

/** Issues of values that parameters fill in are left out. */
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
    if (error instanceof $ZodAsyncError) return []; // asynchronous checks run when the handler parses its arguments
    throw error;
  }
}

/** Whether the value at the path, or one that contains it, is a parameter. */
function isFilledIn(args: unknown, path: readonly PropertyKey[]): boolean {
  let value = args;
  for (const key of path) {
    if (typeof value !== "object" || value === null || isParamRef(value)) break;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return isParamRef(value);
}

const place = (path: readonly PropertyKey[]): string => ["args", ...path.map(String)].join(".");

/** The arguments that none of the schemas has as a key. */
export function unknownKeys(schemas: readonly $ZodType[], args: Args): string[] {
  const known = schemas.map(knownKeys);
  if (schemas.length > 0 && known.some((keys) => keys === undefined)) return [];
  const all = new Set(known.flatMap((keys) => keys ?? []));
  return Object.keys(args).filter((key) => !all.has(key));
}
