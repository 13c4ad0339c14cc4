import type { $ZodType } from "zod/v4/core";
import type { CoordinatorFunctionDefinition, FlowDefinition, HandlerDefinition } from "../../../definitions/index.ts";
import { Assignability } from "../../../graph/data/fit.ts";
import { mismatchText } from "../../../graph/data/mismatch.ts";
import { readSchema } from "../../../graph/data/read-schema.ts";
import { storedType } from "../../../graph/data/zod-data.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { namePattern } from "../../../graph/format/names.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { storedJsonSchema } from "../../../graph/format/wire-schema.ts";
import { type FlowView, flowView, isFlow, prefixed } from "../../model/flow-view.ts";
import { knownKeys } from "../../model/schema.ts";
import type { FlowHead, UseStep } from "../../model/step.ts";
import { givenParams } from "../params/check.ts";

/** Handlers, functions and flows of nodes by kind and name: each name means one definition. */
export type Owned = HandlerDefinition | CoordinatorFunctionDefinition | FlowDefinition;
export type Owners = Map<string, Owned>;

/** The flow before the step that is checked. */
export interface Surroundings {
  readonly head: FlowHead;
  readonly seen: ReadonlySet<string>;
  readonly owners: Owners;
  /** By node id, the schema of one batch, for nodes that have one. */
  readonly outputs: ReadonlyMap<string, $ZodType>;
}

/** The nodes that the step adds to the flow. */
export function nodesOfSubflow({ id: prefix, flow }: UseStep): Pick<FlowView, "ids" | "outputs"> {
  if (!isFlow(flow)) return { ids: [], outputs: new Map() };
  const { ids, outputs } = flow[flowView];
  const named = ids.map((id) => [prefixed(prefix, id), outputs.get(id)] as const);
  return {
    ids: named.map(([id]) => id),
    outputs: new Map(named.flatMap(([id, schema]) => (schema === undefined ? [] : [[id, schema]]))),
  };
}

/** A flow can be a subflow at this place of another flow. */
export function useFindings(step: UseStep, around: Surroundings): string[] {
  const { id: prefix, flow, options } = step;
  if (typeof prefix !== "string" || !namePattern.test(prefix))
    return [formatMessage("prefixForm", { id: String(prefix) })];
  if (!isFlow(flow)) return [formatMessage("notAFlow", { prefix })];
  const shape = shapeFindings(prefix, options);
  if (shape.length > 0) return shape;
  const view = flow[flowView];
  if (view.ids.length === 0) return [formatMessage("partEmpty", { prefix })];
  return [
    ...view.findings.map((finding) => formatMessage("partFinding", { prefix, finding })),
    ...idFindings(step, around.seen),
    ...inputFindings(step, view, around),
    ...paramFindings(prefix, flow, around.head),
    ...nameFindings(prefix, flow, around),
  ];
}

function shapeFindings(prefix: string, options: object): string[] {
  const unknown = Object.keys(options).filter((option) => option !== "inputs");
  const { inputs = {} } = options as { readonly inputs?: unknown };
  const isBindings =
    typeof inputs === "object" && inputs !== null && Object.values(inputs).every((id) => typeof id === "string");
  return [
    ...unknown.map((option) => withHint(formatMessage("partOption", { prefix, option }), option, ["inputs"])),
    ...(isBindings
      ? []
      : [formatMessage("partOptionType", { prefix, option: "inputs", needs: "an object of node ids" })]),
  ];
}

function idFindings(step: UseStep, seen: ReadonlySet<string>): string[] {
  return nodesOfSubflow(step).ids.flatMap((id) => {
    if (seen.has(id)) return [formatMessage("duplicateNode", { id })];
    return namePattern.test(id) ? [] : [formatMessage("prefixedIdTooLong", { prefix: step.id, id })];
  });
}

function inputFindings(
  { id: prefix, options: { inputs = {} } }: UseStep,
  view: FlowView,
  { seen, outputs }: Surroundings,
): string[] {
  const names = Object.keys(view.inputs);
  const missing = names.filter((input) => !Object.hasOwn(inputs, input));
  const messages =
    missing.length > 0 ? [formatMessage("partInputMissing", { prefix, inputs: missing.join(", ") })] : [];
  const taken = new Set<string>();
  for (const [input, id] of Object.entries(inputs)) {
    const needed = Object.hasOwn(view.inputs, input) ? view.inputs[input] : undefined;
    if (needed === undefined) {
      messages.push(withHint(formatMessage("partInputUnknown", { prefix, input }), input, names));
    } else if (!seen.has(id)) {
      messages.push(withHint(formatMessage("partInputNode", { prefix, input, id }), id, seen));
    } else if (taken.has(id)) {
      // A node cannot depend on a parent twice, and a fan-in cannot count it twice.
      messages.push(formatMessage("partInputTwice", { prefix, input, id }));
    } else {
      taken.add(id);
      const given = outputs.get(id);
      const why = given && mismatchText(storedType(given), storedType(needed), new Assignability());
      if (why !== undefined) messages.push(formatMessage("edge", { from: id, to: prefixed(prefix, input), why }));
    }
  }
  return messages;
}

function paramFindings(prefix: string, { paramsSchema: needed }: FlowDefinition, head: FlowHead): string[] {
  if (needed === undefined) return [];
  const given = head.paramsSchema;
  const names = given === undefined ? [] : knownKeys(given);
  const missing = names === undefined ? [] : (knownKeys(needed) ?? []).filter((name) => !names.includes(name));
  if (missing.length > 0) return [formatMessage("partParamMissing", { prefix, params: missing.join(", ") })];
  const type = givenParams(head);
  if (type === undefined) return [];
  // The outer flow may have further parameters, even if the schema of the subflow is strict.
  const { additionalProperties: _, ...wanted } = storedJsonSchema(needed);
  const why = mismatchText(type, readSchema(wanted), new Assignability());
  return why === undefined ? [] : [formatMessage("partParamType", { prefix, why })];
}

/** Names of definitions in the subflow mean the same in the outer flow. */
function nameFindings(prefix: string, flow: FlowDefinition, { head, owners }: Surroundings): string[] {
  const taken = (what: string, name: string) => formatMessage("partNameTaken", { prefix, what, name });
  const own = (key: string, definition: HandlerDefinition | CoordinatorFunctionDefinition) => {
    const owner = owners.get(key) ?? definition;
    owners.set(key, owner);
    return owner === definition;
  };
  return [
    ...Object.values(flow.handlers)
      .filter((handler) => !own(`handler ${handler.name}`, handler))
      .map(({ name }) => taken("handler", name)),
    ...flow.coordinatorFns
      .filter((fn) => !own(`coordinatorFn ${fn.name}`, fn))
      .map(({ name }) => taken("function", name)),
    ...flow.inputAdapters
      .filter((adapter) => head.inputAdapters.some((other) => other !== adapter && other.name === adapter.name))
      .map(({ name }) => taken("input adapter", name)),
  ];
}
