import { readingOf } from "../../../builtins/input-adapters/deliveries.ts";
import { builtInAdapter, defaultAdapter } from "../../../builtins/input-adapters/index.ts";
import type { Json } from "../../../errors/index.ts";
import { type DataType, objectOf, unionOf } from "../../../graph/data/data-type.ts";
import { showType } from "../../../graph/data/show-type.ts";
import { storedType } from "../../../graph/data/zod-data.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { hasOwnWhere, matcher, patternForm } from "../../../graph/format/pattern.ts";
import { coordinatorFnType, type GraphNode } from "../../../graph/index.ts";
import { type FlowHead, handlerOf, ownFnOf, type Step } from "../../model/step.ts";
import { paramFindings } from "../params/check.ts";

/** A node with `where` reads something, by an adapter that takes it. What it matches is checked with the graph. */
export function whereFindings(step: Step, head: FlowHead): string[] {
  const { id: node, options } = step;
  const { after, input, where } = options;
  const isWritten = input?.where !== undefined && builtInAdapter(input.adapter) !== undefined;
  if (isWritten) {
    const name = `adapter '${input.adapter}'`;
    return [formatMessage("unknownArg", { owner: `node '${node}'`, name, key: "where" })];
  }
  if (where === undefined) return [];
  if (after.length === 0) return [formatMessage("whereOnRoot", { node })];
  const adapter = input?.adapter ?? handlerOf(step)?.inputAdapter?.adapter;
  const custom = head.inputAdapters.find(({ name }) => name === adapter);
  return hasOwnWhere(custom?.args) ? [formatMessage("whereTaken", { node, adapter: adapter ?? "" })] : [];
}

const number: DataType = { kind: "number" };
const replaced = objectOf([
  ["delaySec", { type: () => number, optional: true }],
  ["key", { type: () => unionOf([{ kind: "string" }, number]), optional: true }],
]);

/** Parameters replace a delay by a number, and the key of limits by one or text. Conditions are checked with the graph. */
export function whenFindings({ options: { delaySec, limits } }: Step, head: FlowHead): string[] {
  return paramFindings({ delaySec, key: limits?.key }, [replaced], head);
}

/** Each value of the keys that `exhaustive` names goes to some node for certain. */
export function caseFindings(head: FlowHead, steps: readonly Step[], nodes: readonly GraphNode[]): string[] {
  return (head.cases ?? []).flatMap(({ source, key }) => {
    const step = steps.find(({ id }) => id === source);
    const schema =
      head.inputs?.[source] ?? (step === undefined ? undefined : (handlerOf(step) ?? ownFnOf(step))?.output);
    if (step === undefined && schema === undefined) return [formatMessage("unknownCaseSource", { id: source })];
    if (schema === undefined) return []; // the output of a built-in function, or of a handler that is elsewhere
    const path = key.split(".");
    const objects = membersOf(storedType(schema));
    const cases = casesAt(objects, path);
    if (cases === undefined) {
      const keys = [...new Set(objects.flatMap((one) => (one.kind === "object" ? [...one.fields.keys()] : [])))].join(
        ", ",
      );
      return [formatMessage("caseKey", { from: source, key, keys })];
    }
    const patterns = nodes.flatMap((node) => patternsOf(node, { source, path, head }));
    const left = cases.filter((one) => !isTaken(one, patterns));
    if (left.length === 0) return [];
    const types = left.map((one) => (one === "missing" ? undefined : one));
    const shown = showType(unionOf(types.filter((one) => one !== undefined)));
    const value = types.includes(undefined) ? (types.length === 1 ? "undefined" : `${shown} | undefined`) : shown;
    const isOpen = types.some((one) => one?.kind === "string" || one?.kind === "number");
    return [formatMessage(isOpen ? "caseOpen" : "caseNowhere", { from: source, key, type: value, value })];
  });
}

/** One value, an open type, or that the key is missing. */
type Case = DataType | "missing";

const membersOf = (type: DataType): readonly DataType[] => (type.kind === "union" ? type.members : [type]);

/** `undefined` if no object has the key. */
function casesAt(objects: readonly DataType[], [key = "", ...rest]: readonly string[]): readonly Case[] | undefined {
  const fields = objects.map((one) => (one.kind === "object" ? one.fields.get(key) : undefined));
  const known = fields.filter((field) => field !== undefined);
  if (known.length === 0) return undefined;
  const inside = known.flatMap((field) => membersOf(field.type()));
  if (rest.length > 0) return casesAt(inside, rest);
  const values = inside.flatMap((type): readonly DataType[] =>
    type.kind === "values" ? type.values.map((value) => ({ kind: "values", values: [value] })) : [type],
  );
  return known.length < fields.length || known.some(({ optional }) => optional) ? [...values, "missing"] : values;
}

/** What a node takes for certain of the key; nothing if it may be skipped, or asks for other keys too. */
function patternsOf(
  { node_id: nodeId, type, depends_on: parents, fan_in: fanIn, when, io }: GraphNode,
  { source, path, head }: { readonly source: string; readonly path: readonly string[]; readonly head: FlowHead },
): readonly Json[] {
  if (type === coordinatorFnType || when !== undefined) return [];
  const inline = io?.input_inline ?? {};
  const suggested = { ...inline, input_adapter: inline.input_adapter ?? defaultAdapter };
  const reading = readingOf({ nodeId, inline: suggested, fanIn, parents });
  const { readsFailures, readsOutcomes } = builtInAdapter(reading?.adapter ?? "") ?? {};
  if (reading === undefined || readsFailures || readsOutcomes) return [];
  if (!reading.sources.some((one) => one.nodeId === source)) return [];
  const own = head.inputAdapters.find(({ name }) => name === reading.adapter);
  if (reading.where === undefined || hasOwnWhere(own?.args)) return everything;
  let pattern: Json | undefined = reading.where;
  for (const key of path) {
    const form = patternForm(pattern);
    if (form.kind !== "keys" || form.keys.length !== 1 || form.keys[0]?.[0] !== key) return [];
    pattern = form.keys[0][1];
  }
  return [pattern];
}

const everything: readonly Json[] = [{ $exists: true }, { $exists: false }];

function isTaken(one: Case, patterns: readonly Json[]): boolean {
  const takes = (value: Json | undefined) => patterns.some((pattern) => matcher(pattern)(value));
  if (one === "missing") return takes(undefined);
  if (one.kind === "values") return takes(one.values[0]);
  return patterns.some((pattern) => {
    const form = patternForm(pattern);
    if (form.kind === "exists") return form.exists;
    if (form.kind !== "not") return false;
    const negated = patternForm(form.pattern);
    return negated.kind === "oneOf" && negated.values.every((value) => typeof value !== one.kind || takes(value));
  });
}
