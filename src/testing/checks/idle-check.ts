import type { MemoryState } from "../../adapters/memory/index.ts";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import { isShardTerminal, type ShardRecord, type TaskRecord } from "../../core/model/records.ts";
import type { GraphNode } from "../../graph/index.ts";
import type { Fleet } from "../cluster/fleet.ts";
import type { Journal } from "../cluster/journal.ts";
import type { SimBroker } from "../cluster/sim-bus.ts";
import { startCondition } from "./control-checks.ts";

/**
 * Law 5, second half: a child starts as soon as it may. Without faults, no timer is involved between "its parent has
 * finished" and "it runs", nor between a cancel and the worker that runs the attempt. So whenever nothing can run until
 * time passes, nothing may be left that could proceed: otherwise a wake-up was lost, and only a poll or a sweep would
 * repair it.
 */
export function checkIdle(parts: {
  readonly state: MemoryState;
  readonly fleet: Fleet;
  readonly journal: Journal;
  readonly broker: SimBroker;
  /** Workers stop now and then: the attempt of a command that reaches a stopping worker is found by the polls of others. */
  readonly stops: boolean;
  /** Limits are set: the worker that frees a slot scans the queue at once, the others a little later. */
  readonly limited: boolean;
}): void {
  const { state, fleet, journal, broker, stops, limited } = parts;
  for (const task of state.tasks.values()) {
    const violated = (what: string) => journal.violated(`idle, but ${task.record.id}${what}`);
    if (task.record.status === "running") checkRunning(task, violated);
    else if (task.record.status === "cancelling" && !task.record.cancelsAll) checkHandling(task, violated);
    if (task.record.status === "cancelling" && [...shardsOf(task)].every(({ status }) => isShardTerminal(status))) {
      violated(" is cancelling, but has no open attempt");
    }
    for (const record of task.record.status === "running" ? shardsOf(task) : []) {
      const wrong = pauseFault(task.record, record);
      if (wrong !== undefined) violated(`:${record.nodeId}:${record.shard} ${wrong}`);
    }
    for (const record of shardsOf(task)) {
      if (record.status !== "cancelling" && record.status !== "queued") continue;
      const name = `:${record.nodeId}:${record.shard}`;
      const { lease } = record;
      if (record.status === "cancelling" && broker.cancelSentTo(record) !== lease?.workerId) {
        violated(`${name} is cancelling, but ${lease?.workerId}, which runs it, was not notified`);
      }
      // A process that dispatches a node that runs a flow may claim it itself, without being notified.
      if (record.status !== "queued" || stops || record.type === "flow") continue;
      const notified = broker.lastNotified(record);
      const node = task.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
      if (notified !== undefined && (limited || node?.limits !== undefined)) continue;
      // The command may have reached a busy worker; the others poll later. The busy one scans the queue as soon as it
      // has a slot again, so it must not have one.
      if (notified === undefined) violated(`${name} is queued, but no worker was notified`);
      else if (fleet.isFree(notified, record.type)) {
        violated(`${name} is queued, but ${notified.name} was notified and is free`);
      }
    }
  }
}

/** What a pause, a resume or a signal has left incomplete. */
function pauseFault({ paused = false, signals = {} }: TaskRecord, record: ShardRecord): string | undefined {
  const { status, epoch, nodeId } = record;
  if (paused && status === "queued") return "is queued, but its task is paused";
  if (paused && status === "running" && record.paused === undefined)
    return "was not asked to end, but its task is paused";
  if (!paused && record.paused !== undefined) return "is paused, but its task is not";
  const waits = !paused && status === "deferred" && epoch === 1;
  return waits && signals[nodeId]?.payload !== undefined ? "waits, but its signal is there" : undefined;
}

/** A generator rather than a list: the check runs at every idle moment, for all tasks. */
function* shardsOf({ nodes }: TaskEntry): Generator<ShardRecord, void, undefined> {
  for (const { shards } of nodes.values()) {
    for (const entry of shards) if (entry !== undefined) yield entry.record;
  }
}

/** In a task that is ending, handlers of outcomes start as soon as their parents have ended. */
function checkHandling(task: TaskEntry, violated: (what: string) => void): void {
  for (const node of task.record.graph.nodes) {
    if (node.io?.start_when === "ended") checkStarted(task, node, violated);
  }
}

function checkStarted(task: TaskEntry, node: GraphNode, violated: (what: string) => void): void {
  const dispatched = (task.nodes.get(node.node_id)?.shards ?? []).filter((entry) => entry !== undefined).length;
  if (dispatched === (node.partitions ?? 1)) return;
  const { needed, satisfied } = startCondition(task, node);
  if (satisfied.length >= needed) violated(`:${node.node_id} could start`);
}

function checkRunning(task: TaskEntry, violated: (what: string) => void): void {
  const { nodes } = task.record.graph;
  const partitions = nodes.reduce((sum, node) => sum + (node.partitions ?? 1), 0);
  const finished = [...task.nodes.values()].reduce((sum, node) => sum + node.closedShards, 0);
  if (finished === partitions) violated(" is running, but all of its nodes have finished");
  for (const node of nodes) checkStarted(task, node, violated);
  const open = [...shardsOf(task)].find(({ status, count }) => status === "failed" && count === undefined);
  if (open !== undefined) violated(`:${open.nodeId} has failed, but neither the task nor its log has ended`);
}
