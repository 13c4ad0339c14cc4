import type { JsonObject } from "../../errors/index.ts";
import type { GraphNode } from "./node-fields.ts";

/** Wire schemas of a handler type, as JSON Schema. */
export interface TypeSchemas {
  readonly args?: JsonObject;
  readonly input?: JsonObject;
  readonly output?: JsonObject;
}

/** The graph JSON after validation: with aliases expanded, and with `depends_on` and `edges` that agree. */
export interface Graph {
  /** "1.1" for a graph with features that an engine of version "1.0" does not support. */
  readonly schema_version: "1.0" | "1.1";
  readonly name?: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly (readonly [from: string, to: string])[];
  readonly params_schema?: JsonObject;
  readonly schemas?: { readonly [type: string]: TypeSchemas };
  /** By name, the graphs that nodes of type `flow` run. Each may have its own `flows`. */
  readonly flows?: { readonly [name: string]: Graph };
}

/** Node type of a coordinator function. */
export const coordinatorFnType = "coordinator_fn";

/** Node type of a node that runs a flow for each of its batches, as a child task. */
export const flowType = "flow";

/** Whether workers serve the type; coordinators run the others. */
export const isWorkerType = (type: string): boolean => type !== coordinatorFnType && type !== flowType;

/** What a node runs, by name: the handler, the coordinator function or the flow. */
export const runs = ({ type, io = {} }: Pick<GraphNode, "type" | "io">): string =>
  (type === coordinatorFnType ? io.fn : type === flowType ? io.flow : type) ?? "";

/** The types that workers must serve for a graph, including its flows. */
export function workerTypes({ nodes, flows = {} }: Pick<Graph, "nodes" | "flows">): readonly string[] {
  const own = nodes.map(({ type }) => type).filter(isWorkerType);
  return [...new Set([...own, ...Object.values(flows).flatMap(workerTypes)])];
}

/** A graph with the schemas of another that is otherwise the same. */
export function describedBy(graph: Graph, { schemas, flows: described = {} }: Graph): Graph {
  const flows = Object.entries(graph.flows ?? {}).map(([name, flow]) => [
    name,
    describedBy(flow, described[name] ?? flow),
  ]);
  return Object.freeze({
    ...graph,
    ...(schemas === undefined ? {} : { schemas }),
    ...(flows.length === 0 ? {} : { flows: Object.freeze(Object.fromEntries(flows)) }),
  });
}
