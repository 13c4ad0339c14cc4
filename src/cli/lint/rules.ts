import { builtInFunction } from "../../builtins/coordinator-functions/index.ts";
import type { HandlerDefinition } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import { retryDefaults } from "../../graph/format/node-fields.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { coordinatorFnType, type Graph, type GraphNode, isBuiltInAdapter, isWorkerType } from "../../graph/index.ts";

/** A finding of a rule. */
export interface LintFinding {
  readonly rule: string;
  readonly node: string;
  readonly message: string;
}

/** By node type. */
type Handlers = ReadonlyMap<string, HandlerDefinition>;

interface Rule {
  /** Stable: `--off` refers to it. */
  readonly name: string;
  /** Why a finding deserves attention. */
  readonly why: string;
  /** The graph alone is not enough to check the rule. */
  readonly needsHandlers?: true;
  check(graph: Graph, handlers: Handlers): readonly Omit<LintFinding, "rule">[];
}

/** The default `capacity` of an engine. */
const defaultCapacity = 8;

export const rules: readonly Rule[] = [
  {
    name: "unused-output",
    why: "output that no node reads costs space and time; a consumer may be missing",
    check: (graph) => {
      const parents = new Set(graph.nodes.flatMap((node) => node.depends_on));
      const read = new Set(graph.nodes.flatMap((node) => readsOf(node, graph)));
      return graph.nodes
        .filter(({ node_id: id }) => parents.has(id) && !read.has(id))
        .map(({ node_id: node }) => ({
          node,
          message: "no other node reads its output, and it is not a result of the task",
        }));
    },
  },
  {
    name: "unconnected-node",
    why: "a node without edges runs in every task, unrelated to the rest of the graph",
    check: ({ nodes }) => {
      const parents = new Set(nodes.flatMap((node) => node.depends_on));
      return nodes
        .filter((node) => nodes.length > 1 && node.depends_on.length === 0 && !parents.has(node.node_id))
        .map(({ node_id: node }) => ({ node, message: "has no edges: no parents and no children" }));
    },
  },
  {
    name: "fan-out-without-limit",
    why: "all partitions of a node become ready at once and can occupy every free slot",
    check: (graph) =>
      graph.nodes
        .filter(({ partitions = 1, limits }) => partitions > defaultCapacity && limits?.max_running === undefined)
        .map(({ node_id: node, partitions }) => ({
          node,
          message: `all ${partitions} partitions may run concurrently: set limits.max_running (maxRunning in the builder)`,
        })),
  },
  {
    name: "missing-timeout",
    why: "a worker keeps renewing the lease of a hanging attempt; only a timeout ends it",
    check: (graph) =>
      graph.nodes
        .filter((node) => isWorkerNode(node) && node.timeout_sec === undefined)
        .map(({ node_id: node }) => ({
          node,
          message: "a hanging attempt never ends: set timeout_sec (timeoutSec in the builder)",
        })),
  },
  {
    name: "external-without-retry",
    why: "external systems are unavailable at times; without a retry, one failed call fails the whole task",
    needsHandlers: true,
    check: (graph, handlers) =>
      graph.nodes
        .filter(({ type }) => handlers.get(type)?.external !== undefined)
        .filter(({ retry_policy: { max = retryDefaults.max } = {} }) => max === 0)
        .map(({ node_id: node }) => ({
          node,
          message:
            "its handler calls an external system, but a single failure fails the task: set retry_policy.max to 1 or more (retry.max in the builder)",
        })),
  },
  {
    name: "any-with-external-write",
    why: "with fan_in any or count, a node starts before all its parents have ended; its external writes remain even if another parent fails",
    needsHandlers: true,
    check: (graph, handlers) =>
      graph.nodes
        .filter(({ type, fan_in: fanIn = "all" }) => fanIn !== "all" && handlers.get(type)?.external === "writes")
        .map(({ node_id: node, fan_in: fanIn }) => ({
          node,
          message: `its handler writes to an external system, but with fan_in '${fanIn}' it starts before all its parents have ended`,
        })),
  },
];

const isWorkerNode = ({ type }: GraphNode): boolean => isWorkerType(type);

/** The findings in the order of the graph, and the rules that could not be checked without handlers. */
export function lint(
  { graph, handlers }: { readonly graph: Graph; readonly handlers: readonly HandlerDefinition[] | undefined },
  disabled: ReadonlySet<string>,
): { readonly findings: readonly LintFinding[]; readonly notChecked: readonly string[] } {
  const byType: Handlers = new Map(handlers?.map((handler) => [handler.name, handler]));
  const position = new Map(graph.nodes.map((node, index) => [node.node_id, index]));
  const enabled = rules.filter(({ name }) => !disabled.has(name));
  const isChecked = ({ needsHandlers }: Rule) => needsHandlers === undefined || handlers !== undefined;
  return {
    findings: enabled
      .flatMap((rule) => rule.check(graph, byType).map((found) => ({ rule: rule.name, ...found })))
      .sort((a, b) => (position.get(a.node) ?? 0) - (position.get(b.node) ?? 0)),
    notChecked: enabled.filter((rule) => !isChecked(rule)).map(({ name }) => name),
  };
}

/** The nodes whose artifacts a node may read: for a custom adapter or function, any node. */
function readsOf(node: GraphNode, graph: Graph): readonly string[] {
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
