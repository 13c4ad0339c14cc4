import { isClosed, type Origin, type ShardRef, sourceKey } from "../../core/model/records.ts";
import { type Reading, readingsOf } from "../../core/store/driver.ts";
import type { ArtifactLog } from "./artifact-log.ts";
import type { OpenReading, ShardEntry, TaskEntry } from "./memory-state.ts";

/**
 * Called when a shard has finished: drops artifacts that no node reads any more. Its node may have been the last reader
 * of its sources, and under `fan_in: "any"` its own readers may have finished before it.
 */
export function dropConsumedBy(finished: ShardEntry): void {
  const { task, node, record } = finished;
  const reading = readingOf(task, record.nodeId);
  if (reading === undefined || node.closedShards !== reading.partitions) return;
  for (const source of reading.sources) {
    const read = readingOf(task, source);
    if (read === undefined) continue;
    read.openReaders--;
    dropWhenRead(task, source, read);
  }
  dropWhenRead(task, record.nodeId, reading);
}

function dropWhenRead(task: TaskEntry, nodeId: string, { readers, openReaders, partitions }: OpenReading): void {
  const node = task.nodes.get(nodeId);
  if (node?.closedShards !== partitions || readers.length === 0 || openReaders > 0) return;
  for (const entry of node.shards) for (const log of entry?.logs ?? []) log?.drop();
}

/** `undefined` if the graph does not have the node. */
function readingOf(task: TaskEntry, nodeId: string): OpenReading | undefined {
  const opened = (of: Reading): OpenReading => ({ ...of, openReaders: of.readers.length, isSteady: false });
  task.readings ??= new Map([...readingsOf(task.record.graph)].map(([id, of]) => [id, opened(of)]));
  return task.readings.get(nodeId);
}

/*
 * Dropping while the graph runs. A reader resumes at the first batch that the last origin in its own log lists as open,
 * or else after the furthest stored one. So the artifacts of the source before that are never read again, if
 * - every shard of every reader has such a position or has finished; a reader that gathers or has not begun has none;
 * - no reader starts its output over: it and every node upstream resume, and have noticed all restarts of their sources;
 * - the source does not read its own log again.
 * All artifacts are kept while an attempt that would show this is not running.
 */

/** Drops from the log that `reader` has just stored an artifact from, if it can drop half of it. */
export function dropReadBy(reader: ShardEntry, { source }: Origin): void {
  const { task } = reader;
  const slash = source.lastIndexOf("/");
  const nodeId = source.slice(0, slash);
  const entry = slash < 0 ? undefined : task.nodes.get(nodeId)?.shards[Number(source.slice(slash + 1))];
  const log = entry?.logs[entry.record.generation];
  if (entry === undefined || log === undefined || task.record.status !== "running") return;
  let before = positionIn(entry, source, reader);
  if (2 * (before - log.dropped) < log.length - log.dropped || !isRead(entry) || !isSteady(task, nodeId)) return;
  for (const readerId of readingOf(task, nodeId)?.readers ?? []) {
    if (!isSteady(task, readerId)) return;
    for (const shard of shardsOf(task, readerId)) {
      before = Math.min(before, positionIn(entry, source, shard));
      if (before <= log.dropped) return;
    }
  }
  log.dropBefore(before);
}

/** Drops from the log of a sink, which has just stored an artifact. */
export function dropSunk({ task, record }: ShardEntry, log: ArtifactLog): void {
  if (readingOf(task, record.nodeId)?.readers.length === 0) log.dropBefore(log.length);
}

/** All shards of a node; `undefined` for one that has no record yet. */
function shardsOf(task: TaskEntry, nodeId: string): readonly (ShardEntry | undefined)[] {
  const { partitions = 0 } = readingOf(task, nodeId) ?? {};
  return Array.from({ length: partitions }, (_, shard) => task.nodes.get(nodeId)?.shards[shard]);
}

/** Whether only its readers read this log. */
const isRead = ({ record }: ShardEntry): boolean => isClosed(record) || record.lease?.habits?.rereads === false;

/** The first seq of the source that this shard of a reader may read again. */
function positionIn(source: ShardEntry, key: string, reader: ShardEntry | undefined): number {
  if (reader === undefined) return 0;
  const { generation, sourceGens } = reader.record;
  if (isClosed(reader.record)) return Number.POSITIVE_INFINITY;
  if ((sourceGens[key] ?? 0) !== source.record.generation) return 0;
  const last = reader.logs[generation]?.lastFrom(key);
  return last?.open?.[0]?.[0] ?? last?.to?.[0] ?? last?.seq ?? 0;
}

/**
 * Whether neither the node nor any node upstream of it starts its output over. Once true it is cached: only a worker with
 * other code could change it, and its reads of dropped artifacts are rejected.
 */
function isSteady(task: TaskEntry, nodeId: string): boolean {
  const reading = readingOf(task, nodeId);
  if (reading === undefined) return false;
  reading.isSteady ||=
    reading.sources.every((id) => isSteady(task, id)) && shardsOf(task, nodeId).every((entry) => resumes(task, entry));
  return reading.isSteady;
}

/** Whether the shard resumes and has noticed the latest restart of each of its sources, or has finished. */
function resumes(task: TaskEntry, entry: ShardEntry | undefined): boolean {
  if (entry !== undefined && isClosed(entry.record)) return true;
  if (entry?.record.lease?.habits?.resumes !== true) return false;
  const { nodeId, sourceGens } = entry.record;
  const seen = (source: ShardRef) => sourceGens[sourceKey(source.nodeId, source.shard)] ?? 0;
  const sources = readingOf(task, nodeId)?.sources.flatMap((id) => shardsOf(task, id)) ?? [];
  return sources.every((source) => source !== undefined && seen(source.record) === source.record.generation);
}
