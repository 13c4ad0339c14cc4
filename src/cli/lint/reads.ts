import type { Json } from "../../errors/index.ts";
import {
  builtInFunctionArgs,
  coordinatorFnType,
  type Graph,
  type GraphNode,
  isBuiltInAdapter,
} from "../../graph/index.ts";
import { isObject } from "../../graph/plain-data.ts";

/** The nodes whose artifacts a node reads. Where a definition of the user's decides, it may be all that is upstream. */
export function readsOf(node: GraphNode, graph: Graph): readonly string[] {
  const { type, io = {}, depends_on: parents } = node;
  const everyNode = () => graph.nodes.map(({ node_id: id }) => id);
  if (type === coordinatorFnType) {
    if (io.fn === undefined || !(io.fn in builtInFunctionArgs)) return everyNode();
    const { from_nodes: from, node_id: one } = io.fn_args ?? {};
    if (io.fn === "merge.generic") return names(from) ?? parents;
    return io.fn === "metrics.aggregate" && typeof one === "string" ? [one] : [];
  }
  const { input_adapter: adapter, input_args: args = {} } = io.input_inline ?? {};
  if (adapter === undefined) return parents;
  const from = names(args.from_nodes) ?? names(isObject(args.from) ? (Object.values(args.from) as Json[]) : undefined);
  return from ?? (isBuiltInAdapter(adapter) ? parents : everyNode());
}

const names = (value: Json | undefined): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
