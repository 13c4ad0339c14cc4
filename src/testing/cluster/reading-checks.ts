import type { ShardEntry, TaskEntry } from "../../adapters/memory/memory-state.ts";
import { isOutput, isTaskTerminal } from "../../core/model/records.ts";
import type { TaskEvent } from "../../core/tasks/api.ts";
import type { FlowError } from "../../errors/index.ts";
import { type Archive, droppedOf, type TaskLookup } from "./archive.ts";

/* Compares what clients read of a task with its records. Each check returns one message per mismatch. */

/** What was read, and how the read ended. */
export interface ReadOutcome<T> {
  readonly items: readonly T[];
  /** An error about the task; errors caused by injected faults are thrown instead. */
  readonly error?: FlowError;
}

export interface StoredOutput {
  readonly allTasks: TaskLookup;
  readonly archive: Archive;
}

export function checkResult(
  { allTasks, archive }: StoredOutput,
  { record, nodes }: TaskEntry,
  { items, error }: ReadOutcome<object>,
): string[] {
  if (!isTaskTerminal(record.status)) return [`its result arrived while it is ${record.status}`];
  if (record.status !== "finished") return endsLike(record.status, error?.code);
  const children = new Set(record.graph.nodes.flatMap(({ depends_on }) => depends_on));
  const leaves = record.graph.nodes.filter(({ node_id }) => !children.has(node_id));
  if (error?.code === "ARTIFACTS_DROPPED") {
    return leaves.some(({ node_id }) => isDropped(allTasks, shardsOf(nodes, node_id)))
      ? []
      : ["none of its artifacts are dropped"];
  }
  const wanted = Object.fromEntries(
    leaves.map(({ node_id, partitions = 1 }) => {
      const shards = shardsOf(nodes, node_id);
      const results = shards.flatMap(({ record: { result } }) => (result === undefined ? [] : [result]));
      if (results.length > 0) return [node_id, partitions === 1 ? results[0] : results];
      return [node_id, shards.flatMap((shard) => archive.inOrder(shard.record).map(({ meta }) => meta))];
    }),
  );
  return sameJson(items[0], wanted) ? [] : [`its result is ${JSON.stringify(items[0])}`];
}

/** Every transition of every shard is reported once, in order, each from the status that the previous one led to. */
export function checkEvents({ record, nodes }: TaskEntry, { items }: ReadOutcome<TaskEvent>): string[] {
  const wrong: string[] = [];
  const shards = new Map<string, { n: number; status: string }>();
  let status: string | undefined;
  for (const event of items) {
    if (event.kind === "task") status = event.status;
    if (event.kind !== "node") continue;
    const key = `${event.nodeId}/${event.shard}`;
    const { n, status: from } = shards.get(key) ?? { n: -1, status: "absent" };
    // A history keeps its newest entries only: a late reader misses the oldest.
    if (event.n === n + 1 && event.from !== from) wrong.push(`${key}: transition from ${event.from} after ${from}`);
    if (event.n <= n) wrong.push(`${key}: event ${event.n} after event ${n}`);
    shards.set(key, { n: event.n, status: event.to });
  }
  if (status !== record.status) wrong.push(`its events ended with ${status}, but it is ${record.status}`);
  for (const [nodeId, { shards: entries }] of nodes) {
    for (const entry of entries) {
      const reported = shards.get(`${nodeId}/${entry?.record.shard}`)?.status;
      if (entry !== undefined && reported !== entry.record.status) {
        wrong.push(`${nodeId}/${entry.record.shard} was reported as ${reported}, but is ${entry.record.status}`);
      }
    }
  }
  return wrong;
}

export function checkArtifacts(
  { allTasks, archive }: StoredOutput,
  { record, nodes }: TaskEntry,
  { nodeId, got: { items, error } }: { readonly nodeId: string; readonly got: ReadOutcome<unknown> },
): string[] {
  const shards = shardsOf(nodes, nodeId);
  if (error?.code === "ARTIFACTS_DROPPED")
    return isDropped(allTasks, shards) ? [] : ["none of its artifacts are dropped"];
  if (error?.code === "ARTIFACTS_RESTARTED") {
    return shards.some((entry) => entry.record.generation > 0) ? [] : ["reported a restart that did not happen"];
  }
  if (error !== undefined) return endsLike(record.status, error.code);
  const stored = shards.map((shard) =>
    archive
      .of(shard.record)
      .filter(isOutput)
      .map(({ meta }) => meta),
  );
  const [first = []] = stored;
  const isRight = shards.length === 1 ? sameJson(items, first) : sameJson(sorted(items), sorted(stored.flat()));
  return isRight ? [] : [`${items.length} artifacts of ${nodeId} were read, but ${stored.flat().length} are stored`];
}

const shardsOf = (nodes: TaskEntry["nodes"], nodeId: string): readonly ShardEntry[] =>
  (nodes.get(nodeId)?.shards ?? []).flatMap((entry) => entry ?? []);

/** In the current log, or in one that was withdrawn during the read. */
const isDropped = (allTasks: TaskLookup, shards: readonly ShardEntry[]): boolean =>
  shards.some(({ record, logs }) => droppedOf(allTasks, record) > 0 || logs.some((log) => (log?.dropped ?? 0) > 0));

function endsLike(status: string, code: string | undefined): string[] {
  const wanted = { failed: "TASK_FAILED", cancelled: "TASK_CANCELLED" }[status];
  return code === wanted ? [] : [`a reader got ${code}, but it is ${status}`];
}

const sorted = (items: readonly unknown[]): string[] => items.map((item) => JSON.stringify(item)).sort();
const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
