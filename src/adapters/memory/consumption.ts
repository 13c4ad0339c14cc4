import { type Origin, sourceKey } from "../../core/model/records.ts";
import { type Reading, readingsOf } from "../../core/store/readings.ts";
import type { ArtifactLog } from "./artifact-log.ts";
import type { OpenReading, ShardEntry, TaskEntry } from "./memory-state.ts";

/**
 * Drops what nobody will read any more: a shard of a node has just finished, so the node's sources may have lost their
 * last reader, and the node itself may have lost it before (under `any` a reader may end before what it didn't choose).
 */
export function dropConsumedBy(finished: ShardEntry): void {
  const { task, node, record } = finished;
  const reading = readingOf(task, record.nodeId);
  if (reading === undefined || node.finishedShards !== reading.partitions) return;
  for (const source of reading.sources) {
    const read = readingOf(task, source);
    if (read === undefined) continue;
    read.openReaders--;
    dropWhenRead(task, source, read);
  }
  dropWhenRead(task, record.nodeId, reading);
}

function dropWhenRead(task: TaskEntry, nodeId: string, reading: OpenReading): void {
  const node = task.nodes.get(nodeId);
  if (node === undefined || node.finishedShards !== reading.partitions) return;
  if (reading.readers.length === 0 || reading.openReaders > 0) return;
  for (const entry of node.shards) for (const log of entry?.logs ?? []) log?.drop();
}

/** `undefined`: the graph has no such node. */
function readingOf(task: TaskEntry, nodeId: string): OpenReading | undefined {
  const opened = (of: Reading): OpenReading => ({ ...of, openReaders: of.readers.length, isSteady: false });
  task.readings ??= new Map([...readingsOf(task.record.graph)].map(([id, of]) => [id, opened(of)]));
  return task.readings.get(nodeId);
}

/*
 * Dropping while the graph runs. A reader's place in a source is the origin of the last artifact in its own log: that is
 * where each later attempt of it goes on. So what stands before it in the source is read again by nobody, if
 * - every shard of every reader has such a place, or has finished: one that gathers, or that hasn't begun, has none;
 * - no reader starts its output over, which happens when its own handler doesn't resume, or when a source of its has
 *   started over: so nothing upstream of it may, nor have done so without its readers having noticed;
 * - the source doesn't read its own log again.
 * Who doesn't run says nothing about this, and keeps what is there.
 */

/** This reader has just stored a batch that came from here. */
export function dropReadBy(reader: ShardEntry, { source }: Origin): void {
  const { task } = reader;
  const slash = source.lastIndexOf("/");
  const nodeId = source.slice(0, slash);
  const entry = slash < 0 ? undefined : task.nodes.get(nodeId)?.shards[Number(source.slice(slash + 1))];
  const log = entry?.logs[entry.record.generation];
  if (entry === undefined || log === undefined || task.record.status !== "running") return;
  if (!isRead(entry) || !isSteady(task, nodeId)) return;
  const reading = readingOf(task, nodeId);
  let before = log.length;
  for (const readerId of reading?.readers ?? []) {
    const readers = readingOf(task, readerId);
    if (!isSteady(task, readerId)) return;
    for (let shard = 0; shard < (readers?.partitions ?? 0); shard++) {
      before = Math.min(before, placeIn(entry, source, task.nodes.get(readerId)?.shards[shard]));
      if (before <= log.dropped) return;
    }
  }
  log.dropBefore(before);
}

/** A node of a type whose output nobody wants has just stored a batch. */
export function dropSunk({ task, record }: ShardEntry, log: ArtifactLog): void {
  if (readingOf(task, record.nodeId)?.readers.length === 0) log.dropBefore(log.length);
}

/** Its own log is read by its readers only. */
const isRead = ({ record }: ShardEntry): boolean =>
  record.status === "finished" || record.lease?.habits?.rereads === false;

/** The first seq of the source that this shard of a reader may read again. */
function placeIn(source: ShardEntry, key: string, reader: ShardEntry | undefined): number {
  if (reader === undefined) return 0;
  const { status, generation, sourceGens } = reader.record;
  if (status === "finished") return Number.POSITIVE_INFINITY;
  if ((sourceGens[key] ?? 0) !== source.record.generation) return 0;
  return reader.logs[generation]?.lastFrom(key)?.seq ?? 0;
}

/**
 * Whether neither the node nor anything upstream of it will start its output over. Once found it is kept: only a worker
 * with other code could change it, and who then reads what is gone is told.
 */
function isSteady(task: TaskEntry, nodeId: string): boolean {
  const reading = readingOf(task, nodeId);
  if (reading === undefined) return false;
  reading.isSteady ||= reading.sources.every((id) => isSteady(task, id)) && goesOn(task, nodeId, reading);
  return reading.isSteady;
}

/** Each shard resumes, and has seen the latest output of each of its sources begin; or it has finished. */
function goesOn(task: TaskEntry, nodeId: string, { partitions, sources }: OpenReading): boolean {
  const node = task.nodes.get(nodeId);
  for (let shard = 0; shard < partitions; shard++) {
    const record = node?.shards[shard]?.record;
    if (record?.status === "finished") continue;
    if (record?.lease?.habits?.resumes !== true) return false;
    for (const id of sources) {
      for (const source of task.nodes.get(id)?.shards ?? []) {
        if (source === undefined) return false;
        const seen = record.sourceGens[sourceKey(id, source.record.shard)] ?? 0;
        if (seen !== source.record.generation) return false;
      }
    }
  }
  return true;
}
