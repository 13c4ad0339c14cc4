import type { $ZodType } from "zod/v4/core";
import { FlowError, type JsonObject } from "../errors/index.ts";
import { paramsValidator } from "../graph/format/params-validator.ts";
import { canonicalGraph, type Graph, type GraphNode, parseGraph } from "../graph/index.ts";
import { FlowBuilder } from "./flow-builder.ts";
import type { AnyInputAdapter } from "./model/adapter.ts";
import type { AnyCoordinatorFn } from "./model/coordinator-function.ts";
import type { FlowHead, LoadedStep } from "./model/step.ts";
import { type LoadedWith, type LoadOptions, loadedFindings, readLoadOptions } from "./rules/loaded/check.ts";
import type { GivenHandlers, GraphSource, HandlersArgument } from "./rules/loaded/types.ts";
import type { GivenSchemas, LoadedFlow } from "./types/loaded.ts";

/**
 * Loads a graph JSON back as a flow: it is checked, compiles to the same graph, runs when its handlers are given, and
 * may be gone on from with `.then` and `.node`. Where the JSON is a literal (written inline, or `as const`), the flow
 * has its node ids, and of its outputs what the handlers say, else the option `schemas`, else its own `schemas`.
 *
 * @example
 * const loaded = fromGraph({ nodes: [{ node_id: "extract", type: "extractor" }] }, { handlers: [extract] })
 *   .then("clean", clean)
 * loaded.compile().edges // [["extract", "clean"]]
 *
 * @param json - what `compile()`, `JSON.parse` or a person wrote
 * @param options.handlers - what its node types do, as a list or by name; a graph that runs elsewhere needs none
 * @param options.adapters - input adapters of your own that it names
 * @param options.fns - coordinator functions of your own that it names
 * @param options.schemas - by node type: schemas for types whose handler is not given
 * @throws FlowError `GRAPH_INVALID` with every mistake of the graph, in `details.findings`
 * @throws FlowError `FLOW_INVALID` when an option doesn't fit the graph; `details.findings` has every mistake
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
// The builder has the run time of `Flow` and none of its types: they meet here.
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

/** In the order of the JSON, so that `.then` goes on from the node that stands last there. */
function loadedSteps(graph: Graph, { handlers, fns }: LoadedWith): readonly LoadedStep[] {
  const canonical = new Map(canonicalGraph(graph).nodes.map((node) => [node.node_id, node]));
  return graph.nodes.map(({ node_id: id }) => {
    const node = canonical.get(id) as GraphNode; // the same nodes in another order
    return {
      kind: "json",
      id,
      node,
      handler: handlers.get(node.type),
      fn: fns.find(({ name }) => name === node.io?.fn),
      schemas: graph.schemas?.[node.type],
      options: { after: node.depends_on },
    };
  });
}

function zodOf(schema: JsonObject | undefined): $ZodType | undefined {
  if (schema === undefined) return undefined;
  try {
    return paramsValidator(schema);
  } catch {
    return undefined; // more than zod can check: a run meets the JSON Schema itself, and says what is wrong with it
  }
}
