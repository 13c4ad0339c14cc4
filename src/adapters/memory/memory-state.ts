import type {
  Artifact,
  Attempt,
  Cause,
  ShardRecord,
  ShardRef,
  ShardStatus,
  TaskRecord,
  TaskStatus,
  VarsRecord,
} from "../../core/model/records.ts";
import { type RegistryEntry, type RegistryKey, type RegistryKind, registryKinds } from "../../core/ports/index.ts";
import { Heap } from "../../core/store/collections.ts";
import type { Reading } from "../../core/store/driver.ts";
import type { ArtifactLog } from "./artifact-log.ts";

/** A task: its record is replaced, the entry stays. */
export interface TaskEntry {
  record: TaskRecord;
  vars: VarsRecord;
  /** Store time at which a coordinator sweeps the task again. */
  sweepAt: number;
  /** Position in the order of creation. */
  readonly pk: number;
  readonly nodes: Map<string, NodeEntry>;
  /** Removed from the state: indexes that still point here skip it. */
  dropped: boolean;
  /** Set by a store that drops consumed artifacts. */
  readings?: ReadonlyMap<string, OpenReading>;
}

export interface NodeEntry {
  /** By shard number; a hole where the shard has no record yet. */
  readonly shards: (ShardEntry | undefined)[];
  /** Stays true when the artifacts are dropped. */
  hasArtifacts: boolean;
  closedShards: number;
}

export interface ShardEntry {
  readonly task: TaskEntry;
  readonly node: NodeEntry;
  record: ShardRecord;
  /** By generation. */
  logs: readonly (ArtifactLog | undefined)[];
}

export interface OpenReading extends Reading {
  /** Number of its readers that have not finished. */
  openReaders: number;
  /** See `consumption.ts`. */
  isSteady: boolean;
}

/** An index entry of a queued or deferred shard; dead once the shard has another record. */
export interface ShardItem {
  readonly entry: ShardEntry;
  readonly record: ShardRecord;
  readonly at: number;
  /** Position in the order of arrival. */
  readonly pk: number;
}

/** By id, the oldest first. */
type RegistryTable = Map<string, { readonly id: string; readonly pk: number; readonly entry: RegistryEntry }>;
const registryTables = () =>
  Object.fromEntries(registryKinds.map((kind) => [kind, new Map()])) as Readonly<Record<RegistryKind, RegistryTable>>;

interface TaskItem {
  readonly task: TaskEntry;
  readonly at: number;
}

const earlier = (a: { readonly at: number }, b: { readonly at: number }): boolean => a.at < b.at;
const isLive = ({ entry, record }: ShardItem): boolean => entry.record === record && !entry.task.dropped;

/**
 * The data of memory stores. Several stores may share one state, as processes share a database.
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
  /** By type, then by priority. */
  readonly queues = new Map<string, Map<number, Heap<ShardItem>>>();
  /** Shards with a lease: never more than the workers have slots, so a search for expired ones scans them all. */
  readonly leased = new Set<ShardEntry>();
  readonly deferred = new Heap<ShardItem>({ before: earlier, isLive });
  readonly sweeps = new Heap<TaskItem>({
    before: earlier,
    isLive: ({ task, at }) => task.sweepAt === at && !task.dropped,
  });
  readonly deadlines = new Heap<TaskItem>({
    before: earlier,
    isLive: ({ task }) => task.record.status === "running" && !task.dropped,
  });
  /** Terminal tasks, in the order in which they ended. */
  readonly ended = new Set<string>();
  /** By task, how many tasks borrow its artifacts. */
  readonly borrowers = new Map<string, number>();
  /** By limit, its holders. */
  readonly slots = new Map<string, Map<string, Attempt>>();
  readonly registry = registryTables();
  #lastPk = 0;

  shard(ref: ShardRef): ShardEntry | undefined {
    return this.tasks.get(ref.taskId)?.nodes.get(ref.nodeId)?.shards[ref.shard];
  }

  /** Counts tasks, entries of the registry and of indexes in the order of arrival. */
  nextPk(): number {
    return ++this.#lastPk;
  }

  enqueue(entry: ShardEntry): void {
    const { record } = entry;
    const { type, priority } = record;
    const queues = this.queues.get(type) ?? new Map<number, Heap<ShardItem>>();
    this.queues.set(type, queues);
    const queue = queues.get(priority) ?? new Heap<ShardItem>({ before: byTurn, isLive });
    queues.set(priority, queue);
    queue.push({ entry, record, at: record.readyAt, pk: this.nextPk() });
  }
}

function byTurn(a: ShardItem, b: ShardItem): boolean {
  if (a.record.priority !== b.record.priority) return a.record.priority > b.record.priority;
  return a.at === b.at ? a.pk < b.pk : a.at < b.at;
}

/** A write that took effect, reported in the same step with the record as of then. */
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
  | { readonly kind: "entry"; readonly of: RegistryKey }
  | { readonly kind: "slots"; readonly key: string; readonly holders: readonly Attempt[] };

/** The options of a memory store, with their defaults. */
export interface StoreContext {
  readonly state: MemoryState;
  readonly now: () => number;
  readonly step: ((label: string) => Promise<void>) | undefined;
  readonly observe: ((event: MemoryStoreEvent) => void) | undefined;
  readonly keepFinishedTasks: number;
  readonly dropConsumed: boolean | "streaming";
  readonly sinks: ReadonlySet<string>;
}
