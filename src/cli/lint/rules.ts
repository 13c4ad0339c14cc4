import { coordinatorFnType, type Graph, type GraphNode } from "../../graph/index.ts";
import { readsOf } from "./reads.ts";

/** What a rule found. */
export interface LintFinding {
  readonly rule: string;
  readonly node: string;
  readonly message: string;
}

interface Rule {
  /** A name never changes its meaning. */
  readonly name: string;
  /** Why it is worth a look. */
  readonly why: string;
  check(graph: Graph): readonly Omit<LintFinding, "rule">[];
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
];

/** What would be worth a look, and what nobody can tell from a graph and its handlers: said rather than guessed. */
export const untellable: readonly { readonly rule: string; readonly why: string }[] = [
  {
    rule: "outside-call-without-retry",
    why: "neither a graph nor a handler says whether it calls out; look at nodes with retry_policy.max 0",
  },
  {
    rule: "any-with-side-effects",
    why: "neither a graph nor a handler says whether it has side effects; look at nodes with fan_in any or count",
  },
];

const isWorkerNode = ({ type }: GraphNode): boolean => type !== coordinatorFnType;

/** All that the rules find, in the order of the graph. */
export function lint(graph: Graph, off: ReadonlySet<string>): readonly LintFinding[] {
  const position = new Map(graph.nodes.map((node, index) => [node.node_id, index]));
  return rules
    .filter(({ name }) => !off.has(name))
    .flatMap((rule) => rule.check(graph).map((found) => ({ rule: rule.name, ...found })))
    .sort((a, b) => (position.get(a.node) ?? 0) - (position.get(b.node) ?? 0));
}
