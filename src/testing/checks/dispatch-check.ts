import type { MemoryState } from "../../adapters/memory/index.ts";
import type { ShardRecord, ShardRef } from "../../engine/model.ts";

/** Law 5: no child starts before its fan-in and start condition hold, as the records themselves say. */
export function checkDispatch(
  state: MemoryState,
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const task = state.tasks.get(record.taskId);
  const node = task?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
  if (task === undefined || node === undefined) return violated(record, "dispatched, and no node of its graph");
  const partitionsOf = (id: string) => task.record.graph.nodes.find(({ node_id }) => node_id === id)?.partitions ?? 1;
  const satisfied = node.depends_on.filter((id) => {
    const shards = task.nodes.get(id)?.shards ?? [];
    const finished = shards.filter((entry) => entry?.record.status === "finished").length === partitionsOf(id);
    const streams = node.io?.start_when === "first_batch";
    return finished || (streams && shards.some((entry) => entry?.logs.some((log) => (log?.length ?? 0) > 0)));
  });
  const parents = node.depends_on.length;
  const fanIn = node.fan_in ?? "all";
  const needed = fanIn === "all" || parents === 0 ? parents : fanIn === "any" ? 1 : Number(fanIn.slice(6));
  if (satisfied.length < needed) violated(record, `started with ${satisfied.length} of ${needed} parents satisfied`);
  const { chosen } = record;
  if (fanIn === "all" || parents === 0) return;
  if (chosen === undefined || chosen.length < needed || chosen.some((id) => !satisfied.includes(id))) {
    violated(record, `chose ${chosen?.join()} of the satisfied ${satisfied.join()}`);
  }
}
