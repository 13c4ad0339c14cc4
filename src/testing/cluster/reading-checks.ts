import type { ShardEntry, TaskEntry } from "../../adapters/memory/memory-state.ts";
import { isTaskTerminal } from "../../core/model/records.ts";
import type { TaskEvent } from "../../core/tasks/api.ts";
import type { FlowError } from "../../errors/index.ts";
import type { TaskLookup } from "./all-tasks.ts";
import { type Archive, droppedOf } from "./archive.ts";

/* What callers read of a task, held against its records. Each check gives what is wrong, in words. */

/** What was read, and how it ended. */
export interface Got<T> {
  readonly items: readonly T[];
  /** Of the task itself; what the world does to a process is thrown. */
  readonly error?: FlowError;
}

export interface Kept {
  readonly allTasks: TaskLookup;
  readonly archive: Archive;
}

export function checkResult(
  { allTasks, archive }: Kept,
  { record, nodes }: TaskEntry,
  { items, error }: Got<object>,
): string[] {
  if (!isTaskTerminal(record.status)) return [`its result came while it is ${record.status}`];
  if (record.status !== "finished") return endsLike(record.status, error?.code);
  const children = new Set(record.graph.nodes.flatMap(({ depends_on }) => depends_on));
  const leaves = record.graph.nodes.filter(({ node_id }) => !children.has(node_id));
  if (error?.code === "ARTIFACTS_DROPPED") {
    return leaves.some(({ node_id }) => isDropped(allTasks, shardsOf(nodes, node_id)))
      ? []
      : ["nothing of it is dropped"];
  }
  const wanted = Object.fromEntries(
    leaves.map(({ node_id, partitions = 1 }) => {
      const shards = shardsOf(nodes, node_id);
      const results = shards.flatMap(({ record: { result } }) => (result === undefined ? [] : [result]));
      if (results.length > 0) return [node_id, partitions === 1 ? results[0] : results];
      return [node_id, shards.flatMap((shard) => archive.of(shard.record).map(({ meta }) => meta))];
    }),
  );
  return sameJson(items[0], wanted) ? [] : [`its result is ${JSON.stringify(items[0])}`];
}

/** Every transition of every shard is told once, in order, each from where the one before led. */
export function checkEvents({ record, nodes }: TaskEntry, { items }: Got<TaskEvent>): string[] {
  const wrong: string[] = [];
  const shards = new Map<string, { n: number; status: string }>();
  let status: string | undefined;
  for (const event of items) {
    if (event.kind === "task") status = event.status;
    if (event.kind !== "node") continue;
    const key = `${event.nodeId}/${event.shard}`;
    const { n, status: from } = shards.get(key) ?? { n: -1, status: "absent" };
    // A history keeps its newest entries only: who looks late misses the oldest.
    if (event.n === n + 1 && event.from !== from) wrong.push(`${key}: told ${from}, then a move from ${event.from}`);
    if (event.n <= n) wrong.push(`${key}: event ${event.n} after event ${n}`);
    shards.set(key, { n: event.n, status: event.to });
  }
  if (status !== record.status) wrong.push(`its events ended with ${status}, it is ${record.status}`);
  for (const [nodeId, { shards: entries }] of nodes) {
    for (const entry of entries) {
      const told = shards.get(`${nodeId}/${entry?.record.shard}`)?.status;
      if (entry !== undefined && told !== entry.record.status) {
        wrong.push(`${nodeId}/${entry.record.shard} was told to be ${told}, it is ${entry.record.status}`);
      }
    }
  }
  return wrong;
}

export function checkArtifacts(
  { allTasks, archive }: Kept,
  { record, nodes }: TaskEntry,
  { nodeId, got: { items, error } }: { readonly nodeId: string; readonly got: Got<unknown> },
): string[] {
  const shards = shardsOf(nodes, nodeId);
  if (error?.code === "ARTIFACTS_DROPPED") return isDropped(allTasks, shards) ? [] : ["nothing of it is dropped"];
  if (error?.code === "ARTIFACTS_RESTARTED") {
    return shards.some((entry) => entry.record.generation > 0) ? [] : ["told of a restart that was none"];
  }
  if (error !== undefined) return endsLike(record.status, error.code);
  const stored = shards.map((shard) => archive.of(shard.record).map(({ meta }) => meta));
  const [first = []] = stored;
  const isRight = shards.length === 1 ? sameJson(items, first) : sameJson(sorted(items), sorted(stored.flat()));
  return isRight ? [] : [`${items.length} artifacts of ${nodeId} were read, ${stored.flat().length} are stored`];
}

const shardsOf = (nodes: TaskEntry["nodes"], nodeId: string): readonly ShardEntry[] =>
  (nodes.get(nodeId)?.shards ?? []).flatMap((entry) => entry ?? []);

/** In its output of now, or in one that was withdrawn while it was read. */
const isDropped = (allTasks: TaskLookup, shards: readonly ShardEntry[]): boolean =>
  shards.some(({ record, logs }) => droppedOf(allTasks, record) > 0 || logs.some((log) => (log?.dropped ?? 0) > 0));

function endsLike(status: string, code: string | undefined): string[] {
  const wanted = { failed: "TASK_FAILED", cancelled: "TASK_CANCELLED" }[status];
  return code === wanted ? [] : [`who reads it met ${code}, and it is ${status}`];
}

const sorted = (items: readonly unknown[]): string[] => items.map((item) => JSON.stringify(item)).sort();
const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
