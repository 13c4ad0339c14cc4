import * as z from "zod";
import { isBuiltInFunction } from "../builtins/coordinator-functions/index.ts";
import { adapterName, builtInAdapter, commonAdapterArgs, isBuiltInAdapter } from "../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../errors/index.ts";
import { isObject } from "../graph/format/plain-data.ts";
import {
  canonicalGraph,
  coordinatorFnType,
  type Graph,
  type GraphNode,
  isWorkerType,
  parseGraph,
} from "../graph/index.ts";

/** A graph prepared for source generation: canonical, with the names of definitions that are not built in. */
export interface SourceGraph {
  readonly graph: Graph;
  readonly nodes: readonly GraphNode[];
  readonly byId: ReadonlyMap<string, GraphNode>;
  /** By name, the flows that its nodes run for each batch. */
  readonly flows: ReadonlyMap<string, SourceGraph>;
  /** Handler types, in the order of their first node. */
  readonly types: readonly string[];
  /** Adapters and coordinator functions that are not built in. */
  readonly adapters: readonly string[];
  readonly fns: readonly string[];
}

/** @throws FlowError `GRAPH_INVALID` */
export function sourceGraph(json: unknown): SourceGraph {
  const named = namesIn(json);
  const args = z.looseObject({});
  const graph = canonicalGraph(
    parseGraph(json, {
      // Only their definitions know the arguments; a payload of any type fits.
      adapters: named.adapters.map((name) => ({ name, args, payload: z.any() })),
      functions: named.fns.map((name) => ({ name, args })),
    }),
  );
  return sourceOf(graph, named);
}

function sourceOf(graph: Graph, named: Pick<SourceGraph, "adapters" | "fns">): SourceGraph {
  const workers = graph.nodes.filter(({ type }) => isWorkerType(type));
  return {
    ...named,
    flows: new Map(Object.entries(graph.flows ?? {}).map(([name, flow]) => [name, sourceOf(flow, named)])),
    graph,
    nodes: graph.nodes,
    byId: new Map(graph.nodes.map((node) => [node.node_id, node])),
    types: [...new Set(workers.map(({ type }) => type))],
  };
}

/** Collected before validation, which requires them. */
function namesIn(json: unknown): { readonly adapters: readonly string[]; readonly fns: readonly string[] } {
  const found = { adapters: new Set<string>(), fns: new Set<string>() };
  for (const node of nodesIn(json)) {
    const io = isObject(node) && isObject(node.io) ? node.io : {};
    const inline = isObject(io.input_inline) ? io.input_inline : {};
    if (typeof inline.input_adapter === "string") found.adapters.add(inline.input_adapter);
    if (typeof io.fn === "string") found.fns.add(io.fn);
  }
  return {
    adapters: [...found.adapters].filter((name) => name !== "" && !isBuiltInAdapter(adapterName(name))),
    fns: [...found.fns].filter((name) => name !== "" && !isBuiltInFunction(name)),
  };
}

/** All nodes, including those of its flows. */
function* nodesIn(json: unknown): Generator<Json> {
  if (!isObject(json)) return;
  if (Array.isArray(json.nodes)) yield* json.nodes;
  if (isObject(json.flows)) for (const flow of Object.values(json.flows)) yield* nodesIn(flow);
}

export const isWorker = (node: GraphNode): boolean => node.type !== coordinatorFnType;

/** The input routing of a node, with its sources listed. */
export interface NodeInput {
  readonly adapter: string;
  readonly sources: readonly string[];
  /** Keys of a gathered payload, if they are not the node ids. */
  readonly aliases: JsonObject | undefined;
  readonly listKey: string | undefined;
  /** The pattern of the batches that it reads. */
  readonly where: Json | undefined;
  /** Further arguments of the adapter. */
  readonly args: JsonObject;
}

/** `undefined` for a root, and if the graph does not specify it. */
export function inputOf(node: GraphNode): NodeInput | undefined {
  const { input_adapter: adapter, input_args: given = {} } = node.io?.input_inline ?? {};
  if (adapter === undefined) return undefined;
  const { from_nodes: list, where, ...rest } = given;
  const { from, ...others } = rest;
  const aliases = builtInAdapter(adapter)?.takesAliases && isObject(from) ? from : undefined;
  const names = aliases === undefined ? list : Object.values(aliases);
  return {
    adapter,
    sources: Array.isArray(names) ? names.map(String) : node.depends_on,
    aliases,
    where,
    listKey: typeof given.meta_list_key === "string" ? given.meta_list_key : undefined,
    args: aliases === undefined ? rest : others,
  };
}

/** The arguments of the handler, without the routing. */
export function argsOf(node: GraphNode): JsonObject {
  const { input_adapter: _, input_args: __, ...own } = node.io?.input_inline ?? {};
  return own as JsonObject;
}

export const isCommonAdapterArg = (key: string): boolean => Object.hasOwn(commonAdapterArgs.shape, key);
