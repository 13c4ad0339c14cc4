import { isClosed, type ShardRecord, shardKey } from "../../../src/core/model/records.ts";
import type { LogRow, TaskEvidence } from "../evidence.ts";

/** Laws 1 and 2, by the logs: no gaps, no duplicates, epochs in order, no row with a late fence. */
export function checkLogs({ shards, rows }: TaskEvidence): string[] {
  const wrong: string[] = [];
  const uids = new Set<string>();
  for (const { nodeId, generation, artifact, isMarker } of rows) {
    if (isMarker) continue;
    const uid = `${nodeId}/${generation}/${artifact.uid}`;
    if (uids.has(uid)) wrong.push(`node ${nodeId}: uid ${artifact.uid} twice in generation ${generation}`);
    uids.add(uid);
  }
  const logs = Map.groupBy(rows, (row) => `${row.nodeId}:${row.shard}`);
  for (const record of shards) {
    const own = logs.get(`${record.nodeId}:${record.shard}`) ?? [];
    logs.delete(`${record.nodeId}:${record.shard}`);
    for (const what of checkShard(record, own)) wrong.push(`${shardKey(record)}: ${what}`);
  }
  for (const key of logs.keys()) wrong.push(`${key} has artifacts but no record`);
  return wrong;
}

function checkShard(record: ShardRecord, rows: readonly LogRow[]): string[] {
  const wrong: string[] = [];
  for (const [generation, unordered] of Map.groupBy(rows, (row) => row.generation)) {
    if (generation > record.generation) wrong.push(`artifacts of generation ${generation} of ${record.generation}`);
    const log = unordered.toSorted((a, b) => a.artifact.seq - b.artifact.seq);
    const gap = log.findIndex(({ artifact }, index) => artifact.seq !== index);
    if (gap >= 0) wrong.push(`generation ${generation}: seq ${log[gap]?.artifact.seq} at position ${gap}`);
    const marker = log.findIndex(({ isMarker }) => isMarker);
    if (marker >= 0 && marker !== log.length - 1) wrong.push(`generation ${generation}: rows after its marker`);
    for (const [index, { artifact, isMarker }] of log.entries()) {
      if (isMarker && record.status === "failed") continue; // closed by a coordinator
      const before = log[index - 1]?.artifact.epoch ?? 0;
      if (artifact.epoch < before) {
        wrong.push(`generation ${generation}: epoch ${artifact.epoch} after ${before} at seq ${artifact.seq}`);
      }
    }
  }
  for (const row of rows) wrong.push(...checkFence(record, row));
  if (record.status === "skipped" ? rows.length === 0 : !isClosed(record)) return wrong;
  const last = rows.filter(({ generation }) => generation === record.generation);
  const stored = last.filter(({ isMarker }) => !isMarker).length;
  if (stored !== record.count) wrong.push(`${record.status} with count ${record.count} and ${stored} artifacts`);
  if (stored === last.length) wrong.push(`${record.status}, but its log has no marker`);
  return wrong;
}

/**
 * The fence of a row was read while its attempt had the lease. The server's clock stamps a transition when its record
 * is read, possibly long before it is written; but the process that made the next transition has read that write.
 */
function checkFence(record: ShardRecord, { artifact, fenceReadAt, isMarker, isAdopted }: LogRow): string[] {
  if (isAdopted) return [];
  const { epoch, seq } = artifact;
  const { history } = record;
  const what = isMarker ? "the marker" : `artifact ${seq}`;
  if (isMarker && record.status === "failed") return [];
  if (epoch > record.epoch) return [`${what} of epoch ${epoch}, but the shard is at ${record.epoch}`];
  if (fenceReadAt === undefined) return [];
  const claim = history.find((entry) => entry.cause === "claim" && entry.epoch === epoch);
  if (claim !== undefined && fenceReadAt < claim.at) return [`${what} was written before its epoch was claimed`];
  const end = history.findIndex((entry) => entry.from === "running" && entry.to !== "running" && entry.epoch === epoch);
  const next = end < 0 ? undefined : history[end + 1];
  if (next === undefined || fenceReadAt <= next.at) return [];
  const lateMs = fenceReadAt - next.at;
  return [
    `${what} of epoch ${epoch}: its fence was read ${lateMs} ms after '${history[end]?.cause}' and '${next.cause}'`,
  ];
}
