import type { ShardRecord, ShardRef } from "../../engine/model.ts";
import type { CheckParts } from "./check-parts.ts";
import { sourcesOf } from "./sources-of.ts";
import { isFinished } from "./start-condition.ts";

/**
 * A finished shard has its log closed at `count`; what it read has finished before, in the generation that it read. Only
 * the record says so: a log that is closed may belong to a generation that is withdrawn.
 */
export function checkFinish(
  { state, workload, journal }: Pick<CheckParts, "state" | "workload" | "journal">,
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const log = state.shard(record)?.logs[record.generation];
  if (log?.closed !== true) violated(record, "finished with its log open");
  if (record.count !== log?.length) violated(record, `finished with ${record.count} of ${log?.length} artifacts`);
  const task = state.tasks.get(record.taskId);
  const node = task?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
  if (workload.isKnown && task !== undefined && node !== undefined) {
    const open = sourcesOf(node, record).filter((id) => !isFinished(task, id));
    if (open.length > 0) violated(record, `finished before ${open.join()}, which it reads`);
    if (node.io?.fn === undefined && workload.hasFinalize(node.type)) checkSummary(journal, record, violated);
  }
  for (const [source, generation] of Object.entries(record.sourceGens)) {
    const [nodeId = "", shard] = source.split("/");
    const from = state.shard({ taskId: record.taskId, nodeId, shard: Number(shard) })?.record;
    if (from?.status !== "finished" || from.generation !== generation) {
      const found = `${from?.status} in generation ${from?.generation}`;
      violated(record, `finished on generation ${generation} of ${source}, which is ${found}`);
    }
  }
}

/** `finalize` saw each batch of the log once, and what it measured. */
function checkSummary(
  { archive, counts }: CheckParts["journal"],
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const artifacts = archive.of(record);
  const rows = artifacts.reduce((sum, { metrics }) => sum + (metrics.rows ?? 0), 0);
  const seen = record.result as { readonly batches?: number; readonly rows?: number } | undefined;
  counts.totalsChecked++;
  if (seen?.batches !== artifacts.length) {
    violated(record, `finalize saw ${seen?.batches} of ${artifacts.length} batches`);
  }
  if (seen?.rows !== rows) violated(record, `finalize got a total of ${seen?.rows}, its batches measured ${rows}`);
}
