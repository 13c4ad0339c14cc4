import { builtInFunction } from "../../builtins/coordinator-functions/index.ts";
import type { HandlerDefinition } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { retryDefaults } from "../../graph/format/retry.ts";
import { coordinatorFnType, type Graph, type GraphNode, isBuiltInAdapter } from "../../graph/index.ts";

/** What a rule found. */
export interface LintFinding {
  readonly rule: string;
  readonly node: string;
  readonly message: string;
}

/** By node type. */
type Handlers = ReadonlyMap<string, HandlerDefinition>;

interface Rule {
  /** A name never changes its meaning. */
  readonly name: string;
  /** Why it is worth a look. */
  readonly why: string;
  /** A graph alone doesn't tell. */
  readonly needsHandlers?: true;
  check(graph: Graph, handlers: Handlers): readonly Omit<LintFinding, "rule">[];
}

/** An engine's `capacity`, unless it is told otherwise. */
const usualCapacity = 8;

export const rules: readonly Rule[] = [
  {
    name: "unused-output",
    why: "what a node stores costs space and time; when nobody reads it, either a reader or the node is missing something",
    check: (graph) => {
      const parents = new Set(graph.nodes.flatMap((node) => node.depends_on));
      const read = new Set(graph.nodes.flatMap((node) => readsOf(node, graph)));
      return graph.nodes
        .filter(({ node_id: id }) => parents.has(id) && !read.has(id))
        .map(({ node_id: node }) => ({
          node,
          message: "other nodes wait for it, none of them reads what it stores, and it is no result of the run",
        }));
    },
  },
  {
    name: "unconnected-node",
    why: "a node without any edge runs with every task, and has nothing to do with the rest of it",
    check: ({ nodes }) => {
      const parents = new Set(nodes.flatMap((node) => node.depends_on));
      return nodes
        .filter((node) => nodes.length > 1 && node.depends_on.length === 0 && !parents.has(node.node_id))
        .map(({ node_id: node }) => ({ node, message: "it depends on no node, and no node depends on it" }));
    },
  },
  {
    name: "fan-out-without-limit",
    why: "all partitions of a node are ready at the same moment, and take every free slot from other nodes",
    check: (graph) =>
      graph.nodes
        .filter(({ partitions = 1, limits }) => partitions > usualCapacity && limits?.max_running === undefined)
        .map(({ node_id: node, partitions }) => ({
          node,
          message: `its ${partitions} partitions may all run at once: set limits.max_running (maxRunning in the builder)`,
        })),
  },
  {
    name: "missing-timeout",
    why: "a worker renews the lease of an attempt that hangs: without a timeout nothing ends it",
    check: (graph) =>
      graph.nodes
        .filter((node) => isWorkerNode(node) && node.timeout_sec === undefined)
        .map(({ node_id: node }) => ({
          node,
          message: "nothing ends an attempt that hangs: set timeout_sec (timeoutSec in the builder)",
        })),
  },
  {
    name: "external-without-retry",
    why: "what is outside is away at times; without a retry the whole task fails for it",
    needsHandlers: true,
    check: (graph, handlers) =>
      graph.nodes
        .filter(({ type }) => handlers.get(type)?.external !== undefined)
        .filter(({ retry_policy: { max = retryDefaults.max } = {} }) => max === 0)
        .map(({ node_id: node }) => ({
          node,
          message:
            "its handler calls out, and one failure ends the task: let retry_policy.max be 1 or more (retry.max in the builder)",
        })),
  },
  {
    name: "any-with-external-write",
    why: "under fan_in any and count a node begins before all its parents have ended: what it has written outside stays there when another one fails",
    needsHandlers: true,
    check: (graph, handlers) =>
      graph.nodes
        .filter(({ type, fan_in: fanIn = "all" }) => fanIn !== "all" && handlers.get(type)?.external === "writes")
        .map(({ node_id: node, fan_in: fanIn }) => ({
          node,
          message: `its handler writes outside, and fan_in '${fanIn}' lets it begin before all its parents have ended`,
        })),
  },
];

const isWorkerNode = ({ type }: GraphNode): boolean => type !== coordinatorFnType;

/** All that the rules find, in the order of the graph, and the rules that would need handlers to find anything. */
export function lint(
  { graph, handlers }: { readonly graph: Graph; readonly handlers: readonly HandlerDefinition[] | undefined },
  off: ReadonlySet<string>,
): { readonly findings: readonly LintFinding[]; readonly notChecked: readonly string[] } {
  const byType: Handlers = new Map(handlers?.map((handler) => [handler.name, handler]));
  const position = new Map(graph.nodes.map((node, index) => [node.node_id, index]));
  const chosen = rules.filter(({ name }) => !off.has(name));
  const isChecked = ({ needsHandlers }: Rule) => needsHandlers === undefined || handlers !== undefined;
  return {
    findings: chosen
      .flatMap((rule) => rule.check(graph, byType).map((found) => ({ rule: rule.name, ...found })))
      .sort((a, b) => (position.get(a.node) ?? 0) - (position.get(b.node) ?? 0)),
    notChecked: chosen.filter((rule) => !isChecked(rule)).map(({ name }) => name),
  };
}

/** The nodes whose artifacts a node reads. Where a definition of the user's decides, it may be all that is upstream. */
export function readsOf(node: GraphNode, graph: Graph): readonly string[] {
  const { type, io = {}, depends_on: parents } = node;
  const everyNode = () => graph.nodes.map(({ node_id: id }) => id);
  if (type === coordinatorFnType) {
    const fn = builtInFunction(io.fn ?? "");
    if (fn === undefined) return everyNode();
    const read = io.fn_args?.[fn.reads?.arg ?? ""];
    if (typeof read === "string") return [read];
    return fn.reads?.isList ? (names(read) ?? parents) : [];
  }
  const { input_adapter: adapter, input_args: args = {} } = io.input_inline ?? {};
  if (adapter === undefined) return parents;
  const from = names(args.from_nodes) ?? names(isObject(args.from) ? (Object.values(args.from) as Json[]) : undefined);
  return from ?? (isBuiltInAdapter(adapter) ? parents : everyNode());
}

const names = (value: Json | undefined): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
