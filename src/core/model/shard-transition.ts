import {
  type CarriedOutput,
  type Cause,
  type HistoryEntry,
  historyLimit,
  logOf,
  type ShardRecord,
  type ShardRef,
  type ShardStatus,
} from "./records.ts";
import { checkShardTransition } from "./transitions.ts";

/** Fields that only {@link transitionShard} writes. */
type Fixed = keyof ShardRef | "type" | "priority" | "status" | "history";

export interface ShardChange {
  readonly to: ShardStatus;
  readonly cause: Cause;
  /** Store time. */
  readonly at: number;
  readonly workerId?: string;
  readonly reasonCode?: string;
  readonly message?: string;
  readonly set?: Partial<Omit<ShardRecord, Fixed>>;
}

/**
 * The record after a transition: checked against the table, with an entry in its history. Fields that belong to the
 * previous status (`lease`, `dueAt`, `paused`, `cancelBy`) are dropped unless the transition sets them.
 *
 * @throws FlowError `TRANSITION_REFUSED`
 */
export function transitionShard(record: ShardRecord, move: ShardChange): ShardRecord {
  checkShardTransition(record, { from: record.status, to: move.to, cause: move.cause });
  // Written out because every claim and outcome runs it: copying with a rest pattern takes several times as long. A
  // test has a record with every field, so that a new one cannot be forgotten here.
  const next = {
    taskId: record.taskId,
    nodeId: record.nodeId,
    shard: record.shard,
    epoch: record.epoch,
    type: record.type,
    priority: record.priority,
    status: move.to,
    readyAt: record.readyAt,
    failures: record.failures,
    lost: record.lost,
    yields: record.yields,
    generation: record.generation,
    sourceGens: record.sourceGens,
    history: withEntry(record, move),
  };
  if (record.chosen !== undefined) Object.assign(next, { chosen: record.chosen });
  if (record.lastClaimId !== undefined) Object.assign(next, { lastClaimId: record.lastClaimId });
  if (record.storedAtLoss !== undefined) Object.assign(next, { storedAtLoss: record.storedAtLoss });
  if (record.checkpoint !== undefined) Object.assign(next, { checkpoint: record.checkpoint });
  if (record.checkpointIndex !== undefined) Object.assign(next, { checkpointIndex: record.checkpointIndex });
  if (record.tries !== undefined && move.to !== "finished") Object.assign(next, { tries: record.tries });
  if (record.cursors !== undefined) Object.assign(next, { cursors: record.cursors });
  if (record.progress !== undefined) Object.assign(next, { progress: record.progress });
  if (record.carried !== undefined) Object.assign(next, { carried: record.carried });
  return Object.assign(next, move.set);
}

/** The record that a dispatch or a skip inserts, or the tombstone of a cancel. */
export function createShard(
  ref: ShardRef,
  init: {
    readonly type: string;
    readonly priority: number;
    readonly chosen?: readonly string[];
    readonly carried?: CarriedOutput | undefined;
    readonly delayMs?: number;
    readonly notBefore?: number | undefined;
    readonly paused?: boolean | undefined;
    readonly status: "queued" | "skipped" | "cancelled";
    readonly at: number;
  },
): ShardRecord {
  const { at, carried, delayMs = 0, notBefore = at, paused = false } = init;
  const cause = ({ queued: "dispatch", skipped: "skip", cancelled: "cancel" } as const)[init.status];
  const dueAt = Math.max(at, notBefore) + delayMs;
  const waits = cause === "dispatch" && (paused || dueAt > at);
  const status = waits ? "deferred" : init.status;
  checkShardTransition(ref, { from: "absent", to: status, cause });
  const record: ShardRecord = {
    taskId: ref.taskId,
    nodeId: ref.nodeId,
    shard: ref.shard,
    epoch: 1,
    type: init.type,
    priority: init.priority,
    status,
    readyAt: at,
    failures: 0,
    lost: 0,
    yields: 0,
    generation: 0,
    sourceGens: noSourceGens,
    history: [{ n: 0, epoch: 1, from: "absent", to: status, at, cause }],
  };
  if (carried !== undefined) Object.assign(record, continuing(carried));
  if (init.chosen !== undefined) Object.assign(record, { chosen: init.chosen });
  if (waits) Object.assign(record, waitUntil(dueAt, paused));
  if (status === "skipped") Object.assign(record, { count: 0 }); // it has stored nothing, and never will
  return record;
}

const noSourceGens: ShardRecord["sourceGens"] = Object.freeze({});

/** What a deferred shard waits for; `Infinity`: a signal. */
export function waitUntil(at: number, paused: boolean): Pick<ShardRecord, "dueAt" | "paused"> {
  const due = at === Number.POSITIVE_INFINITY ? {} : { dueAt: at };
  return paused ? { paused: due } : due;
}

/** Includes the checkpoint: it is not read before all batches that it relies on are copied. */
const continuing = ({ log, ...output }: CarriedOutput) => ({ generation: log.generation, ...output, carried: log });

/** The record of a shard that adopts the output of a shard in an earlier task, or its skip. */
export function adoptShard(
  ref: ShardRef,
  from: {
    readonly type: string;
    readonly priority: number;
    readonly ended: ShardRecord;
    readonly at: number;
  },
): ShardRecord {
  const { type, priority, ended, at } = from;
  const { status, generation, sourceGens, chosen, count = 0, failedBatches, result, metrics } = ended;
  checkShardTransition(ref, { from: "absent", to: status, cause: "adopt" });
  const { taskId, nodeId, shard } = logOf(ended);
  return {
    taskId: ref.taskId,
    nodeId: ref.nodeId,
    shard: ref.shard,
    epoch: 1,
    type,
    priority,
    status,
    readyAt: at,
    failures: 0,
    lost: 0,
    yields: 0,
    generation,
    sourceGens,
    ...(chosen === undefined ? {} : { chosen }),
    count,
    ...(failedBatches === undefined ? {} : { failedBatches }),
    ...(result === undefined ? {} : { result }),
    ...(metrics === undefined ? {} : { metrics }),
    artifactsOf: { taskId, nodeId, shard },
    history: [{ n: 0, epoch: 1, from: "absent", to: status, at, cause: "adopt" }],
  };
}

const maxMessage = 500;

/** Short, since every entry of the history may have a message. Well-formed, since a store may refuse a lone surrogate. */
export const shortMessage = (text: string): string =>
  text.length <= maxMessage ? text : `${text.slice(0, maxMessage - 1)}…`.toWellFormed();

function withEntry(record: ShardRecord, move: ShardChange): readonly HistoryEntry[] {
  const { history } = record;
  const last = history.at(-1);
  const { epoch, status: from } = record;
  const { to, at, cause, workerId, reasonCode, message } = move;
  const n = last === undefined ? 0 : last.n + 1;
  const entry: HistoryEntry =
    workerId !== undefined && reasonCode === undefined && message === undefined
      ? { n, epoch, from, to, at, cause, workerId } // nearly all transitions
      : {
          ...{ n, epoch, from, to, at, cause },
          ...(workerId === undefined ? {} : { workerId }),
          ...(reasonCode === undefined ? {} : { reasonCode }),
          ...(message === undefined ? {} : { message: shortMessage(message) }),
        };
  return history.length < historyLimit ? [...history, entry] : [...history.slice(1 - historyLimit), entry];
}
