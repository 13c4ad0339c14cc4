import type {
  Artifact,
  Attempt,
  Cause,
  DeadLetter,
  ShardRecord,
  ShardRef,
  ShardStatus,
  TaskRecord,
  TaskStatus,
  VarsRecord,
  WorkerRecord,
} from "../../core/model/records.ts";
import { Heap } from "../../core/store/heap.ts";
import type { Reading } from "../../core/store/readings.ts";
import type { ArtifactLog } from "./artifact-log.ts";

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
  readings?: ReadonlyMap<string, OpenReading>;
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

export interface OpenReading extends Reading {
  /** How many of its readers haven't finished. */
  openReaders: number;
  /** See `consumption.ts`. */
  isSteady: boolean;
}

export interface QueuedItem {
  readonly entry: ShardEntry;
  readonly epoch: number;
  readonly priority: number;
  readonly readyAt: number;
  readonly order: number;
}

interface DeferredItem {
  readonly entry: ShardEntry;
  readonly epoch: number;
  readonly at: number;
}

interface TaskItem {
  readonly task: TaskEntry;
  readonly at: number;
}

const earlier = (a: { readonly at: number }, b: { readonly at: number }): boolean => a.at < b.at;

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
  readonly queues = new Map<string, Heap<QueuedItem>>();
  /** Shards with a lease: never more than the workers have slots, so whoever looks for expired ones walks them all. */
  readonly leased = new Set<ShardEntry>();
  readonly deferred = new Heap<DeferredItem>({
    before: earlier,
    isLive: ({ entry, epoch }) => isStill("deferred", entry, epoch),
  });
  readonly sweeps = new Heap<TaskItem>({
    before: earlier,
    isLive: ({ task, at }) => task.sweepAt === at && !task.dropped,
  });
  readonly deadlines = new Heap<TaskItem>({
    before: earlier,
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
    const queue = this.queues.get(type) ?? newQueue();
    this.queues.set(type, queue);
    queue.push({ entry, epoch, priority, readyAt, order: this.nextOrder() });
  }
}

const isStill = (status: ShardStatus, { record, task }: ShardEntry, epoch: number): boolean =>
  record.status === status && record.epoch === epoch && !task.dropped;

const newQueue = (): Heap<QueuedItem> =>
  new Heap({
    before: (a, b) => {
      if (a.priority !== b.priority) return a.priority > b.priority;
      return a.readyAt === b.readyAt ? a.order < b.order : a.readyAt < b.readyAt;
    },
    isLive: ({ entry, epoch }) => isStill("queued", entry, epoch),
  });

/** A write that took effect, told in the same step; a record is as it is then. */
export type MemoryStoreEvent =
  | { readonly kind: "task"; readonly taskId: string; readonly from: TaskStatus | "absent"; readonly to: TaskStatus }
  | { readonly kind: "vars"; readonly taskId: string; readonly vars: VarsRecord }
  | {
      readonly kind: "shard";
      readonly from: ShardStatus | "absent";
      readonly cause: Cause;
      readonly record: ShardRecord;
    }
  | { readonly kind: "renewed" | "restarted" | "reported"; readonly record: ShardRecord }
  | { readonly kind: "artifact"; readonly ref: ShardRef; readonly generation: number; readonly artifact: Artifact }
  | { readonly kind: "log_closed"; readonly ref: ShardRef; readonly generation: number; readonly count: number }
  | { readonly kind: "slots"; readonly key: string; readonly holders: readonly Attempt[] };

/** What the parts of one memory store share: its options, with their defaults. */
export interface StoreContext {
  readonly state: MemoryState;
  readonly now: () => number;
  readonly step: ((label: string) => Promise<void>) | undefined;
  readonly observe: ((event: MemoryStoreEvent) => void) | undefined;
  readonly keepFinishedTasks: number;
  readonly dropConsumed: boolean | "streaming";
  readonly sinks: ReadonlySet<string>;
}
