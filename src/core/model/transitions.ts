import { FlowError } from "../../errors/index.ts";
import type { Cause, ShardRef, ShardStatus, TaskStatus } from "./records.ts";

/*
 * Every change of a status, and who may make it. What isn't in these two tables can't happen: each store moves its
 * records through them, so a mistake anywhere above ends as a refused call, never as a wrong record.
 *
 * A shard
 *   absent      Its node waits for its parents. `dispatch` lets it be claimed; `adopt` takes over what it did in an
 *               earlier task; `cancel` leaves a tombstone instead, so that a dispatch which was decided before the
 *               cancel finds the place taken.
 *   queued      May be claimed by one worker. Entered by `dispatch`, and with the next epoch by `requeue` and `expire`.
 *               Left by `claim` or `cancel`; `supersede` gives it the next epoch, so that a claim of this one, which may
 *               still be on its way, can't win.
 *   running     A worker holds the lease. Entered by `claim` only. Left by the holder's own outcome (`complete`, `fail`,
 *               `release`), by `expire` when the lease ran out, or by `cancel`, which doesn't end it yet.
 *   deferred    Waits for a time: after a failure that may be retried, or for want of input. Left by `requeue`, `cancel`.
 *   cancelling  The holder has been asked to stop. Left when it says it did (`confirm_cancelled`), or by `expire` when
 *               its grace or its lease ran out. Whatever its handler returns: never finished, never failed.
 *   finished, failed, cancelled
 *               Terminal: nothing leaves them.
 *
 * A task
 *   running     From its creation. `finish` when all nodes finished; `fail` and `cancel` begin to end it.
 *   cancelling  Waits for its shards to end. `close` makes it `failed` when a failure is recorded, else `cancelled`.
 *   finished, failed, cancelled
 *               Terminal.
 */

type Targets<TStatus extends string, TCause extends string> = Readonly<Partial<Record<TStatus, readonly TCause[]>>>;

export const shardTransitions: Readonly<Record<ShardStatus | "absent", Targets<ShardStatus, Cause>>> = {
  absent: { queued: ["dispatch"], finished: ["adopt"], cancelled: ["cancel"] },
  queued: { running: ["claim"], queued: ["supersede"], cancelled: ["cancel"] },
  running: {
    finished: ["complete"],
    deferred: ["fail", "release"],
    failed: ["fail", "expire"],
    queued: ["expire"],
    cancelling: ["cancel"],
  },
  deferred: { queued: ["requeue"], cancelled: ["cancel"] },
  cancelling: { cancelled: ["confirm_cancelled", "expire"] },
  finished: {},
  failed: {},
  cancelled: {},
};

/** What moved a task: the store operation. */
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
