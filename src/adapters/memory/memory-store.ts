import { type Attempt, shardKey } from "../../core/model/records.ts";
import type { RegistryEntry, RegistryKind, Store } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { pageOf } from "../../core/store/collections.ts";
import { dueIds, type RegistryDriver, type SlotDriver } from "../../core/store/driver.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { FlowError } from "../../errors/index.ts";
import { checkOptionNames } from "../../graph/format/near-name.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import { logDriver } from "./logs.ts";
import { MemoryState, type MemoryStoreEvent, type StoreContext } from "./memory-state.ts";
import { shardDriver } from "./shards.ts";
import { taskDriver } from "./tasks.ts";

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** Data shared with other stores, as processes share a database. @defaultValue a new state */
  readonly state?: MemoryState;
  /** Store time, in milliseconds. @defaultValue the system's clock; it never goes back */
  readonly now?: () => number;
  /**
   * Awaited between two record accesses of one operation, so that it can be interrupted there, as on a database without
   * transactions. Without it every operation is atomic, except a `cancelShard` of a shard that has no record yet.
   */
  readonly step?: (label: string) => Promise<void>;
  /** Called in the same step as each write. If it throws, the operation rejects, but its effect remains. */
  readonly observe?: (event: MemoryStoreEvent) => void;
  /**
   * How many ended tasks are kept. Those that ended first are dropped first, with all their records and idempotency keys.
   *
   * @defaultValue 1000
   */
  readonly keepFinishedTasks?: number;
  /**
   * Drops artifacts that no node of the graph reads any more.
   * - `true`: the artifacts of a finished node, once every node that depends on it or names it in its arguments has
   *   finished too. Nodes without such readers keep theirs.
   * - `"streaming"`: also, while the readers run, each artifact whose outputs all of them have stored, if they stream and
   *   resume, nothing upstream starts over, and the node has no `finalize`.
   *
   * `ARTIFACTS_DROPPED` is then thrown by `task.artifacts` of such a node, in a custom coordinator function that reads it
   * without naming it in its arguments, and in a consumer whose new version cannot resume. A retry runs such a node again.
   * Counts stay correct. `docs/performance.md` describes what else is kept. @defaultValue false
   */
  readonly dropConsumed?: boolean | "streaming";
  /**
   * Types of nodes whose outputs are not needed, such as those that write to a database. If no node reads such a node,
   * its artifacts are dropped as they are stored, and `ARTIFACTS_DROPPED` is thrown by `task.artifacts`, by a `finalize`
   * that reads them and, without `finalize`, by `task.result`. The return value of `finalize` is kept. @defaultValue none
   */
  readonly sinks?: readonly string[];
}

/**
 * A store in the memory of this process: the fastest, and lost when the process ends.
 *
 * @example
 * const store = memoryStore({ keepFinishedTasks: 10 })
 * await store.open()
 * await store.createTask({ id: "t1", graph, params: {}, priority: 0 }) // { outcome: "created", id: "t1" }
 *
 * @throws FlowError `ENGINE_OPTIONS` when an option is out of range
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { state = new MemoryState(), now = systemClock().now, keepFinishedTasks = 1000 } = options;
  const { step, observe, dropConsumed = false } = options;
  checkOptionNames<keyof MemoryStoreOptions>("memoryStore", options, known);
  const range = `keepFinishedTasks must be an integer of at least 0, got ${keepFinishedTasks}`;
  if (!Number.isInteger(keepFinishedTasks) || keepFinishedTasks < 0) throw new FlowError("ENGINE_OPTIONS", range);
  const sinks = new Set(options.sinks);
  const context: StoreContext = { state, now, step, observe, keepFinishedTasks, dropConsumed, sinks };
  return new RecordStore({
    tasks: taskDriver(context),
    shards: shardDriver(context),
    logs: logDriver(context),
    slots: slotDriver(context),
    registry: registryDriver(context),
    open: nothing,
    settle: nothing,
    close: nothing,
  });
}

const ofState = { state: true, now: true, step: true, observe: true } as const;
const known = { ...ofState, keepFinishedTasks: true, dropConsumed: true, sinks: true } as const;

/** There is no connection to open or close. */
const nothing = async (): Promise<void> => {};

/** Beyond this number, the oldest are dropped. */
const mostLetters = 10_000;

function slotDriver({ state: { slots }, observe }: StoreContext): SlotDriver {
  return {
    async take({ key, max }, holder) {
      const holders = slots.get(key) ?? new Map<string, Attempt>();
      const name = holderKey(holder);
      if (holders.has(name)) return "ok";
      if (holders.size >= max) return "full";
      slots.set(key, holders.set(name, holder));
      observe?.({ kind: "slots", key, holders: [...holders.values()] });
      return "ok";
    },
    async free({ key, holder }) {
      const holders = slots.get(key);
      if (holders?.delete(holderKey(holder)) !== true) return;
      if (holders.size === 0) slots.delete(key);
      observe?.({ kind: "slots", key, holders: [...holders.values()] });
    },
    count: async (keys) => keys.map((key) => slots.get(key)?.size ?? 0),
    held: async () => [...slots].flatMap(([key, holders]) => [...holders.values()].map((holder) => ({ key, holder }))),
  };
}

const holderKey = (holder: Attempt): string => `${shardKey(holder)}:${holder.epoch}:${holder.claimId}`;

function registryDriver({ state, now, observe }: StoreContext): RegistryDriver {
  const isKept = ({ until = Number.POSITIVE_INFINITY }: RegistryEntry): boolean => until > now();
  const rowsOf = (kind: RegistryKind) => [...state.registry[kind].values()].filter(({ entry }) => isKept(entry));
  return {
    async update({ kind, id }, judge) {
      const table = state.registry[kind];
      const row = table.get(id);
      const found = row !== undefined && isKept(row.entry) ? row : undefined;
      const { answer, next } = judge(found?.entry, now());
      if (next === null || (next !== undefined && found === undefined)) table.delete(id);
      if (next) table.set(id, { id, pk: found?.pk ?? state.nextPk(), entry: deepFreeze(next) });
      if (next) observe?.({ kind: "entry", of: { kind, id } });
      const [oldest] = table.keys();
      if (kind === "dead_letter" && table.size > mostLetters && oldest !== undefined) table.delete(oldest);
      return answer;
    },
    list: async (kind, query) => pageOf(rowsOf(kind), query, ({ id, entry }) => ({ id, ...entry })),
    async due(kind, limit) {
      const rows = rowsOf(kind).flatMap(({ id, entry: { dueAt: at } }) => (at === undefined ? [] : [{ id, at }]));
      rows.sort((a, b) => a.at - b.at);
      return dueIds(rows.slice(0, limit + 1), limit, now());
    },
  };
}
