import type { JsonObject } from "../../../errors/index.ts";
import type { Artifact, Attempt, ShardRecord } from "../../model/records.ts";
import type { NodePlan, Plan } from "../../plan/index.ts";
import type { AttemptHandle } from "../attempt/attempt-handle.ts";
import type { AttemptRun, Continued, NextNode } from "../attempt/attempt-run.ts";

export interface Claimed {
  readonly claim: Attempt;
  readonly record: ShardRecord;
  /** Read before the claim: another process may give up on this attempt and delete the task afterwards. */
  readonly task: CachedTask;
  readonly node: NodePlan;
  /** Monotonic time at which the claim was requested. */
  readonly askedAt: number;
  /** The nodes that used its slot in a row before it. */
  readonly row: Row;
  /** All that its first parent stored, if that ran in this worker just before. */
  readonly handedOver: readonly Artifact[] | undefined;
}

/** The nodes that one slot was used for without a look at the queue. */
export interface Row {
  readonly count: number;
  /** Monotonic time at which the first of them was claimed. */
  readonly since: number;
  /** Monotonic time of the last message about one of them. */
  readonly toldAt: number;
}

/** The parts of a task that never change while its record exists. */
export interface CachedTask {
  readonly plan: Plan;
  readonly params: JsonObject;
  readonly traceparent: string | undefined;
  /** It takes over the output of an earlier task, or does not start before some time: only coordinators start its nodes. */
  readonly byCoordinators: boolean;
}

/** A node that is claimed for the slot of the one before it. */
export interface Following extends Continued {
  readonly claimed: Claimed;
}

/** A node for which that slot is reserved. */
export interface NextClaimed extends Omit<NextNode, "begin"> {
  begin(claimed: ShardRecord | undefined): Following | undefined;
}

/** An attempt that this worker runs, with what it claimed. */
export interface HeldClaim {
  readonly held: AttemptHandle;
  readonly claimed: Claimed;
}

export interface HeldRun extends AttemptRun {
  /** The next node of its task, which runs in its slot. */
  follower: HeldClaim | undefined;
}
