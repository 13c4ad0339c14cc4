import { match } from "ts-pattern";
import type { EpochRef, ShardRecord } from "./records.ts";
import { transitionShard, waitUntil } from "./shard-transition.ts";

/* How coordinators change a shard's record. Pure, like the transitions of an attempt. */

/** The cancelled record; `undefined` if a shard in this status does not change. */
export function cancelShard(
  record: ShardRecord,
  by: { readonly graceMs: number; readonly now: number },
): ShardRecord | undefined {
  return match(record.status)
    .with("queued", "deferred", () => transitionShard(record, { to: "cancelled", cause: "cancel", at: by.now }))
    .with("running", () =>
      transitionShard(record, {
        to: "cancelling",
        cause: "cancel",
        at: by.now,
        set: { cancelBy: by.now + by.graceMs, ...(record.lease === undefined ? {} : { lease: record.lease }) },
      }),
    )
    .with("cancelling", "finished", "skipped", "failed", "cancelled", () => undefined)
    .exhaustive();
}

/** The record of a failed shard whose log has been closed at `count`; `undefined` if it does not change. */
export function closeShard(
  record: ShardRecord,
  at: { readonly count: number; readonly failedBatches: number; readonly now: number },
): ShardRecord | undefined {
  const { status, count, failure } = record;
  if (status !== "failed" || count !== undefined) return undefined;
  const set = {
    count: at.count,
    ...(at.failedBatches === 0 ? {} : { failedBatches: at.failedBatches }),
    ...(failure === undefined ? {} : { failure }),
  };
  return transitionShard(record, { to: "failed", cause: "close", at: at.now, set });
}

/** Store time from which `expire` may take the lease; `undefined` without a lease. */
export function expiresAt(record: ShardRecord): number | undefined {
  if (record.lease === undefined) return undefined;
  return Math.min(record.lease.deadline, record.cancelBy ?? Number.POSITIVE_INFINITY);
}

/**
 * The record without its lease; `undefined` if it was renewed or changed.
 *
 * Lost leases are counted while the log is not longer than at any earlier loss. Output that starts over counts as
 * progress only once it is longer than what it replaces, so a batch that kills its worker always ends the shard.
 *
 * @param by.stored - the length of the log of the record's generation
 */
export function expireShard(
  record: ShardRecord | undefined,
  ref: EpochRef,
  by: { readonly maxLost: number; readonly stored: number; readonly now: number },
): ShardRecord | undefined {
  if (record === undefined || record.epoch !== ref.epoch || record.lease === undefined) return undefined;
  if ((expiresAt(record) ?? Number.POSITIVE_INFINITY) > by.now) return undefined;
  const move = { cause: "expire", at: by.now, workerId: record.lease.workerId } as const;
  if (record.status === "cancelling") return transitionShard(record, { ...move, to: "cancelled" });
  const longest = record.storedAtLoss ?? 0;
  const lost = by.stored > longest ? 1 : record.lost + 1;
  const storedAtLoss = Math.max(longest, by.stored);
  if (lost <= by.maxLost) {
    if (record.paused !== undefined) {
      return transitionShard(record, {
        ...move,
        to: "deferred",
        set: { lost, storedAtLoss, ...waitUntil(by.now, true) },
      });
    }
    const set = { epoch: record.epoch + 1, readyAt: by.now, lost, storedAtLoss };
    return transitionShard(record, { ...move, to: "queued", set });
  }
  return transitionShard(record, {
    ...move,
    to: "failed",
    reasonCode: "worker_lost",
    set: {
      lost,
      storedAtLoss,
      failure: {
        nodeId: record.nodeId,
        reasonCode: "worker_lost",
        message: `${lost} workers in a row lost their lease without storing a batch; the last was '${record.lease.workerId}'`,
        shard: record.shard,
        epoch: record.epoch,
      },
    },
  });
}

/** The record, requeued; `undefined` unless it is deferred with this epoch and due. */
export function requeueShard(
  record: ShardRecord | undefined,
  ref: EpochRef,
  at: { readonly now: number },
): ShardRecord | undefined {
  if (record === undefined || record.status !== "deferred" || record.epoch !== ref.epoch) return undefined;
  if (record.dueAt === undefined || record.dueAt > at.now) return undefined;
  return queuedAgain(record, "requeue", at);
}

function queuedAgain(record: ShardRecord, cause: "requeue" | "wake", at: { readonly now: number }): ShardRecord {
  const set = { epoch: record.epoch + 1, readyAt: at.now };
  return transitionShard(record, { to: "queued", cause, at: at.now, set });
}

/** The record, queued before it is due; `undefined` unless it waits with this epoch for its first attempt. */
export function wakeShard(
  record: ShardRecord | undefined,
  ref: EpochRef,
  at: { readonly now: number },
): ShardRecord | undefined {
  if (record === undefined || !mayWake(record) || record.epoch !== ref.epoch) return undefined;
  return queuedAgain(record, "wake", at);
}

/** Whether it waits for a signal: no attempt has begun, and its task is not paused. */
export const mayWake = ({ status, epoch, paused }: ShardRecord): boolean =>
  status === "deferred" && epoch === 1 && paused === undefined;

/** The record of a shard whose task is paused; `undefined` if it is marked already, or has ended. */
export function pauseShard(record: ShardRecord, at: { readonly now: number }): ShardRecord | undefined {
  const { status, dueAt, lease } = record;
  if (record.paused !== undefined) return undefined;
  const move = { cause: "pause", at: at.now } as const;
  if (status === "queued") return transitionShard(record, { ...move, to: "deferred", set: waitUntil(at.now, true) });
  if (status === "deferred") {
    const set = waitUntil(dueAt ?? Number.POSITIVE_INFINITY, true);
    return transitionShard(record, { ...move, to: "deferred", set });
  }
  if (status !== "running" || lease === undefined) return undefined;
  return transitionShard(record, { ...move, to: "running", set: { lease, paused: {} } });
}

/** The record without the mark of a pause; `undefined` if it has none. */
export function resumeShard(record: ShardRecord, at: { readonly now: number }): ShardRecord | undefined {
  const { status, paused, lease } = record;
  if (paused === undefined) return undefined;
  const move = { cause: "resume", at: at.now } as const;
  if (status === "deferred") return transitionShard(record, { ...move, to: "deferred", set: paused });
  if (status !== "running" || lease === undefined) return undefined;
  return transitionShard(record, { ...move, to: "running", set: { lease } });
}

/** The record, queued with the next epoch; `undefined` unless it is queued with this one. */
export function supersedeShard(
  record: ShardRecord | undefined,
  ref: EpochRef,
  at: { readonly now: number },
): ShardRecord | undefined {
  if (record === undefined || record.status !== "queued" || record.epoch !== ref.epoch) return undefined;
  return transitionShard(record, { to: "queued", cause: "supersede", at: at.now, set: { epoch: record.epoch + 1 } });
}
