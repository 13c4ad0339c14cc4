import type { $ZodType } from "zod/v4/core";
import type { FlowDefinition, HandlerDefinition } from "../definitions/index.ts";
import { FlowError, type JsonObject } from "../errors/index.ts";
import { paramsValidator } from "../graph/format/params-validator.ts";
import { canonicalGraph, flowType, type Graph, type GraphNode, parseGraph } from "../graph/index.ts";
import { subflowHandler } from "./as-handler.ts";
import { FlowBuilder } from "./flow-builder.ts";
import type { AnyInputAdapter } from "./model/adapter.ts";
import type { AnyCoordinatorFn } from "./model/coordinator-function.ts";
import type { FlowHead, LoadedStep } from "./model/step.ts";
import { type LoadedWith, type LoadOptions, loadedFindings, readLoadOptions } from "./rules/loaded/check.ts";
import type { GivenHandlers, GraphSource, HandlersArgument } from "./rules/loaded/types.ts";
import type { GivenSchemas, LoadedFlow } from "./types/loaded.ts";

/**
 * Loads a graph JSON as a flow. The flow is checked, compiles to the same graph, can run if its handlers are given, and can
 * be extended with `.then` and `.node`. If the JSON is a literal (written inline, or `as const`), the flow's type has its
 * node ids; the types of outputs come from the handlers, else from the option `schemas`, else from the JSON's own
 * `schemas`.
 *
 * @example
 * const loaded = fromGraph({ nodes: [{ node_id: "extract", type: "extractor" }] }, { handlers: [extract] })
 *   .then("clean", clean)
 * loaded.compile().edges // [["extract", "clean"]]
 *
 * @param json - the graph, from `compile()`, from `JSON.parse`, or written by hand
 * @param options.handlers - the handlers of its node types, as a list or by name; not needed for a graph that runs elsewhere
 * @param options.adapters - custom input adapters that it names
 * @param options.fns - custom coordinator functions that it names
 * @param options.schemas - by node type, the schemas of types without a handler here
 * @throws FlowError `GRAPH_INVALID` if the graph is invalid; `details.findings` lists every error
 * @throws FlowError `FLOW_INVALID` if an option does not match the graph; `details.findings` lists every error
 */
export function fromGraph<
  const TGraph extends GraphSource,
  THandlers extends GivenHandlers = [],
  const TAdapters extends readonly AnyInputAdapter[] = [],
  const TFns extends readonly AnyCoordinatorFn[] = [],
  TSchemas extends GivenSchemas = {},
>(
  json: TGraph,
  options?: {
    readonly handlers?: HandlersArgument<THandlers, TGraph>;
    readonly adapters?: TAdapters;
    readonly fns?: TFns;
    readonly schemas?: TSchemas;
  },
): LoadedFlow<TGraph, THandlers, TAdapters[number], TFns[number], TSchemas>;
// The builder implements `Flow` without its types; this signature adds them.
export function fromGraph(json: unknown, options: LoadOptions = {}): object {
  const given = readLoadOptions(options);
  const graph = parseGraph(json, { functions: given.fns, adapters: given.adapters });
  const findings = loadedFindings(graph, given);
  if (findings.length > 0) {
    const title = findings.length === 1 ? "an error" : `${findings.length} errors`;
    throw new FlowError("FLOW_INVALID", [`${title} in the arguments of fromGraph()`, ...findings].join("\n"), {
      details: { findings: findings.map((message) => ({ message })) },
    });
  }
  return loadedFlow(graph, given);
}

function loadedFlow(graph: Graph, given: LoadedWith): FlowBuilder {
  const head: FlowHead = {
    name: graph.name,
    paramsSchema: zodOf(graph.params_schema),
    inputAdapters: given.adapters,
    loaded: { paramsSchema: graph.params_schema, schemas: graph.schemas },
  };
  let loaded = new FlowBuilder(head, undefined);
  for (const step of loadedSteps(graph, given)) loaded = new FlowBuilder(head, { previous: loaded, step });
  return loaded;
}

/** In the order of the JSON, so that `.then` continues from its last node. */
function loadedSteps(graph: Graph, given: LoadedWith): readonly LoadedStep[] {
  const { handlers, fns } = given;
  const subflows = new Map(Object.entries(graph.flows ?? {}).map(([name, flow]) => [name, loadedFlow(flow, given)]));
  const canonical = new Map(canonicalGraph(graph).nodes.map((node) => [node.node_id, node]));
  return graph.nodes.map(({ node_id: id }) => {
    const node = canonical.get(id) as GraphNode; // the same nodes in another order
    return {
      kind: "json",
      id,
      node,
      handler: node.type === flowType ? loadedHandler(node, subflows) : handlers.get(node.type),
      fn: fns.find(({ name }) => name === node.io?.fn),
      schemas: graph.schemas?.[node.type],
      options: { after: node.depends_on },
    };
  });
}

function loadedHandler({ io = {} }: GraphNode, subflows: ReadonlyMap<string, FlowBuilder>): HandlerDefinition {
  const { flow: name = "", item = "", settled = false } = io;
  const flow = subflows.get(name) as unknown as FlowDefinition; // `parseGraph` has found it
  return subflowHandler({ name, flow, item, settled }, undefined);
}

function zodOf(schema: JsonObject | undefined): $ZodType | undefined {
  if (schema === undefined) return undefined;
  try {
    return paramsValidator(schema);
  } catch {
    return undefined; // zod cannot express this schema: creating a task validates against the JSON Schema itself
  }
}
