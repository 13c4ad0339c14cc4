import type { BatchPolicy } from "../../src/graph/index.ts";
import { type DrawnNode, randomGraph } from "../../src/testing/cluster/random-graph.ts";
import type { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { shared } from "./process-spec.ts";

/** Many small graphs and some larger ones, so that both are always running. */
const sizes = [1, 2, 2, 3, 3, 4, 4, 6, 9] as const;
const mostBatches = 6;
/** Share of graphs without node retries, so that tasks fail and are retried as a whole. */
const fragile = 0.15;
/** Share of the nodes that an external worker can serve. */
const external = 0.6;

const handles = ({ io }: DrawnNode): boolean => (io as Io).start_when === "ended";

type DrawnGraph = ReturnType<typeof randomGraph>;

/** Features that half of the graphs are certain to have, as real servers run too few tasks for rare ones. */
const themes: readonly ((node: DrawnNode, graph: DrawnGraph) => boolean)[] = [
  ...[1, 2, 3, 4, 5, 6].map(() => () => true),
  ({ node_id }, graph) => forExternal(graph).has(node_id),
  ({ type }) => type === "flow",
  ({ io }) => (io as Io).settled === true,
  ({ io }) => (io as Io).fn === "wait.signal",
  handles,
  ({ optional, io }) => optional === true && (io as Io).input_inline?.hopeless === true,
];
const mostDraws = 100;

function drawUntil(random: SeededRandom, isWanted: (typeof themes)[number]): DrawnGraph {
  for (let draws = 1; ; draws++) {
    const graph = randomGraph(random, random.pick(sizes), { runsFlows: true });
    if (draws === mostDraws || graph.nodes.some((node) => isWanted(node, graph))) return graph;
  }
}

type Io = {
  readonly fn?: string;
  readonly start_when?: string;
  readonly settled?: boolean;
  readonly input_inline?: {
    readonly batches?: number;
    readonly hopeless?: boolean;
    readonly input_adapter?: string;
    readonly input_args?: { readonly from_nodes?: readonly string[] };
  };
};

/** A graph as in the simulation, adapted to real time and external workers. */
export function chaosGraph(random: SeededRandom): DrawnGraph {
  const { nodes: drawn, ...flows } = drawUntil(random, random.pick(themes));
  const nodes = drawn.map(real);
  const isFragile = random.chance(fragile);
  const isFailing = nodes.some(handles) && random.chance(0.5);
  const aside = new Set(nodes.filter(setsAside).map(({ node_id }) => node_id));
  const eligible = forExternal({ nodes, ...flows });
  return {
    ...flows,
    nodes: nodes.map((drawn) => {
      const node = eligible.has(drawn.node_id) && random.chance(external) ? externalNode(drawn) : drawn;
      const mayFail = drawn.type.startsWith("source") && !drawn.optional && !aside.has(drawn.node_id);
      if (isFailing && mayFail) return hopelessNode(drawn);
      const isSettled = (node.io as Io).settled === true; // shows its failures in its output
      return isFragile || isSettled ? { ...node, retry_policy: { ...(node.retry_policy as object), max: 0 } } : node;
    }),
  };
}

/** The nodes that external workers can serve: none in a task with child tasks. */
function forExternal({ nodes, ...flows }: DrawnGraph): ReadonlySet<string> {
  if ("flows" in flows) return new Set();
  const failing = new Set(nodes.flatMap(failingSources));
  const sharded = new Set(nodes.filter(({ partitions }) => partitions !== undefined).map(({ node_id }) => node_id));
  const unread = nodes.filter((node) => setsAside(node) || mayStayIncomplete(node)).map(({ node_id }) => node_id);
  const free = nodes.filter(
    ({ node_id, depends_on }) => !depends_on.some((id) => unread.includes(id)) && !failing.has(node_id),
  );
  return new Set(free.filter((node) => canBeExternal(node, sharded)).map(({ node_id }) => node_id));
}

/** Of some of its batches, the first failure is fatal. */
function hopelessNode(node: DrawnNode): DrawnNode {
  const { io, ...kept } = node as DrawnNode & { readonly io: Io };
  const input_inline = { ...io.input_inline, hopeless: true };
  return { ...kept, io: { ...io, input_inline }, retry_policy: { ...(node.retry_policy as object), max: 0 } };
}

/** The nodes whose failed batches it reads, which must set them aside. */
function failingSources({ io }: DrawnNode): readonly string[] {
  const { input_adapter, input_args } = (io as Io).input_inline ?? {};
  return input_adapter === "pull.failures" ? (input_args?.from_nodes ?? []) : [];
}

/** External workers wait for the end of the logs of their sources, which must therefore finish. */
const mayStayIncomplete = ({ when, optional }: DrawnNode): boolean => when !== undefined || optional === true;

/** External workers would treat a batch that was set aside as an output. */
const setsAside = ({ batches }: DrawnNode): boolean => (batches as BatchPolicy | undefined)?.on_failure === "set_aside";

/**
 * In real time, a timeout must leave time for a lease, a pause and a broker's restart, and each batch takes some
 * milliseconds.
 */
function real(node: DrawnNode): DrawnNode {
  const {
    timeout_sec,
    io,
    batches: policy,
  } = node as DrawnNode & {
    readonly timeout_sec?: number;
    readonly io?: Io;
    readonly batches?: BatchPolicy;
  };
  const batches = io?.input_inline?.batches;
  return {
    ...node,
    ...(timeout_sec === undefined ? {} : { timeout_sec: timeout_sec * 4 }),
    ...(policy?.timeout_sec === undefined ? {} : { batches: { ...policy, timeout_sec: policy.timeout_sec * 4 } }),
    ...(batches === undefined
      ? {}
      : { io: { ...io, input_inline: { ...io?.input_inline, batches: Math.min(batches, mostBatches) } } }),
  };
}

/** External workers consider a source complete once its first shard is, so the source must have ended before. */
function canBeExternal({ type, depends_on, fan_in = "all", io }: DrawnNode, sharded: ReadonlySet<string>): boolean {
  const { start_when } = io as Io;
  if (type !== "map" || depends_on.length === 0 || start_when === "ended") return false;
  const waits = fan_in === "all" && start_when === undefined;
  return waits || !depends_on.some((id) => sharded.has(id));
}

/** External workers read whole artifacts only, and enforce neither limits nor an order. */
function externalNode(node: DrawnNode): DrawnNode {
  const { partitions: _, limits: __, timeout_sec: ___, batches: ____, ...kept } = node;
  const { start_when } = node.io as { readonly start_when?: string };
  return { ...kept, type: shared.externalTypes[0], io: start_when === undefined ? {} : { start_when } };
}
