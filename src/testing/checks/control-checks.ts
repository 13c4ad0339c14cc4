import { isDeepStrictEqual } from "node:util";
import type { MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import {
  type Artifact,
  isOutput,
  type ShardRecord,
  shardKey,
  type TaskFailure,
  type TaskRecord,
  type TaskStatus,
} from "../../core/model/records.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { GraphNode } from "../../graph/index.ts";
import { fits } from "../cluster/computation.ts";
import type { CheckParts } from "./log-checks.ts";
import { asideOf } from "./reference.ts";

/** Conditions, optional nodes and handlers of outcomes: what must hold at every write. */
export class ControlChecks {
  readonly #parts: CheckParts;
  readonly #violated: (key: string, what: string) => void;
  /** By task, the failure that started its end. */
  readonly #failures = new Map<string, TaskFailure | undefined>();
  /** By task that is ending, its signals as of its last change. */
  readonly #signals = new Map<string, TaskRecord["signals"]>();

  constructor(parts: CheckParts, violated: (key: string, what: string) => void) {
    this.#parts = parts;
    this.#violated = violated;
  }

  transition({ cause, record }: MemoryStoreEvent & { readonly kind: "shard" }): void {
    const task = this.#parts.state.tasks.get(record.taskId);
    const node = task?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
    if (task === undefined || node === undefined) return;
    const { counts } = this.#parts.journal;
    if (cause === "dispatch" || cause === "skip") this.#judged(task, node, record);
    if (cause === "close") this.#closed(node, record);
    if (cause === "adopt" && record.status === "skipped") counts.adoptedSkipped++;
    const handles = node.io?.start_when === "ended";
    if (cause === "dispatch" && record.shard === 0) {
      if (handles) counts.startedOnEnd++;
      else if (task.record.status === "cancelling" && isHandling(task, node)) counts.behindHandlers++;
    }
    if (cause === "cancel" && !task.record.cancelsAll) {
      if (handles)
        this.#violated(shardKey(record), "is cancelled with the others, although it handles how they have ended");
    }
  }

  /** At each change of a task: the first failure stays, and nothing that should have run is left out. */
  task(taskId: string, from: TaskStatus | "absent"): void {
    const task = this.#parts.state.tasks.get(taskId);
    if (task === undefined) return;
    const { status, failure, cancelsAll, signals } = task.record;
    if (from === "running" && status === "cancelling") this.#failures.set(taskId, failure);
    const isSignalled = !isDeepStrictEqual(signals, this.#signals.get(taskId));
    if (status === "cancelling") this.#signals.set(taskId, signals);
    if (from !== "cancelling") return;
    if (!isDeepStrictEqual(failure, this.#failures.get(taskId))) {
      this.#violated(taskId, `its failure is replaced by ${JSON.stringify({ ...failure, stack: undefined })}`);
    }
    if (status === "cancelling") {
      if (!cancelsAll && isSignalled) return; // for a wait downstream of handlers of outcomes
      if (!cancelsAll) this.#violated(taskId, "cancelling again, but not everything");
      this.#parts.journal.counts.cancelledAll++;
    }
    if (status === "cancelling" || cancelsAll) return;
    for (const what of wronglyCancelled(task)) this.#violated(taskId, what);
  }

  /** The condition holds for what runs, and not for what is skipped; the first shard decides for all. */
  #judged(task: TaskEntry, node: GraphNode, record: ShardRecord): void {
    const key = shardKey(record);
    const isSkipped = record.status === "skipped";
    const { counts } = this.#parts.journal;
    if (record.shard > 0) {
      const first = task.nodes.get(node.node_id)?.shards[0]?.record.status;
      if (first !== "cancelled" && (first === "skipped") !== isSkipped) {
        this.#violated(key, `is ${record.status}, but the first shard of its node is ${first}`);
      }
      return;
    }
    const holds = conditionHolds(task, node, (parent) => this.#parts.journal.archive.of(parent));
    if (holds === isSkipped)
      this.#violated(key, `is ${record.status}, but its condition ${holds ? "holds" : "does not hold"}`);
    if (!isSkipped) return;
    counts.skipped++;
    if (casesOf(node)?.some((each) => "params" in each === false)) counts.skippedByParents++;
    const { needed, satisfied } = startCondition(task, node);
    if (satisfied.length < needed)
      this.#violated(key, `skipped with ${satisfied.length} of ${needed} parents satisfied`);
  }

  #closed(node: GraphNode, record: ShardRecord): void {
    const { state, journal } = this.#parts;
    const log = state.shard(record)?.logs[record.generation];
    const artifacts = journal.archive.of(record);
    const wrong = (what: string) => this.#violated(shardKey(record), what);
    if (node.optional !== true) wrong("its log is closed, but its failure ends the task");
    if (log?.closed !== true || record.count !== log.length) wrong(`closed at ${record.count} of ${log?.length}`);
    if (record.failure === undefined) wrong("closed without its failure");
    if ((record.failedBatches ?? 0) !== asideOf(artifacts)) wrong(`closed with ${record.failedBatches} failed batches`);
    journal.counts.failedOptional++;
    journal.counts.keptOfFailed += artifacts.filter(isOutput).length;
  }
}

/** The input of the rules of control flow: a task in a memory store, or as read from another store. */
export interface TaskView {
  readonly record: Pick<TaskRecord, "graph" | "params">;
  readonly nodes: { get(nodeId: string): { readonly shards: readonly (ShardView | undefined)[] } | undefined };
}

export interface ShardView {
  readonly record: ShardRecord;
  /** By generation. */
  readonly logs: readonly ({ readonly length: number } | undefined)[];
}

const casesOf = ({ when }: GraphNode) => (when === undefined ? undefined : [when].flat());

/** Whether a node whose parents have ended runs, rather than being skipped. */
export function conditionHolds(
  task: TaskView,
  node: GraphNode,
  artifactsOf: (record: ShardRecord) => readonly Artifact[],
): boolean {
  const facts = factsOf(task, node, artifactsOf);
  return casesOf(node)?.some((each) => fits(each as Json, facts)) ?? true;
}

function factsOf(
  task: TaskView,
  node: GraphNode,
  artifactsOf: (record: ShardRecord) => readonly Artifact[],
): JsonObject {
  const status: { [id: string]: Json } = {};
  const results: { [id: string]: Json } = {};
  for (const id of node.depends_on) {
    const records = (task.nodes.get(id)?.shards ?? []).flatMap((entry) => entry?.record ?? []);
    const order = ["failed", "cancelled", "skipped", "finished"] as const;
    status[id] = order.find((each) => records.some((record) => record.status === each)) ?? "open";
    if (!isFinished(task, id)) continue;
    const parent = task.record.graph.nodes.find(({ node_id }) => node_id === id);
    const [output] = records[0] === undefined ? [] : artifactsOf(records[0]);
    const own = records.flatMap(({ result }) => (result === undefined ? [] : [result]));
    const result = parent?.io?.fn === undefined ? ((parent?.partitions ?? 1) === 1 ? own[0] : own) : output?.meta;
    if (result !== undefined && !(Array.isArray(result) && result.length === 0)) results[id] = result;
  }
  return { params: task.record.params, status, results };
}

export interface StartCondition {
  readonly needed: number;
  readonly satisfied: readonly string[];
}

/** Law 5's condition, computed from the records without the engine's planner. */
export function startCondition(task: TaskView, node: GraphNode): StartCondition {
  const { start_when: startWhen } = node.io ?? {};
  const parents = node.depends_on.length;
  const fanIn = parents === 0 ? "all" : (node.fan_in ?? "all");
  const satisfied = node.depends_on.filter((id) => {
    if (startWhen === "ended") return hasEnded(task, id);
    if (startWhen === "first_batch" && (task.nodes.get(id)?.shards ?? []).some(hasArtifact)) return true;
    return fanIn === "all" ? isClosed(task, id) : isFinished(task, id);
  });
  if (fanIn === "all") return { needed: parents, satisfied };
  const omitted = node.depends_on.filter((id) => isClosed(task, id) && !satisfied.includes(id)).length;
  const wanted = fanIn === "any" ? 1 : Number(fanIn.slice("count:".length));
  return { needed: Math.min(wanted, parents - omitted), satisfied };
}

const hasEnded = (task: TaskView, nodeId: string): boolean =>
  areAll(task, nodeId, ({ status }) => ["finished", "skipped", "failed", "cancelled"].includes(status));

/** Ended, with a log that can be read to its end. */
export const isClosed = (task: TaskView, nodeId: string): boolean => areAll(task, nodeId, isClosedShard);

export const isClosedShard = ({ status, count }: ShardRecord): boolean =>
  status === "finished" || status === "skipped" || (status === "failed" && count !== undefined);

export const isFinished = (task: TaskView, nodeId: string): boolean =>
  areAll(task, nodeId, ({ status }) => status === "finished");

export const isSkipped = (task: TaskView, nodeId: string): boolean =>
  areAll(task, nodeId, ({ status }) => status === "skipped");

function areAll(task: TaskView, nodeId: string, is: (record: ShardRecord) => boolean): boolean {
  const partitions = task.record.graph.nodes.find(({ node_id }) => node_id === nodeId)?.partitions ?? 1;
  const shards = task.nodes.get(nodeId)?.shards ?? [];
  return shards.filter((entry) => entry !== undefined && is(entry.record)).length === partitions;
}

/** At the end of a task that was not cancelled as a whole: nodes that should have run despite a failure or a cancel. */
export function wronglyCancelled(task: TaskView): readonly string[] {
  const { nodes } = task.record.graph;
  const isCancelled = (id: string) =>
    (task.nodes.get(id)?.shards ?? []).some((entry) => entry?.record.status === "cancelled");
  return nodes
    .filter(({ node_id }) => isCancelled(node_id))
    .flatMap((node) => {
      if (node.io?.start_when === "ended") return [`${node.node_id} was cancelled, but handles how others have ended`];
      const parents = node.depends_on.map((id) => nodes.find(({ node_id }) => node_id === id) as GraphNode);
      if (parents.length === 0 || !parents.every((parent) => isHandling(task, parent))) return [];
      if (!parents.every(({ node_id }) => isClosed(task, node_id))) return [];
      // Without an adapter, its handler may suggest one that reads what its parents set aside, from the logs of their sources.
      const isOpen = node.io?.input_inline?.input_adapter === undefined;
      if (isOpen && parents.some(({ batches }) => batches?.on_failure === "set_aside")) return [];
      const io = JSON.stringify(node.io ?? {});
      const others = nodes.filter(({ node_id }) => !node.depends_on.includes(node_id));
      if (others.some(({ node_id }) => io.includes(`"${node_id}"`))) return [];
      return [`${node.node_id} was cancelled, but all of its parents are handlers that have ended`];
    });
}

const hasArtifact = (entry: ShardView | undefined) =>
  entry?.logs.some((log) => log !== undefined && log.length > 0) ?? false;

/** Whether the node is a handler of outcomes or downstream of one. */
export function isHandling(task: TaskView, node: GraphNode): boolean {
  if (node.io?.start_when === "ended") return true;
  const { nodes } = task.record.graph;
  return node.depends_on.some((id) => {
    const parent = nodes.find(({ node_id }) => node_id === id);
    return parent !== undefined && isHandling(task, parent);
  });
}
