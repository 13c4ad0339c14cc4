import { coordinatorFnType, type GraphNode, isBuiltInAdapter } from "../graph/index.ts";
import { argumentJson } from "./argument-json.ts";
import { fnName, type InputOptions, type LoadedStep, type Step, type StepOptions } from "./step.ts";
import { withWireNames } from "./wire-names.ts";

type WrittenStep = Exclude<Step, LoadedStep>;

/** One step as the node that stands in the graph: what wasn't written is left out, defaults too. */
export function nodeJson(step: Step): GraphNode {
  if (step.kind === "json") return step.node;
  const { after, fanIn, retry, partitions, timeoutSec, limits } = step.options;
  const io = ioJson(step);
  const json = {
    node_id: step.id,
    type: step.kind === "fn" ? coordinatorFnType : step.handler.name,
    depends_on: after,
    ...(fanIn === undefined || fanIn === "all" ? {} : { fan_in: fanIn }),
    ...(Object.keys(io).length === 0 ? {} : { io }),
    ...(retry === undefined || Object.keys(retry).length === 0 ? {} : { retry_policy: withWireNames(retry) }),
    ...(partitions === undefined || partitions === 1 ? {} : { partitions }),
    ...(timeoutSec === undefined ? {} : { timeout_sec: timeoutSec }),
    ...(limits === undefined || Object.keys(limits).length === 0 ? {} : { limits: withWireNames(limits) }),
  };
  return json as GraphNode; // as far as the author's values are what they should be: parseGraph looks
}

function ioJson(step: WrittenStep): object {
  const { startWhen, maxPendingBatches } = step.options;
  const start = startWhen === undefined || startWhen === "ready" ? {} : { start_when: startWhen };
  if (step.kind === "fn") return { ...start, ...fnJson(step.fn, step.options) };
  const inline = { ...routingJson(step), ...ownArgs(step.options) };
  return {
    ...start,
    ...(Object.keys(inline).length === 0 ? {} : { input_inline: inline }),
    ...(maxPendingBatches === undefined ? {} : { max_pending_batches: maxPendingBatches }),
  };
}

const ownArgs = ({ args }: StepOptions): object =>
  typeof args === "object" && args !== null ? (argumentJson(args) as object) : {};

/**
 * The adapter is always written out, also where the engine would choose the same: a graph says by itself what runs.
 */
function routingJson({ options, handler }: Step & { readonly kind: "node" }): object {
  const { after, input } = options;
  if (input !== undefined) return { input_adapter: input.adapter, input_args: adapterArgs(input, after) };
  if (after.length === 0) return {};
  const { adapter, args } = handler.inputAdapter ?? { adapter: "pull.from_artifacts", args: {} };
  return { input_adapter: adapter, input_args: { from_nodes: after, ...args } };
}

function adapterArgs({ adapter, from, ...args }: InputOptions, after: readonly string[]): object {
  const own = isBuiltInAdapter(adapter) ? withWireNames(args) : customArgs(args);
  const sources = from === undefined || Array.isArray(from) ? { from_nodes: from ?? after } : { from };
  return { ...sources, ...own };
}

const customArgs = (args: object): object =>
  Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));

function fnJson(fn: (Step & { readonly kind: "fn" })["fn"], options: StepOptions): object {
  const args = ownArgs(options);
  const written = typeof fn === "string" && fn !== "noop" ? builtInFnArgs(args) : args;
  return { fn: fnName(fn), ...(Object.keys(written).length === 0 ? {} : { fn_args: written }) };
}

/** `target` is the one argument of a built-in function that has keys of ours inside. */
function builtInFnArgs(args: object): object {
  const named = withWireNames(args);
  const { target } = named;
  return typeof target === "object" && target !== null ? { ...named, target: withWireNames(target) } : named;
}
