import type { TaskRecord } from "../core/model/records.ts";
import { PlanCache } from "../core/plan/index.ts";
import type { Store } from "../core/ports/index.ts";
import { systemClock } from "../core/ports/system.ts";
import { StoreRetry } from "../core/resilience/store-retry.ts";
import type { FailingInputParts } from "../core/tasks/failed-batches.ts";
import { noSuchTask } from "../core/tasks/task-reader.ts";
import type { InputAdapterDefinition } from "../definitions/index.ts";
import type { Client } from "../engine/client.ts";
import { FlowError } from "../errors/index.ts";
import { nearName } from "../graph/format/near-name.ts";
import type { GraphNode } from "../graph/index.ts";

/** The sources that the views read from. */
export interface Reading {
  readonly client: Client;
  readonly store: Store;
  /** Used to rebuild the input of a batch. */
  readonly input: FailingInputParts;
}

export function readingOf(client: Client, store: Store, adapters: readonly InputAdapterDefinition[]): Reading {
  const inputAdapters = new Map(adapters.map((adapter) => [adapter.name, adapter]));
  const retry = new StoreRetry(systemClock({ unref: true }));
  return { client, store, input: { store, retry, plans: new PlanCache(), inputAdapters } };
}

/** @throws FlowError `TASK_UNKNOWN` */
export async function readRecord({ store }: Reading, taskId: string): Promise<TaskRecord> {
  const record = await store.readTask(taskId);
  if (record !== undefined) return record;
  throw noSuchTask(taskId);
}

/** @throws FlowError `NODE_UNKNOWN` */
export function nodeIn({ id, graph }: TaskRecord, nodeId: string): GraphNode {
  const node = graph.nodes.find((each) => each.node_id === nodeId);
  if (node !== undefined) return node;
  const ids = graph.nodes.map((each) => each.node_id);
  const near = nearName(nodeId, ids);
  const hint = near === undefined ? "" : `: did you mean '${near}'?`;
  throw new FlowError("NODE_UNKNOWN", `task ${id} has no node '${nodeId}'${hint}`, { details: { taskId: id, nodeId } });
}
