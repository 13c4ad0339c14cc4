import { FlowError } from "../../errors/index.ts";

/** A page of a list; `cursor` is present if more items follow, and is valid for the same store only. */
export interface Page<TItem> {
  readonly items: readonly TItem[];
  readonly cursor?: string;
}

/** The error for a cursor that the store has not returned. */
export const invalidCursor = (cursor: string): FlowError =>
  new FlowError(
    "ENGINE_OPTIONS",
    `invalid cursor '${cursor}': expected that of the previous page; omit it for the first page`,
  );

/** The page of a list to return. */
export interface PageRequest {
  /** The cursor of the previous page. */
  readonly cursor?: string;
  /** 1 or more. */
  readonly limit: number;
}

/**
 * Records apart from tasks, with a key, an order of creation and two times. A `task_log` has the id of its task, and is
 * deleted with it.
 */
export const registryKinds = [
  "worker",
  "worker_seen",
  "dead_letter",
  "schedule",
  "paused_flow",
  "rate",
  "task_log",
] as const;
/** The kinds of records in a registry. */
export type RegistryKind = (typeof registryKinds)[number];

/** Names a record of the registry. */
export interface RegistryKey {
  readonly kind: RegistryKind;
  readonly id: string;
}

/** A record of the registry. */
export interface RegistryEntry {
  /** JSON. */
  readonly value: object;
  /** When `dueEntries` returns it. */
  readonly dueAt?: number;
  /** When the entry expires. */
  readonly until?: number;
}

/** The answer, and the entry to store: `null` removes it, absent writes nothing. Pure. */
export type RegistryJudge<TAnswer> = (
  entry: RegistryEntry | undefined,
  now: number,
) => { readonly answer: TAnswer; readonly next?: RegistryEntry | null };

/** The part of a store for records that are neither a task nor a part of one. */
export interface Registry {
  /** Judges the entry and replaces it if it has not changed since it was read; otherwise judges again. */
  updateEntry<TAnswer>(key: RegistryKey, judge: RegistryJudge<TAnswer>): Promise<TAnswer>;
  /** The newest first, by their creation. */
  listEntries(kind: RegistryKind, query: PageRequest): Promise<Page<RegistryEntry & { readonly id: string }>>;
  /** Ids of entries that are due, the earliest first, and the time until the next one is. */
  dueEntries(
    kind: RegistryKind,
    limit: number,
  ): Promise<{ readonly due: readonly string[]; readonly nextInMs: number | undefined }>;
}

/** What sweeps look for. */
export type SweepKind = "expired" | "deferred" | "overdue" | "schedules" | "pausedFlows" | "slots" | "tasks";

/** What one look for all kinds found. */
export interface DueLook {
  readonly found: ReadonlySet<SweepKind>;
  /** The time until the next deferred shard, deadline or schedule is due, for kinds of which none is due now. */
  readonly nextInMs: number | undefined;
}
