import type { $ZodType } from "zod/v4/core";
import {
  type BuiltInFunctionName,
  builtInFunction,
  builtInFunctions,
  isBuiltInFunction,
} from "../../../builtins/coordinator-functions/index.ts";
import type { DataType, Field } from "../../../graph/data/data-type.ts";
import { wireType } from "../../../graph/data/zod-data.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { isObject } from "../../../graph/format/plain-data.ts";
import { fnName, ownFnOf, type Step } from "../../model/step.ts";
import { builderName, wireName } from "../../model/wire-names.ts";
import { type Args, judge, unknownKeys } from "../args/check.ts";
import { valueFaults } from "./value-faults.ts";

type FnStep = Step & { readonly kind: "fn" };

/**
 * The schema of a function's arguments. A node refers to a built-in function by name, and to a custom one by its
 * definition.
 */
export function argsSchemaOf(fn: FnStep["fn"]): $ZodType {
  return typeof fn === "string" ? builtInFunctions[fn as BuiltInFunctionName].args : fn.args;
}

/** The arguments of a coordinator function's node match its schema. */
export function fnFindings({ id: node, fn }: FnStep, args: Args): string[] {
  const builtIn = typeof fn === "string" ? builtInFunction(fn) : undefined;
  const isOurs = builtIn !== undefined;
  const schema = argsSchemaOf(fn);
  const called = { node, fn: fnName(fn) };
  const inGraph = isOurs ? byWireName(args) : args;
  const { missing, wrong } = judge(schema, inGraph);
  const takes = isOurs ? inBuilderNames(wireType(schema), builtIn.ownId?.arg) : wireType(schema);
  const faults = new Map(Object.entries(args).map(([key, value]) => [key, argFaults({ key, value, takes })]));
  return [
    ...unknownKeys([schema], inGraph).map((key) => formatMessage("fnArgUnknown", { ...called, key })),
    ...(missing.length === 0
      ? []
      : [formatMessage("fnArgsMissing", { ...called, keys: missing.map(builderName).join(", ") })]),
    ...[...faults.values()].flat().map((why) => formatMessage("fnArgType", { ...called, why })),
    // The values for a built-in function are checked with the graph, by its `checkFunctions`.
    ...(isOurs ? [] : wrong)
      .filter(({ key }) => (faults.get(key) ?? []).length === 0)
      .map(({ text }) => formatMessage("argIllTyped", { node, where: text })),
  ];
}

function argFaults(arg: { readonly key: string; readonly value: unknown; readonly takes: DataType }): string[] {
  const { key, value, takes } = arg;
  const needed = takes.kind === "object" ? takes.fields.get(key) : undefined;
  if (needed === undefined || value === undefined) return [];
  return [...valueFaults({ value, needed: needed.type(), path: `args.${key}` })];
}

/** Including the keys inside the one argument that is an object with built-in keys. */
function inBuilderNames(type: DataType, keyed: string | undefined): DataType {
  if (type.kind !== "object") return type;
  const fields = [...type.fields].map(([key, field]): readonly [string, Field] => [
    builderName(key),
    key === keyed ? { ...field, type: () => inBuilderNames(field.type(), undefined) } : field,
  ]);
  return { ...type, fields: new Map(fields) };
}

const byWireName = (args: Args): Args =>
  Object.fromEntries(Object.entries(args).map(([key, value]) => [wireName(key), value]));

/** A coordinator function that is given by name is a built-in one. */
export function fnNameFindings(node: string, fn: string): string[] {
  if (isBuiltInFunction(fn)) return [];
  return [withHint(formatMessage("unknownFunction", { node, fn }), fn, Object.keys(builtInFunctions))];
}

/** Node ids in the arguments of a coordinator function exist. A built-in function reads only its parents. */
export function nodeArgFindings(step: FnStep, seen: ReadonlySet<string>): string[] {
  const { id: node, fn, options } = step;
  const args = (options.args ?? {}) as Args;
  const { reads, ownId } = (typeof fn === "string" ? builtInFunction(fn) : undefined) ?? {};
  const own = ownFnOf(step)?.nodeArgs ?? [];
  const unknown = (ids: readonly unknown[]) =>
    ids
      .filter((id) => typeof id === "string" && !seen.has(id))
      .map((id) => withHint(formatMessage("unknownSource", { node, id: String(id) }), String(id), seen));
  const sources = reads === undefined ? [] : [args[builderName(reads.arg)]].flat();
  const outside = sources.filter((id) => typeof id === "string" && seen.has(id) && !options.after.includes(id));
  const holder = ownId === undefined ? undefined : args[builderName(ownId.arg)];
  const target = isObject(holder) && ownId !== undefined ? holder[builderName(ownId.key)] : undefined;
  return [
    ...unknown([...sources, ...own.flatMap((key) => args[key])]),
    ...outside.map((id) => formatMessage("fromOutsideAfter", { node, id: String(id) })),
    ...(typeof target !== "string" || target === node ? [] : [formatMessage("mergeTarget", { node, id: target })]),
  ];
}
