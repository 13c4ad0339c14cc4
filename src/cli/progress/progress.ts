import type { NodeStatus, TaskEvent } from "../../core/tasks/api.ts";
import type { Graph } from "../../graph/index.ts";

/** The progress of a node according to the task's events. Times are those of the store. */
export interface NodeProgress {
  readonly id: string;
  readonly status: NodeStatus;
  /** Batches stored so far. */
  readonly batches: number;
  /** Batches set aside so far. */
  readonly failedBatches: number;
  /** Failed batches that wait for their next try. */
  readonly waitingBatches: number;
  /** Attempts after the first one, summed over all shards. */
  readonly retries: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Progress that the handler reported. */
  readonly reported?: { readonly done: number; readonly total?: number };
}

interface NodeState {
  readonly partitions: number;
  readonly shards: Map<number, NodeStatus>;
  readonly finished: Map<number, number>;
  sampled: number;
  readonly failed: Map<number, number>;
  sampledFailed: number;
  waiting: number;
  retries: number;
  startedAt?: number;
  endedAt?: number;
  reported?: { readonly done: number; readonly total?: number };
}

const noCounts = { sampled: 0, sampledFailed: 0, waiting: 0, retries: 0 };

/** Aggregates the events of a task by node. */
export class TaskProgress {
  readonly #nodes: ReadonlyMap<string, NodeState>;
  startedAt: number | undefined;
  #isPaused = false;

  constructor({ nodes }: Pick<Graph, "nodes">) {
    this.#nodes = new Map(
      nodes.map(({ node_id: id, partitions = 1 }) => [
        id,
        { partitions, shards: new Map(), finished: new Map(), failed: new Map(), ...noCounts },
      ]),
    );
  }

  add(event: TaskEvent): void {
    this.startedAt ??= event.at;
    if (event.kind === "task") {
      this.#isPaused = event.paused ?? this.#isPaused;
      return;
    }
    const node = this.#nodes.get(event.nodeId);
    if (node === undefined) return;
    if (event.kind === "progress") {
      node.sampled = event.batches;
      node.sampledFailed = event.failedBatches ?? 0;
      node.waiting = event.waitingBatches ?? 0;
      if (event.progress !== undefined) node.reported = event.progress;
      return;
    }
    node.shards.set(event.shard, event.to);
    if (event.batches !== undefined) node.finished.set(event.shard, event.batches);
    if (event.failedBatches !== undefined) node.failed.set(event.shard, event.failedBatches);
    if (event.cause === "claim") node.startedAt ??= event.at;
    // An attempt that was released in order to continue later has not failed.
    if (event.cause === "expire" || (event.cause === "fail" && event.to === "deferred")) node.retries++;
    if (isOver(event.to)) node.endedAt = event.at;
  }

  get(id: string): NodeProgress {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no node '${id}'`);
    const leading = statusOf(node);
    const status = leading === "deferred" && this.#isPaused ? "paused" : leading;
    const { startedAt, endedAt, reported, retries } = node;
    return {
      id,
      status,
      batches: Math.max(node.sampled, sum(node.finished.values())),
      failedBatches: Math.max(node.sampledFailed, sum(node.failed.values())),
      waitingBatches: isOver(status) ? 0 : node.waiting,
      retries,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(endedAt === undefined || !isOver(status) ? {} : { endedAt }),
      ...(reported === undefined ? {} : { reported }),
    };
  }

  /** In the order of the graph. */
  all(): readonly NodeProgress[] {
    return [...this.#nodes.keys()].map((id) => this.get(id));
  }
}

export const isOver = (status: NodeStatus): boolean =>
  status === "finished" || status === "skipped" || status === "failed" || status === "cancelled";

/** The most significant status among the shards of a node. */
function statusOf({ shards, partitions }: NodeState): NodeStatus {
  const states = [...shards.values()];
  for (const status of ["failed", "running", "cancelling"] as const) if (states.includes(status)) return status;
  const isComplete = states.length === partitions && states.every(isOver);
  if (isComplete) return (["cancelled", "skipped"] as const).find((status) => states.includes(status)) ?? "finished";
  if (states.includes("deferred")) return "deferred";
  return states.some(isOver) ? "running" : "queued";
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, n) => total + n, 0);
