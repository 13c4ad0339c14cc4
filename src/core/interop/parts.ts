import type { Logger } from "../../definitions/index.ts";
import { cancelTokenOf } from "../messages/messages.ts";
import { topics } from "../messages/topics.ts";
import { type EpochRef, epochRef, type ShardRecord, type ShardRef, type TaskRecord } from "../model/records.ts";
import type { NodePlan, Plan, PlanCache } from "../plan/index.ts";
import type { Bus, Clock, ExternalRows, Ids, Random, Store } from "../ports/index.ts";
import type { ExternalTypes } from "./nodes.ts";

/** What a coordinator works for external workers with. */
export interface ExternalParts {
  readonly coordinatorId: string;
  readonly store: Store;
  readonly rows: ExternalRows;
  readonly bus: Bus;
  readonly plans: PlanCache;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly logger: Logger;
  readonly external: ExternalTypes;
  /** How long a command may wait for a worker before it counts as lost, in ms; each time in a row twice as long. */
  readonly acceptMs: number;
  /** Something about this node changed. */
  readonly nodeChanged: (taskId: string, nodeId: string) => Promise<void>;
  /** It got a further batch. */
  readonly progressed: (ref: ShardRef) => void;
  /** A retry is due in this many ms. */
  readonly dueIn: (ms: number) => void;
}

/** Such a worker reads no more artifacts of a node. */
export const longestSource = 200;

export async function readRecord(store: Store, ref: ShardRef): Promise<ShardRecord | undefined> {
  const records = await store.readShards(ref.taskId, [ref.nodeId]);
  return records.find(({ shard }) => shard === ref.shard);
}

/** The task with the plan of one of its nodes; `undefined`: there is no such thing. */
export async function readPlan(
  { store, plans }: Pick<ExternalParts, "store" | "plans">,
  ref: ShardRef,
): Promise<{ readonly task: TaskRecord; readonly plan: Plan; readonly node: NodePlan } | undefined> {
  const task = await store.readTask(ref.taskId);
  if (task === undefined) return undefined;
  const plan = plans.get(task.graph);
  const node = plan.byId.get(ref.nodeId);
  return node && { task, plan, node };
}

/** Tells a worker to stop what it does for this epoch. */
export async function sendCancel(
  bus: Bus,
  to: { readonly ref: EpochRef; readonly type: string; readonly workerId: string; readonly reason: string },
): Promise<void> {
  const address = { ...epochRef(to.ref), type: to.type };
  await bus.publish(topics.signals, to.workerId, {
    kind: "CANCEL",
    ...address,
    targetWorkerId: to.workerId,
    reason: to.reason,
    cancelToken: cancelTokenOf(address),
  });
}
