import type { MemoryState } from "../../adapters/memory/index.ts";
import type { ShardRecord, ShardRef } from "../../engine/model.ts";

/** A finished shard has its log closed at `count`, and what it read is what its sources finished with. */
export function checkFinish(
  state: MemoryState,
  record: ShardRecord,
  violated: (ref: ShardRef, what: string) => void,
): void {
  const log = state.shard(record)?.logs[record.generation];
  if (log?.closed !== true) violated(record, "finished with its log open");
  if (record.count !== log?.length) violated(record, `finished with ${record.count} of ${log?.length} artifacts`);
  for (const [source, generation] of Object.entries(record.sourceGens)) {
    const [nodeId = "", shard] = source.split("/");
    const from = state.shard({ taskId: record.taskId, nodeId, shard: Number(shard) })?.record;
    if (from?.status !== "finished" || from.generation !== generation) {
      const found = `${from?.status} in generation ${from?.generation}`;
      violated(record, `finished on generation ${generation} of ${source}, which is ${found}`);
    }
  }
}
