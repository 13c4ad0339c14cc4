import { FlowError } from "../../errors/index.ts";
import type { Cause, ShardRef, ShardStatus, TaskStatus } from "./records.ts";

/*
 * Every change of a status, and the operation that may make it. A change that is not in these two tables cannot happen:
 * each store changes its records through them, so a bug above them ends in a refused call, never in a wrong record.
 *
 * A shard
 *   absent      Its node waits for its parents. `dispatch` makes it claimable; `skip` ends it, because its node's
 *               condition does not hold; `adopt` takes over its output from an earlier task, or that it was skipped
 *               there; `cancel` inserts a tombstone, so that a dispatch which was decided before the cancel loses.
 *   queued      May be claimed by one worker. Entered by `dispatch`, and with the next epoch by `requeue` and `expire`.
 *               Left by `claim` or `cancel`; `supersede` gives it the next epoch, so that a claim of this one that is
 *               still in flight cannot win.
 *   running     A worker has the lease. Entered by `claim` only. Left by the owner's outcome (`complete`, `fail`,
 *               `release`), by `expire` when the lease has expired, or by `cancel`, which does not end it yet.
 *   deferred    Waits for a time: before its first attempt, after a failure that may be retried, or without input. Or
 *               for a signal, or for the end of a pause. Left by `requeue`, `wake`, `cancel`.
 *   cancelling  The owner has been asked to stop. Left when it confirms (`confirm_cancelled`), or by `expire` when its
 *               grace period or its lease has ended. Whatever its handler returns: it does not finish or fail.
 *   failed      Terminal. Of an optional node, `close` closes the log of what it had stored, so that its consumers can
 *               read that to the end.
 *   finished, skipped, cancelled
 *               Terminal.
 *   A pause marks the shards of a task that are open: `pause` makes a queued one deferred, and asks a running attempt to
 *   end after its batches. `resume` removes the mark.
 *
 * A task
 *   running     From its creation. `finish` when all nodes have finished; `fail` and `cancel` begin to end it.
 *   cancelling  Waits for its shards to end. `close` makes it `failed` if a failure is recorded, else `cancelled`.
 *   finished, failed, cancelled
 *               Terminal.
 */

type Targets<TStatus extends string, TCause extends string> = Readonly<Partial<Record<TStatus, readonly TCause[]>>>;

export const shardTransitions: Readonly<Record<ShardStatus | "absent", Targets<ShardStatus, Cause>>> = {
  absent: {
    queued: ["dispatch"],
    deferred: ["dispatch"],
    finished: ["adopt"],
    skipped: ["skip", "adopt"],
    cancelled: ["cancel"],
  },
  queued: { running: ["claim"], queued: ["supersede"], deferred: ["pause"], cancelled: ["cancel"] },
  running: {
    running: ["pause", "resume"],
    finished: ["complete"],
    deferred: ["fail", "release", "expire"],
    failed: ["fail", "expire"],
    queued: ["expire"],
    cancelling: ["cancel"],
  },
  deferred: { queued: ["requeue", "wake"], deferred: ["pause", "resume"], cancelled: ["cancel"] },
  cancelling: { cancelled: ["confirm_cancelled", "expire"] },
  finished: {},
  skipped: {},
  failed: { failed: ["close"] },
  cancelled: {},
};

/** The store operation that caused a task's transition. */
export type TaskCause = "create" | "finish" | "fail" | "cancel" | "close";

export const taskTransitions: Readonly<Record<TaskStatus | "absent", Targets<TaskStatus, TaskCause>>> = {
  absent: { running: ["create"] },
  running: { finished: ["finish"], cancelling: ["fail", "cancel"] },
  cancelling: { failed: ["close"], cancelled: ["close"] },
  finished: {},
  failed: {},
  cancelled: {},
};

export interface ShardTransition {
  readonly from: ShardStatus | "absent";
  readonly to: ShardStatus;
  readonly cause: Cause;
}

export interface TaskTransition {
  readonly from: TaskStatus | "absent";
  readonly to: TaskStatus;
  readonly cause: TaskCause;
}

/**
 * @example
 * isShardTransition({ from: "queued", to: "running", cause: "claim" }) // true
 * isShardTransition({ from: "finished", to: "queued", cause: "requeue" }) // false
 */
export const isShardTransition = ({ from, to, cause }: ShardTransition): boolean =>
  shardTransitions[from][to]?.includes(cause) ?? false;

export const isTaskTransition = ({ from, to, cause }: TaskTransition): boolean =>
  taskTransitions[from][to]?.includes(cause) ?? false;

/** @throws FlowError `TRANSITION_REFUSED` with `details` `{ taskId, nodeId, shard, from, to, cause }` */
export function checkShardTransition(ref: ShardRef, transition: ShardTransition): void {
  if (isShardTransition(transition)) return;
  const { taskId, nodeId, shard } = ref;
  const { from, to, cause } = transition;
  throw new FlowError(
    "TRANSITION_REFUSED",
    `task '${taskId}', node '${nodeId}', shard ${shard}: '${cause}' cannot change its status from '${from}' to '${to}'`,
    { details: { taskId, nodeId, shard, from, to, cause } },
  );
}

/** @throws FlowError `TRANSITION_REFUSED` with `details` `{ taskId, from, to, cause }` */
export function checkTaskTransition(taskId: string, transition: TaskTransition): void {
  if (isTaskTransition(transition)) return;
  const { from, to, cause } = transition;
  throw new FlowError(
    "TRANSITION_REFUSED",
    `task '${taskId}': '${cause}' cannot change its status from '${from}' to '${to}'`,
    {
      details: { taskId, from, to, cause },
    },
  );
}
