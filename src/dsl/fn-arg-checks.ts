import type { DataType, Field } from "../graph/data/data-type.ts";
import { wireType } from "../graph/data/zod-data.ts";
import { say } from "../graph/format/messages.ts";
import { type BuiltInFunctionName, builtInFunctionArgs } from "../graph/index.ts";
import { type Args, judge, unknownKeys } from "./judge-args.ts";
import { fnName, type Step } from "./step.ts";
import { valueFaults } from "./value-faults.ts";
import { wireName } from "./wire-names.ts";

type FnStep = Step & { readonly kind: "fn" };

/** Whether the arguments of a coordinator function's node are what it takes. */
export function fnFindings({ id: node, fn }: FnStep, args: Args): string[] {
  const isOurs = typeof fn === "string";
  const schema = isOurs ? builtInFunctionArgs[fn as BuiltInFunctionName] : fn.args;
  const called = { node, fn: fnName(fn) };
  const inGraph = isOurs ? byWireName(args) : args;
  const { missing, wrong } = judge(schema, inGraph);
  const takes = isOurs ? inBuilderNames(wireType(schema)) : wireType(schema);
  const faults = new Map(Object.entries(args).map(([key, value]) => [key, argFaults({ key, value, takes })]));
  return [
    ...unknownKeys([schema], inGraph).map((key) => say("fnArgUnknown", { ...called, key })),
    ...(missing.length === 0 ? [] : [say("fnArgsMissing", { ...called, keys: missing.map(builderName).join(", ") })]),
    ...[...faults.values()].flat().map((why) => say("fnArgType", { ...called, why })),
    // Of a built-in function only names and types are judged here: which values it takes is the graph's matter.
    ...(isOurs ? [] : wrong)
      .filter(({ key }) => (faults.get(key) ?? []).length === 0)
      .map(({ text }) => say("argIllTyped", { node, where: text })),
  ];
}

function argFaults(arg: { readonly key: string; readonly value: unknown; readonly takes: DataType }): string[] {
  const { key, value, takes } = arg;
  const needed = takes.kind === "object" ? takes.fields.get(key) : undefined;
  if (needed === undefined || value === undefined) return [];
  return [...valueFaults({ value, needed: needed.type(), path: `args.${key}` })];
}

/** `target` is the one argument of a built-in function that has keys of ours inside. */
function inBuilderNames(type: DataType): DataType {
  if (type.kind !== "object") return type;
  const fields = [...type.fields].map(([key, field]): readonly [string, Field] => [
    builderName(key),
    key === "target" ? { ...field, type: () => inBuilderNames(field.type()) } : field,
  ]);
  return { ...type, fields: new Map(fields) };
}

const byWireName = (args: Args): Args =>
  Object.fromEntries(Object.entries(args).map(([key, value]) => [wireName(key), value]));

const builderName = (key: string): string => key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
