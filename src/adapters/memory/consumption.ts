import type { Json } from "../../errors/index.ts";
import type { Graph, GraphNode } from "../../graph/index.ts";
import type { NodeEntry, Reading, ShardEntry, TaskEntry } from "./memory-state.ts";

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

function dropWhenRead(task: TaskEntry, nodeId: string, reading: Reading): void {
  const node = task.nodes.get(nodeId);
  if (node === undefined || node.finishedShards !== reading.partitions) return;
  if (reading.readers.length > 0 && reading.openReaders === 0) dropArtifacts(node);
}

function dropArtifacts(node: NodeEntry): void {
  for (const entry of node.shards) for (const log of entry?.logs ?? []) log?.drop();
}

/** `undefined`: the graph has no such node. */
export function readingOf(task: TaskEntry, nodeId: string): Reading | undefined {
  task.readings ??= readingsOf(task.record.graph);
  return task.readings.get(nodeId);
}

/** A reader is a child, and whoever names the node in its arguments: those may be of any ancestor. */
function readingsOf(graph: Graph): Map<string, Reading> {
  const ids = new Set(graph.nodes.map((node) => node.node_id));
  const sources = new Map(graph.nodes.map((node) => [node.node_id, sourcesOf(node, ids)]));
  const readers = new Map<string, string[]>(graph.nodes.map((node) => [node.node_id, []]));
  for (const [reader, read] of sources) for (const source of read) readers.get(source)?.push(reader);
  return new Map(
    graph.nodes.map(({ node_id, partitions = 1 }) => {
      const own = readers.get(node_id) ?? [];
      const read = sources.get(node_id) ?? [];
      return [node_id, { partitions, sources: read, readers: own, openReaders: own.length, isSteady: false }];
    }),
  );
}

function sourcesOf(node: GraphNode, ids: ReadonlySet<string>): readonly string[] {
  const named = new Set(node.depends_on);
  const look = (value: Json | undefined): void => {
    if (typeof value === "string" && ids.has(value)) named.add(value);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(look);
  };
  look(node.io?.input_inline?.input_args);
  look(node.io?.fn_args);
  named.delete(node.node_id);
  return [...named];
}
