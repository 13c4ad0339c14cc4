import type { $ZodType } from "zod/v4/core";
import type { HandlerDefinition, InputAdapterDefinition } from "../definitions/index.ts";
import { FlowError, type JsonObject } from "../errors/index.ts";
import { formatMessage } from "../graph/format/messages.ts";
import { withoutRefusedPatterns } from "../graph/format/params-validator.ts";
import { deepFreeze } from "../graph/format/plain-data.ts";
import { storedJsonSchema, wireJsonSchema } from "../graph/format/wire-schema.ts";
import { type Graph, type GraphNode, parseGraph, type TypeSchemas } from "../graph/index.ts";
import { type Renaming, renameNode } from "../graph/rename-node.ts";
import { type FlowView, flowView, isFlow, lastIds, prefixed } from "./model/flow-view.ts";
import { type ChainStep, type FlowHead, handlerOf, ownFnOf, type Step, subflowOf, type UseStep } from "./model/step.ts";
import { nodeJson } from "./node-json.ts";
import { caseFindings } from "./rules/where/check.ts";
import { checkSteps } from "./step-checks.ts";

/** Turns the nodes of a flow into the graph JSON, checked and frozen. */
export function compileFlow(flow: {
  readonly head: FlowHead;
  readonly view: FlowView;
  /** Those of the flow and of its subflows. Called only if the flow has no errors. */
  readonly adapters: () => readonly InputAdapterDefinition[];
}): Graph {
  const { head, view, adapters } = flow;
  const inputs = Object.keys(view.inputs);
  if (inputs.length > 0)
    throw new FlowError("FLOW_INVALID", formatMessage("openInputs", { inputs: inputs.join(", ") }));
  if (view.ids.length === 0) throw new FlowError("FLOW_EMPTY", formatMessage("emptyFlow", {}));
  if (view.findings.length > 0) throw invalid(head, view.findings);
  const steps = view.steps();
  const json = {
    schema_version: "1.0",
    ...(head.name === undefined ? {} : { name: head.name }),
    nodes: steps.map(nodeJson),
    edges: steps.flatMap(({ id, options }) => options.after.map((parent) => [parent, id])),
    ...paramsJson(head),
    ...(head.loaded?.schemas === undefined ? {} : { schemas: head.loaded.schemas }),
    ...flowsJson(steps, false),
  };
  try {
    return parseGraph(json, {
      handlers: handlersOf(steps),
      functions: steps.flatMap((step) => ownFnOf(step) ?? []),
      adapters: adapters(),
    });
  } catch (error) {
    if (!FlowError.is(error, "GRAPH_INVALID")) throw error;
    throw new FlowError("FLOW_INVALID", `flow${named(head)}: ${error.message}`, {
      details: error.details,
      cause: error,
    });
  }
}

function invalid(head: FlowHead, messages: readonly string[]): FlowError {
  const title = messages.length === 1 ? "an error" : `${messages.length} errors`;
  return new FlowError("FLOW_INVALID", [`${title} in the flow${named(head)}`, ...messages].join("\n"), {
    details: { findings: messages.map((message) => ({ message })) },
  });
}

const named = ({ name }: FlowHead): string => (name === undefined ? "" : ` '${name}'`);

function paramsJson({ paramsSchema, loaded }: FlowHead): object {
  if (loaded !== undefined) return loaded.paramsSchema === undefined ? {} : { params_schema: loaded.paramsSchema };
  return paramsSchema === undefined ? {} : { params_schema: withoutRefusedPatterns(wireJsonSchema(paramsSchema)) };
}

/** A compiled graph, with the schemas of its handlers. Those of a loaded graph JSON stay in it. */
export function withSchemas(
  compiled: Graph,
  { head, view }: { readonly head: FlowHead; readonly view: FlowView },
): Graph {
  const { flows: _, ...graph } = compiled;
  const steps = view.steps();
  const schemas = { ...schemasOf(steps), ...head.loaded?.schemas };
  return deepFreeze({ ...graph, schemas, ...flowsJson(steps, true) });
}

function schemasOf(steps: readonly Step[]): Record<string, TypeSchemas> {
  const byType = new Map<string, TypeSchemas>();
  for (const step of steps) {
    const handler = handlerOf(step);
    if (subflowOf(handler) !== undefined) continue;
    if (handler !== undefined) byType.set(handler.name, typeSchemas(handler));
    else if (step.kind === "json" && step.schemas !== undefined) byType.set(step.node.type, step.schemas);
  }
  return Object.fromEntries(byType);
}

const handlersOf = (steps: readonly Step[]): readonly HandlerDefinition[] => [
  ...new Set(steps.flatMap((step) => handlerOf(step) ?? []).filter((handler) => subflowOf(handler) === undefined)),
];

/** By name, the flows that nodes run for each of their batches. */
function flowsJson(steps: readonly Step[], schemas: boolean): object {
  const subflows = steps.flatMap((step) => subflowOf(handlerOf(step)) ?? []);
  const flows = subflows.map(({ name, flow }) => [name, (flow as Compilable).compile({ schemas })] as const);
  return flows.length === 0 ? {} : { flows: Object.fromEntries(flows) };
}

interface Compilable {
  compile(options: { readonly schemas: boolean }): Graph;
}

function typeSchemas({ args, input, output }: HandlerDefinition): TypeSchemas {
  const part = (key: "args" | "input", schema: $ZodType | undefined): { [part: string]: JsonObject } =>
    schema === undefined ? {} : { [key]: wireJsonSchema(schema) };
  return { ...part("args", args), ...part("input", input), output: storedJsonSchema(output) };
}

/** The view of a flow that `compile()` and outer flows read. */
export function flowViewOf(head: FlowHead, chain: readonly ChainStep[]): FlowView {
  const last = chain.at(-1);
  let all: readonly Step[] | undefined;
  const steps = (): readonly Step[] => {
    all ??= chain.flatMap((step) => (step.kind === "use" ? stepsOfSubflow(step) : [step]));
    return all;
  };
  const { findings, ...checked } = checkSteps(head, chain);
  return {
    inputs: head.inputs ?? {},
    ...checked,
    findings:
      findings.length > 0 || head.cases === undefined ? findings : caseFindings(head, steps(), steps().map(nodeJson)),
    last: last === undefined ? [] : lastIds(last),
    steps,
  };
}

/** The nodes of a subflow, with their ids in the outer flow. */
function stepsOfSubflow({ id: prefix, flow, options: { inputs = {} } }: UseStep): readonly Step[] {
  if (!isFlow(flow)) return [];
  const view = flow[flowView];
  const ids = new Map([
    ...view.ids.map((id) => [id, prefixed(prefix, id)] as const),
    ...Object.keys(view.inputs).map((input) => [input, inputs[input] ?? input] as const),
  ]);
  const idOf = (id: string) => ids.get(id) ?? id;
  return view.steps().map((step) => renamed(step, idOf));
}

function renamed(step: Step, idOf: Renaming["idOf"]): Step {
  const [handler, fn] = [handlerOf(step), ownFnOf(step)];
  const node = renameNode(withSuggestion(step), { idOf, nodeArgs: fn?.nodeArgs ?? [] });
  const schemas = step.kind === "json" ? step.schemas : undefined;
  return { kind: "json", id: node.node_id, node, handler, fn, schemas, options: { after: node.depends_on } };
}

/** A loaded graph may rely on the adapter that its handler suggests. It is written out so that its sources can be renamed. */
function withSuggestion(step: Step): GraphNode {
  const node = nodeJson(step);
  const suggestion = handlerOf(step)?.inputAdapter;
  const { input_inline: inline } = node.io ?? {};
  if (suggestion === undefined || inline?.input_adapter !== undefined) return node;
  const routing = { input_adapter: suggestion.adapter, input_args: suggestion.args };
  return { ...node, io: { ...node.io, input_inline: { ...inline, ...routing } } };
}
