import type {
  Attempt,
  DeadLetter,
  ShardRecord,
  ShardRef,
  TaskRecord,
  VarsRecord,
  WorkerRecord,
} from "../../core/model/records.ts";
import type { ArtifactLog } from "./artifact-log.ts";
import { LazyHeap } from "./lazy-heap.ts";

/** Where a task's record is: the record is replaced, the entry stays. */
export interface TaskEntry {
  record: TaskRecord;
  vars: VarsRecord;
  /** Store time at which a coordinator looks at the whole task again. */
  sweepAt: number;
  /** Place in the order of creation. */
  readonly order: number;
  readonly nodes: Map<string, NodeEntry>;
  /** Dropped from the state: whatever index still points here passes it over. */
  dropped: boolean;
  /** Known once a store that drops consumed artifacts has looked. */
  readings?: ReadonlyMap<string, Reading>;
}

export interface NodeEntry {
  /** By shard number; a hole where nothing was dispatched yet. */
  readonly shards: (ShardEntry | undefined)[];
  /** Outlives the artifacts. */
  hasArtifacts: boolean;
  finishedShards: number;
}

export interface ShardEntry {
  readonly task: TaskEntry;
  readonly node: NodeEntry;
  record: ShardRecord;
  /** By generation. */
  readonly logs: (ArtifactLog | undefined)[];
}

/** A node as a reader of others, and who reads its own artifacts. */
export interface Reading {
  readonly partitions: number;
  /** The nodes that it reads. */
  readonly sources: readonly string[];
  /** The nodes that read it. */
  readonly readers: readonly string[];
  openReaders: number;
  /** See `streaming-drop.ts`. */
  isSteady: boolean;
}

export interface QueuedItem {
  readonly entry: ShardEntry;
  readonly epoch: number;
  readonly priority: number;
  readonly readyAt: number;
  readonly order: number;
}

export interface DeferredItem {
  readonly entry: ShardEntry;
  readonly epoch: number;
  readonly dueAt: number;
}

export interface SweepItem {
  readonly task: TaskEntry;
  readonly at: number;
}

export interface DeadlineItem {
  readonly task: TaskEntry;
  readonly at: number;
}

/**
 * What memory stores keep. Several stores may stand over one state, each like a process's own connection.
 *
 * @example
 * const state = new MemoryState()
 * const [a, b] = [memoryStore({ state }), memoryStore({ state })]
 * await a.createTask(task)
 * await b.readTask(task.id) // the task
 */
export class MemoryState {
  readonly tasks = new Map<string, TaskEntry>();
  readonly idsByIdempotencyKey = new Map<string, string>();
  /** By type. */
  readonly queues = new Map<string, LazyHeap<QueuedItem>>();
  /** Shards with a lease: never more than the workers have slots, so whoever looks for expired ones walks them all. */
  readonly leased = new Set<ShardEntry>();
  readonly deferred = new LazyHeap<DeferredItem>({
    before: (a, b) => a.dueAt < b.dueAt,
    isLive: ({ entry, epoch }) =>
      entry.record.status === "deferred" && entry.record.epoch === epoch && !entry.task.dropped,
  });
  readonly sweeps = new LazyHeap<SweepItem>({
    before: (a, b) => a.at < b.at,
    isLive: ({ task, at }) => task.sweepAt === at && !task.dropped,
  });
  readonly deadlines = new LazyHeap<DeadlineItem>({
    before: (a, b) => a.at < b.at,
    isLive: ({ task }) => task.record.status === "running" && !task.dropped,
  });
  /** Terminal tasks, the longest ended first. */
  readonly ended = new Set<string>();
  /** How many tasks point at the artifacts of this one. */
  readonly borrowers = new Map<string, number>();
  /** Limits by name, each with its holders. */
  readonly slots = new Map<string, Map<string, Attempt>>();
  readonly workers = new Map<string, { readonly worker: WorkerRecord; readonly until: number }>();
  /** The oldest first. */
  readonly deadLetters = new Map<string, DeadLetter>();
  #order = 0;

  shard(ref: ShardRef): ShardEntry | undefined {
    return this.tasks.get(ref.taskId)?.nodes.get(ref.nodeId)?.shards[ref.shard];
  }

  nextOrder(): number {
    return this.#order++;
  }

  enqueue(entry: ShardEntry): void {
    const { type, epoch, priority, readyAt } = entry.record;
    let queue = this.queues.get(type);
    if (queue === undefined) {
      queue = newQueue();
      this.queues.set(type, queue);
    }
    queue.push({ entry, epoch, priority, readyAt, order: this.nextOrder() });
  }
}

const newQueue = (): LazyHeap<QueuedItem> =>
  new LazyHeap({
    before: (a, b) => {
      if (a.priority !== b.priority) return a.priority > b.priority;
      return a.readyAt === b.readyAt ? a.order < b.order : a.readyAt < b.readyAt;
    },
    isLive: ({ entry, epoch }) =>
      entry.record.status === "queued" && entry.record.epoch === epoch && !entry.task.dropped,
  });
