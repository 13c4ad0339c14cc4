import type { GraphNode } from "../graph/index.ts";
import { type Renaming, renameNode } from "../graph/rename-node.ts";
import { type FlowPart, flowPart, isFlow, lastIds, prefixed } from "./flow-part.ts";
import { nodeJson } from "./node-json.ts";
import { type ChainStep, type FlowHead, handlerOf, ownFnOf, type Step, type UseStep } from "./step.ts";
import { checkSteps } from "./step-checks.ts";

/** What the steps of a flow are to a flow that uses it, and to its own `compile()`. */
export function partOfSteps(head: FlowHead, chain: readonly ChainStep[]): FlowPart {
  const last = chain.at(-1);
  let steps: readonly Step[] | undefined;
  return {
    inputs: head.inputs ?? {},
    ...checkSteps(head, chain),
    last: last === undefined ? [] : lastIds(last),
    steps() {
      steps ??= chain.flatMap((step) => (step.kind === "use" ? stepsOfPart(step) : [step]));
      return steps;
    },
  };
}

/** The nodes of a part under the ids that they have in the flow that uses it. */
function stepsOfPart({ id: prefix, flow, options: { inputs = {} } }: UseStep): readonly Step[] {
  if (!isFlow(flow)) return [];
  const part = flow[flowPart];
  const ids = new Map([
    ...part.ids.map((id) => [id, prefixed(prefix, id)] as const),
    ...Object.keys(part.inputs).map((input) => [input, inputs[input] ?? input] as const),
  ]);
  const idOf = (id: string) => ids.get(id) ?? id;
  return part.steps().map((step) => renamed(step, idOf));
}

function renamed(step: Step, idOf: Renaming["idOf"]): Step {
  const [handler, fn] = [handlerOf(step), ownFnOf(step)];
  const node = renameNode(withSuggestion(step), { idOf, nodeArgs: fn?.nodeArgs ?? [] });
  const schemas = step.kind === "json" ? step.schemas : undefined;
  return { kind: "json", id: node.node_id, node, handler, fn, schemas, options: { after: node.depends_on } };
}

/** A graph that was loaded may leave the adapter to the handler: written out, it can be given other sources. */
function withSuggestion(step: Step): GraphNode {
  const node = nodeJson(step);
  const suggestion = handlerOf(step)?.inputAdapter;
  const { input_inline: inline } = node.io ?? {};
  if (suggestion === undefined || inline?.input_adapter !== undefined) return node;
  const routing = { input_adapter: suggestion.adapter, input_args: suggestion.args };
  return { ...node, io: { ...node.io, input_inline: { ...inline, ...routing } } };
}
