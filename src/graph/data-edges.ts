import type { Json, JsonObject } from "../errors/index.ts";
import { adapterName } from "./adapters.ts";
import { isObject } from "./plain-data.ts";
import { misfit, resolve, type SchemaAt } from "./schema-fit.ts";
import { coordinatorFnType, type Graph, type GraphNode } from "./types.ts";

/** A node that delivers to another, with why its output does not fit that one's input. */
export interface EdgeMisfit {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/**
 * The deliveries of a graph whose types do not fit, as far as its `schemas` say. A delivery follows `from_nodes`,
 * which need not be an edge; custom adapters make payloads of their own and are taken for fitting.
 */
export function misfits(graph: Graph): readonly EdgeMisfit[] {
  const byId = new Map(graph.nodes.map((node) => [node.node_id, node]));
  return graph.nodes.flatMap((node) => {
    const input = graph.schemas?.[node.type]?.input;
    if (input === undefined || node.type === coordinatorFnType) return [];
    return sourcesOf(node).flatMap((source) => {
      const type = byId.get(source.id)?.type;
      const output = type === undefined ? undefined : graph.schemas?.[type]?.output;
      if (output === undefined) return [];
      const payload = payloadOf(node, output);
      const wanted = wantedOf(node, input, source.alias);
      const why = payload === undefined || wanted === undefined ? undefined : misfit(payload, wanted);
      return why === undefined ? [] : [{ from: source.id, to: node.node_id, why }];
    });
  });
}

interface Source {
  readonly id: string;
  /** Its key in a gathered payload. */
  readonly alias: string;
}

function sourcesOf(node: GraphNode): readonly Source[] {
  const { from_nodes: list, from: aliases } = node.io?.input_inline?.input_args ?? {};
  if (isObject(aliases)) {
    return Object.entries(aliases).map(([alias, id]) => ({ id: String(id), alias }));
  }
  const ids = Array.isArray(list) ? list.map(String) : node.depends_on;
  return ids.map((id) => ({ id, alias: id }));
}

const adapterOf = (node: GraphNode): string =>
  adapterName(node.io?.input_inline?.input_adapter ?? "pull.from_artifacts");

/** What the node's adapter makes of one artifact; `undefined` when that can't be known. */
function payloadOf(node: GraphNode, output: JsonObject): SchemaAt | undefined {
  const listOf = (items: Json): SchemaAt => ({ schema: { type: "array", items }, root: output });
  const adapter = adapterOf(node);
  if (adapter === "pull.from_artifacts") return { schema: output, root: output };
  if (adapter === "pull.gather") return listOf(output);
  if (adapter !== "pull.from_artifacts.rechunk:size") return undefined;
  const key = node.io?.input_inline?.input_args?.meta_list_key;
  if (typeof key !== "string") return listOf(output);
  const list = property({ schema: output, root: output }, key);
  return isObject(list?.schema) && list.schema.type === "array" ? listOf(list.schema.items ?? {}) : undefined;
}

/** Where in the node's input that arrives. */
function wantedOf(node: GraphNode, input: JsonObject, alias: string): SchemaAt | undefined {
  const whole = { schema: input, root: input };
  return adapterOf(node) === "pull.gather" ? property(whole, alias) : whole;
}

function property(of: SchemaAt, key: string): SchemaAt | undefined {
  const { schema, root } = resolve(of);
  if (!isObject(schema) || !isObject(schema.properties) || !Object.hasOwn(schema.properties, key)) return undefined;
  return resolve({ schema: schema.properties[key], root });
}
