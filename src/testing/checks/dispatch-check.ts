import type { MemoryState } from "../../adapters/memory/index.ts";
import type { ShardRecord, ShardRef } from "../../engine/model.ts";
import { startCondition } from "./start-condition.ts";

/** Law 5, first half: no child starts before its fan-in and start condition hold. */
export function checkDispatch(
  state: MemoryState,
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const task = state.tasks.get(record.taskId);
  const node = task?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
  if (task === undefined || node === undefined) {
    violated(record, "dispatched, and no node of its graph");
    return;
  }
  const { needed, satisfied } = startCondition(task, node);
  if (satisfied.length < needed) violated(record, `started with ${satisfied.length} of ${needed} parents satisfied`);
  const { chosen } = record;
  if ((node.fan_in ?? "all") === "all" || node.depends_on.length === 0) return;
  if (chosen === undefined || chosen.length < needed || chosen.some((id) => !satisfied.includes(id))) {
    violated(record, `chose ${chosen?.join()} of the satisfied ${satisfied.join()}`);
  }
}
