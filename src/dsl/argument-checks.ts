import { $ZodAsyncError, type $ZodIssue, type $ZodType, safeParse } from "zod/v4/core";
import type { DataType } from "../graph/data/data-type.ts";
import { showType } from "../graph/data/show-type.ts";
import { wireType } from "../graph/data/zod-data.ts";
import { type BuiltInFunctionName, builtInFunctionArgs } from "../graph/index.ts";
import { say } from "../graph/messages.ts";
import { isParamRef } from "./param.ts";
import { paramFindings } from "./param-checks.ts";
import { knownKeys } from "./schema-facts.ts";
import { type FlowHead, fnName, type LoadedStep, type Step } from "./step.ts";
import { wireName } from "./wire-names.ts";

type NodeStep = Step & { readonly kind: "node" };
type FnStep = Step & { readonly kind: "fn" };
type Args = Readonly<Record<string, unknown>>;

const noArgs: Args = {};

/** Whether a step's arguments are what its handler or function takes. Values that parameters fill in are left out. */
export function argumentFindings(step: Exclude<Step, LoadedStep>, head: FlowHead): string[] {
  const args = (step.options.args ?? noArgs) as Args;
  const own = step.kind === "node" ? handlerFindings(step, args) : fnFindings(step, args);
  return [...own, ...paramFindings(args, schemasOf(step).map(wireType), head)];
}

/** The same for a handler's arguments alone. */
export function handlerFindings(step: Omit<NodeStep, "kind">, args: Args): string[] {
  const { id: node, handler, options } = step;
  const routing = ["input_adapter", "input_args"].filter((key) => Object.hasOwn(args, key));
  if (routing.length > 0) return routing.map((key) => say("reservedArgument", { node, key }));
  // A root that makes no batches of its own takes its input as args, as one batch.
  const takesInput = options.after.length === 0 && handler.iterBatches === undefined;
  const input = takesInput ? handler.input : undefined;
  if (input !== undefined && options.args === undefined && !mayBeObject(wireType(input))) {
    return [say("rootInputNotObject", { node, handler: handler.name, type: showType(wireType(input)) })];
  }
  const schemas = [handler.args, input].filter((schema) => schema !== undefined);
  const unknown = unknownKeys(schemas, args).map((key) => say("argUnknown", { node, handler: handler.name, key }));
  const ownIssues = handler.args === undefined ? nothing : judge(handler.args, args);
  const inputIssues = input === undefined ? nothing : judge(input, args);
  const missing = (key: "argsMissing" | "rootInputMissing", { missing: keys }: Verdict) =>
    keys.length === 0 ? [] : [say(key, { node, handler: handler.name, keys: keys.join(", ") })];
  return [
    ...unknown,
    ...missing("argsMissing", ownIssues),
    ...missing("rootInputMissing", inputIssues),
    ...[...ownIssues.wrong, ...inputIssues.wrong].map((where) => say("argIllTyped", { node, where })),
  ];
}

/** What the arguments of a step are judged by. */
function schemasOf(step: NodeStep | FnStep): readonly $ZodType[] {
  if (step.kind === "fn") {
    return [typeof step.fn === "string" ? builtInFunctionArgs[step.fn as BuiltInFunctionName] : step.fn.args];
  }
  const { args, input, iterBatches } = step.handler;
  const isInput = step.options.after.length === 0 && iterBatches === undefined;
  return [args, isInput ? input : undefined].filter((schema) => schema !== undefined);
}

const mayBeObject = (type: DataType): boolean =>
  type.kind === "any" || type.kind === "object" || (type.kind === "union" && type.members.some(mayBeObject));

function fnFindings(step: FnStep, args: Args): string[] {
  const { id: node, fn } = step;
  const name = fnName(fn);
  const isOurs = typeof fn === "string";
  const schema = isOurs ? builtInFunctionArgs[fn as BuiltInFunctionName] : fn.args;
  const unknown = unknownKeys([schema], isOurs ? byWireName(args) : args);
  // Of a built-in function only the names are judged here; the values are the graph's matter.
  const verdict = isOurs ? missingOf(schema, byWireName(args)) : judge(schema, args);
  return [
    ...unknown.map((key) => say("fnArgUnknown", { node, fn: name, key })),
    ...(verdict.missing.length === 0
      ? []
      : [say("fnArgsMissing", { node, fn: name, keys: verdict.missing.map(builderName).join(", ") })]),
    ...verdict.wrong.map((where) => say("argIllTyped", { node, where })),
  ];
}

const byWireName = (args: Args): Args =>
  Object.fromEntries(Object.entries(args).map(([key, value]) => [wireName(key), value]));

const builderName = (key: string): string => key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

interface Verdict {
  readonly missing: readonly string[];
  /** Where and what, of everything else. */
  readonly wrong: readonly string[];
}
const nothing: Verdict = { missing: [], wrong: [] };

function judge(schema: $ZodType, args: Args): Verdict {
  const issues = issuesOf(schema, args).filter((issue) => !isFilledIn(args, issue.path));
  const isMissing = ({ path: [key, ...rest] }: $ZodIssue) =>
    typeof key === "string" && rest.length === 0 && args[key] === undefined;
  return {
    missing: issues.filter(isMissing).map(({ path }) => String(path[0])),
    wrong: issues.filter((issue) => !isMissing(issue)).map((issue) => `${place(issue.path)}: ${issue.message}`),
  };
}

const missingOf = (schema: $ZodType, args: Args): Verdict => ({ ...judge(schema, args), wrong: [] });

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

function unknownKeys(schemas: readonly $ZodType[], args: Args): string[] {
  const known = schemas.map(knownKeys);
  if (schemas.length > 0 && known.some((keys) => keys === undefined)) return [];
  const all = new Set(known.flatMap((keys) => keys ?? []));
  return Object.keys(args).filter((key) => !all.has(key));
}
