import type { NodeStatus, TaskEvent } from "../../core/tasks/api.ts";
import type { Graph } from "../../graph/index.ts";

/** A node of a run, as far as its events have told. Times are those of the store. */
export interface NodeProgress {
  readonly id: string;
  readonly status: NodeStatus;
  /** Stored so far. */
  readonly batches: number;
  /** Attempts after the first one, of all its shards. */
  readonly retries: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** What its handler says of itself. */
  readonly said?: { readonly done: number; readonly total?: number };
}

interface NodeState {
  readonly partitions: number;
  readonly shards: Map<number, NodeStatus>;
  readonly finished: Map<number, number>;
  sampled: number;
  retries: number;
  startedAt?: number;
  endedAt?: number;
  said?: { readonly done: number; readonly total?: number };
}

/** Adds up what the events of a task say, node by node. */
export class TaskProgress {
  readonly #nodes: ReadonlyMap<string, NodeState>;
  startedAt: number | undefined;

  constructor({ nodes }: Pick<Graph, "nodes">) {
    this.#nodes = new Map(
      nodes.map(({ node_id: id, partitions = 1 }) => [
        id,
        { partitions, shards: new Map(), finished: new Map(), sampled: 0, retries: 0 },
      ]),
    );
  }

  add(event: TaskEvent): void {
    this.startedAt ??= event.at;
    if (event.kind === "task") return;
    const node = this.#nodes.get(event.nodeId);
    if (node === undefined) return;
    if (event.kind === "progress") {
      node.sampled = event.batches;
      if (event.progress !== undefined) node.said = event.progress;
      return;
    }
    node.shards.set(event.shard, event.to);
    if (event.batches !== undefined) node.finished.set(event.shard, event.batches);
    if (event.cause === "claim") node.startedAt ??= event.at;
    // What had given its slot back, to go on later, has not failed.
    if (event.cause === "expire" || (event.cause === "fail" && event.to === "deferred")) node.retries++;
    if (isOver(event.to)) node.endedAt = event.at;
  }

  get(id: string): NodeProgress {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no node '${id}'`);
    const status = statusOf(node);
    const { startedAt, endedAt, said, retries } = node;
    return {
      id,
      status,
      batches: Math.max(node.sampled, sum(node.finished.values())),
      retries,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(endedAt === undefined || !isOver(status) ? {} : { endedAt }),
      ...(said === undefined ? {} : { said }),
    };
  }

  /** In the order of the graph. */
  all(): readonly NodeProgress[] {
    return [...this.#nodes.keys()].map((id) => this.get(id));
  }
}

export const isOver = (status: NodeStatus): boolean =>
  status === "finished" || status === "failed" || status === "cancelled";

/** Of a node with several shards, what matters most of them. */
function statusOf({ shards, partitions }: NodeState): NodeStatus {
  const states = [...shards.values()];
  for (const status of ["failed", "running", "cancelling"] as const) if (states.includes(status)) return status;
  const isWhole = states.length === partitions && states.every(isOver);
  if (isWhole) return states.includes("cancelled") ? "cancelled" : "finished";
  if (states.includes("deferred")) return "deferred";
  return states.some(isOver) ? "running" : "queued";
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, n) => total + n, 0);
