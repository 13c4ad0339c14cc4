import { FlowError } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import type {
  Attempt,
  Cause,
  ClaimInit,
  DeadLetter,
  EpochRef,
  NewArtifact,
  NewTask,
  NextClaim,
  Outcome,
  OutcomeWithLast,
  RenewAnswer,
  ShardRecord,
  ShardRef,
  TaskRecord,
  VarsRecord,
  WorkerRecord,
} from "../model/records.ts";
import { logsReadBy, planGraph } from "../plan/index.ts";
import type {
  Answer,
  DueLook,
  ExternalRows,
  HandlerGate,
  HeldSlot,
  Page,
  PageRequest,
  PlainRows,
  RegistryEntry,
  RegistryJudge,
  RegistryKey,
  RegistryKind,
  SlotLimit,
  Store,
  SweepKind,
} from "../ports/index.ts";

/**
 * A database, as {@link RecordStore} needs it: `RecordStore` implements the `Store` port on top of one driver.
 *
 * A driver reads, lists and replaces records; which change is allowed is decided by the pure transitions of the model,
 * which the driver receives as a `judge` and calls with the record and the store's time. It replaces the record by the
 * judge's `next` only if the record has not changed since it was read: in one atomic step, or by a compare-and-set that
 * reads and judges again on a conflict.
 *
 * Every operation may be repeated after an unknown outcome. An unreachable database rejects with `STORE_UNAVAILABLE`.
 */
export interface StoreDriver {
  readonly tasks: TaskDriver;
  readonly shards: ShardDriver;
  readonly logs: LogDriver;
  readonly slots: SlotDriver;
  readonly registry: RegistryDriver;
  /** @defaultValue forever */
  readonly keepDeadLettersMs?: number | undefined;
  readonly handlerGate?: HandlerGate | undefined;
  readonly externalRows?: ExternalRows | undefined;
  readonly plainRows?: PlainRows | undefined;
  lookForDue?: NonNullable<Store["lookForDue"]>;
  open(): Promise<void>;
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** The answer to a write, and the record to store; without `next` nothing is written. */
export interface Judged<TAnswer, TRecord> {
  readonly answer: TAnswer;
  readonly next?: TRecord;
}

/** What the transitions of a task read and change: a driver need not read its graph and params for them. */
export type TaskState = Omit<TaskRecord, "graph" | "params">;

/** What the transitions of a task's variables read: a driver need not read the variables themselves. */
export type VarsState = Omit<VarsRecord, "vars">;

export interface TaskDriver {
  /** Inserts the task with its variables, due for a sweep at once. `exists`: returns the id of the task with its id or key. */
  insert(
    task: NewTask,
    create: (now: number) => { readonly record: TaskRecord; readonly vars: VarsRecord },
  ): ReturnType<Store["createTask"]>;
  read(id: string): Promise<TaskRecord | undefined>;
  /** `sweepNow`: the task becomes due for a sweep when it is replaced. */
  update<TAnswer>(
    id: string,
    judge: (task: TaskState | undefined, now: number) => Judged<TAnswer, TaskState>,
    options: { readonly sweepNow: boolean },
  ): Promise<TAnswer>;
  readVars(taskId: string): Promise<VarsRecord | undefined>;
  updateVars<TAnswer>(
    taskId: string,
    judge: (task: TaskState | undefined, vars: VarsState) => Judged<TAnswer, VarsRecord>,
  ): Promise<TAnswer>;
  delete(id: string): ReturnType<Store["deleteTask"]>;
  due(limit: number, every: { readonly everyMs: number; readonly aheadMs: number }): ReturnType<Store["dueTasks"]>;
  overdue(limit: number): ReturnType<Store["overdueTasks"]>;
  list(query: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]>;
  ended(query: Parameters<Store["endedTasks"]>[0]): ReturnType<Store["endedTasks"]>;
}

/** What kind of change an update is, for observers of a store. */
export type ShardUpdate = Cause | "restarted" | "reported";

export interface ShardDriver {
  read(...args: Parameters<Store["readShards"]>): Promise<ShardRecord[]>;
  hasArtifacts(taskId: string, nodeId: string): Promise<boolean>;
  /**
   * Inserts a shard's first record. `create` also receives whether its task is paused. `exists`: it has one. `gone`: its
   * task was deleted. A driver with more to do after the insert may call `onQueued` as soon as others see the shard queued.
   */
  insert(
    ref: ShardRef,
    create: (now: number, paused: boolean | undefined) => ShardRecord,
    onQueued?: () => void,
  ): Answer<"inserted" | "exists" | "gone">;
  update<TAnswer>(
    ref: ShardRef,
    change: ShardUpdate,
    judge: (record: ShardRecord | undefined, now: number) => Judged<TAnswer, ShardRecord>,
  ): Promise<TAnswer>;
  /** Like `update`; the judge also receives the length of the log of the record's generation. */
  updateWithLength<TAnswer>(
    ref: ShardRef,
    change: ShardUpdate,
    judge: (record: ShardRecord | undefined, now: number, length: number) => Judged<TAnswer, ShardRecord>,
  ): Promise<TAnswer>;
  /** `claim` in one request, if reading the record first would take another. @defaultValue `update` */
  claim?(ref: EpochRef, by: ClaimInit): ReturnType<Store["claim"]>;
  /** Renews all of a worker's leases at once; the answers are in the order of the attempts. */
  renew(attempts: readonly Attempt[], leaseMs: number): Promise<RenewAnswer[]>;
  expiredLeases(limit: number): Promise<EpochRef[]>;
  dueDeferred(limit: number): ReturnType<Store["dueDeferred"]>;
  peekQueue(...args: Parameters<Store["peekQueue"]>): ReturnType<Store["peekQueue"]>;
}

export interface LogDriver {
  /** Checks the fence and inserts the artifact at exactly the next `seq`. */
  append(attempt: Attempt, generation: number, artifact: NewArtifact): ReturnType<Store["append"]>;
  /** Checks the fence, closes the log at `count`, and replaces the shard's record by the finished one. */
  complete(attempt: Attempt, outcome: Outcome): ReturnType<Store["complete"]>;
  /**
   * In one write: `append` of the last artifact, if there is one, `complete`, and the insert of the next shard, unless
   * it exists or its task is paused. `undefined`: not possible, so the caller must make these writes one by one.
   *
   * @returns the record of the next shard, if it was inserted
   */
  completeWith?(
    attempt: Attempt,
    outcome: OutcomeWithLast,
    next: NextClaim | undefined,
  ): Promise<{ readonly inserted?: ShardRecord | undefined } | undefined>;
  /** Closes the log at its current end: nothing is appended to it any more, not even by an insert in flight. */
  close(ref: ShardRef, generation: number): Promise<void>;
  read(
    ref: ShardRef,
    page: { readonly generation: number; readonly from: number; readonly limit: number },
  ): ReturnType<Store["readArtifacts"]>;
  tail(ref: ShardRef, generation: number): ReturnType<Store["tail"]>;
  storedUids(ref: ShardRef, generation: number, uids: readonly string[]): Promise<Set<string>>;
  readUids(
    ref: ShardRef,
    page: { readonly generation: number; readonly from: number; readonly limit: number },
  ): ReturnType<Store["readUids"]>;
  count(taskId: string): ReturnType<Store["countArtifacts"]>;
}

export interface SlotDriver {
  take(limit: SlotLimit, holder: Attempt): Promise<"ok" | "full">;
  free(slot: HeldSlot): Promise<void>;
  count(keys: readonly string[]): Promise<readonly number[]>;
  held(): Promise<HeldSlot[]>;
}

export interface RegistryDriver {
  update: Store["updateEntry"];
  list: Store["listEntries"];
  due: Store["dueEntries"];
  /** Replaces an entry without a due time by one that expires after `ttlMs`, in one request. False: it does not exist. */
  replace?(key: RegistryKey, value: object, ttlMs: number): Promise<boolean>;
}

/* Helpers for lists of a driver that reads one row more than the limit. */

/** Splits rows, in the order of their time `at`, at the first that is not due; one more than `limit` was read. */
export function splitDue<TRow extends { readonly at: number }>(rows: readonly TRow[], limit: number, now: number) {
  const due = rows.slice(0, limit).filter(({ at }) => at <= now);
  const next = rows[due.length];
  return { due, nextInMs: next === undefined ? undefined : Math.max(0, next.at - now) };
}

/** Like {@link splitDue}, for rows with an id. */
export function dueIds(rows: readonly { readonly id: string; readonly at: number }[], limit: number, now: number) {
  const { due, nextInMs } = splitDue(rows, limit, now);
  return { due: due.map(({ id }) => id), nextInMs };
}

/** Sweeps know when the next of these is due. */
const announced: ReadonlySet<SweepKind> = new Set(["deferred", "overdue", "schedules"]);

/** Made from the time until the earliest of each kind is due; for kinds without a time, 0 if there is one. */
export function dueLook(
  waits: readonly { readonly kind: SweepKind; readonly inMs: number }[],
  aheadMs: number,
): DueLook {
  const isDue = ({ kind, inMs }: (typeof waits)[number]) => inMs <= (kind === "tasks" ? aheadMs : 0);
  const later = waits.filter((wait) => announced.has(wait.kind) && !isDue(wait)).map(({ inMs }) => inMs);
  return {
    found: new Set(waits.filter(isDue).map(({ kind }) => kind)),
    nextInMs: later.length === 0 ? undefined : Math.min(...later),
  };
}

/** An entry of the registry from columns that may be empty. */
export const entryOf = (
  value: object,
  { dueAt, until }: { readonly dueAt: number | null | undefined; readonly until: number | null | undefined },
): RegistryEntry => ({
  value,
  ...(dueAt == null ? {} : { dueAt }),
  ...(until == null ? {} : { until }),
});

const unavailable = async (): Promise<never> => {
  throw new FlowError("STORE_UNAVAILABLE", "the store is closed", { retryable: true });
};

const closedTable = new Proxy({}, { get: () => unavailable });

/** Stands in for the driver of a closed store. */
export const closedDriver = {
  ...{ tasks: closedTable, shards: closedTable, logs: closedTable },
  ...{ slots: closedTable, registry: closedTable, lookForDue: unavailable },
  ...{ open: unavailable, settle: unavailable, close: unavailable },
} as unknown as Required<StoreDriver>;

/** Which nodes a node reads and which read it, for a store that drops artifacts after their last reader. */
export interface Reading {
  readonly partitions: number;
  /** The nodes that it reads. */
  readonly sources: readonly string[];
  /** The nodes that read it. */
  readonly readers: readonly string[];
}

export function readingsOf(graph: Graph): ReadonlyMap<string, Reading> {
  const plan = planGraph(graph);
  const readers = new Map<string, string[]>(plan.nodes.map(({ id }) => [id, []]));
  const readings = plan.nodes.map((node): [string, Reading] => {
    const sources = logsReadBy(plan, node);
    for (const source of sources) readers.get(source)?.push(node.id);
    return [node.id, { partitions: node.partitions, sources, readers: readers.get(node.id) ?? [] }];
  });
  return new Map(readings);
}

/** At most `most` records that a driver read, by key. In two generations, since finding the oldest key each time is slow. */
export class RecordCache<TRecord> {
  readonly #most: number;
  #recent = new Map<string, TRecord>();
  #older = new Map<string, TRecord>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): TRecord | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, record: TRecord): void {
    this.#recent.set(key, record);
    if (this.#recent.size < this.#most / 2) return;
    this.#older = this.#recent;
    this.#recent = new Map();
  }

  delete(key: string): void {
    this.#recent.delete(key);
    this.#older.delete(key);
  }

  clear(): void {
    this.#recent.clear();
    this.#older.clear();
  }

  /** The cached record; otherwise reads and caches it. */
  load<TRead extends TRecord | undefined>(key: string, read: () => TRead): TRecord | TRead {
    const known = this.get(key);
    if (known !== undefined) return known;
    const record = read();
    if (record !== undefined) this.set(key, record);
    return record;
  }
}

/** How long the store keeps when a silent worker was last heard: its entry expires this much later. */
export const keepSeenMs = 3_600_000;

/** Workers and dead letters, as entries of the registry. */
export abstract class RegistryRecords implements Pick<Store, "updateEntry" | "listEntries" | "dueEntries"> {
  readonly #keepDeadLettersMs: number | undefined;

  constructor({ keepDeadLettersMs }: Pick<StoreDriver, "keepDeadLettersMs">) {
    this.#keepDeadLettersMs = keepDeadLettersMs;
  }

  protected abstract registry(): RegistryDriver;

  updateEntry<TAnswer>(key: RegistryKey, judge: RegistryJudge<TAnswer>): Promise<TAnswer> {
    return this.registry().update(key, judge);
  }

  listEntries(kind: RegistryKind, query: PageRequest): ReturnType<Store["listEntries"]> {
    return this.registry().list(kind, query);
  }

  dueEntries(kind: RegistryKind, limit: number): ReturnType<Store["dueEntries"]> {
    return this.registry().due(kind, limit);
  }

  async announceWorker(worker: WorkerRecord, ttlMs: number, isKept = true): Promise<void> {
    const { id } = worker;
    await Promise.all([
      this.#put({ kind: "worker", id }, worker, ttlMs),
      isKept && this.#put({ kind: "worker_seen", id }, { ttlMs }, keepSeenMs),
    ]);
  }

  #put(key: RegistryKey, value: object, ttlMs: number): Promise<void> {
    const put = () => this.updateEntry(key, (_, now) => ({ answer: undefined, next: { value, until: now + ttlMs } }));
    const replacing = this.registry().replace?.(key, value, ttlMs);
    return replacing === undefined ? put() : replacing.then((isReplaced) => (isReplaced ? undefined : put()));
  }

  async removeWorker(id: string): Promise<void> {
    const remove = () => ({ answer: undefined, next: null });
    const kinds = ["worker", "worker_seen"] as const;
    await Promise.all(kinds.map((kind) => this.updateEntry({ kind, id }, remove)));
  }

  async liveWorkers(): Promise<WorkerRecord[]> {
    const found: WorkerRecord[] = [];
    for (let page: PageRequest | undefined = { limit: 1_000 }; page !== undefined; ) {
      const { items, cursor }: Page<RegistryEntry> = await this.listEntries("worker", page);
      found.push(...items.map(({ value }) => value as WorkerRecord));
      page = cursor === undefined ? undefined : { limit: page.limit, cursor };
    }
    return found;
  }

  addDeadLetter(letter: Omit<DeadLetter, "at">): Promise<void> {
    return this.updateEntry({ kind: "dead_letter", id: letter.id }, (known, at) => {
      if (known !== undefined) return { answer: undefined };
      const until = this.#keepDeadLettersMs === undefined ? {} : { until: at + this.#keepDeadLettersMs };
      return { answer: undefined, next: { value: { ...letter, at }, ...until } };
    });
  }

  async listDeadLetters(query: PageRequest): ReturnType<Store["listDeadLetters"]> {
    const { items, ...rest } = await this.listEntries("dead_letter", query);
    return { items: items.map(({ value }) => value as DeadLetter), ...rest };
  }

  removeDeadLetter(id: string): Promise<boolean> {
    const remove = (known: RegistryEntry | undefined) =>
      known === undefined ? { answer: false } : { answer: true, next: null };
    return this.updateEntry({ kind: "dead_letter", id }, remove);
  }
}
