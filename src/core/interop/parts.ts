import type { Logger } from "../../definitions/index.ts";
import { cancelMessage, topics } from "../messages/messages.ts";
import type { EpochRef, ShardRecord, ShardRef, TaskRecord } from "../model/records.ts";
import type { NodePlan, Plan, PlanCache } from "../plan/index.ts";
import type { Bus, Clock, ExternalRows, Ids, Random, Store } from "../ports/index.ts";
import type { ExternalTypes } from "./nodes.ts";

/** What a coordinator uses to act for external workers. */
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
  /** How long a command may wait for a worker before it counts as lost, in ms; doubles each time in a row. */
  readonly acceptMs: number;
  /** Called when this node changed. */
  readonly nodeChanged: (taskId: string, nodeId: string) => Promise<void>;
  /** Called when this shard stored a further batch. */
  readonly progressed: (ref: ShardRef) => void;
  /** Called when a retry is due in this many ms. */
  readonly dueIn: (ms: number) => void;
}

/** The maximum number of artifacts of a node that an external worker reads. */
export const longestSource = 200;

export async function readRecord(store: Store, ref: ShardRef): Promise<ShardRecord | undefined> {
  const records = await store.readShards(ref.taskId, [ref.nodeId]);
  return records.find(({ shard }) => shard === ref.shard);
}

export interface PlannedNode {
  readonly task: TaskRecord;
  readonly plan: Plan;
  readonly node: NodePlan;
}

/** The task and the plan of one of its nodes; `undefined` if one does not exist. */
export async function readPlan(
  { store, plans }: Pick<ExternalParts, "store" | "plans">,
  ref: ShardRef,
): Promise<PlannedNode | undefined> {
  const task = await store.readTask(ref.taskId);
  if (task === undefined) return undefined;
  const plan = plans.get(task.graph);
  const node = plan.byId.get(ref.nodeId);
  return node && { task, plan, node };
}

/** Asks a worker to stop an attempt. */
export async function sendCancel(
  bus: Bus,
  to: { readonly ref: EpochRef; readonly type: string; readonly workerId: string; readonly reason: string },
): Promise<void> {
  const { ref, type, workerId } = to;
  await bus.publish(topics.signals, workerId, cancelMessage({ ...ref, type }, to));
}
