import type { MemoryState } from "../../adapters/memory/index.ts";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import { isShardTerminal } from "../../core/model/records.ts";
import type { Fleet } from "../cluster/fleet.ts";
import type { Journal } from "../cluster/journal.ts";
import type { SimBroker } from "../cluster/sim-bus.ts";
import { startCondition } from "./start-condition.ts";

/**
 * Law 5, second half: a child starts once it may. Without faults nothing on the way from "its parent has finished" to
 * "it runs" is a timer, nor on the way from a cancel to who runs what is cancelled. So when nothing can run until time
 * passes, nothing may be left that could have gone on: a wake-up was lost, and only a poll or a sweep would mend it.
 */
export function checkIdle(parts: {
  readonly state: MemoryState;
  readonly fleet: Fleet;
  readonly journal: Journal;
  readonly broker: SimBroker;
  /** Workers stop now and then: what one is told as it stops is left to the others' own looking. */
  readonly stops: boolean;
  /** Limits on what runs at once: whoever frees a slot looks for itself, the others a little later. */
  readonly limited: boolean;
}): void {
  const { state, fleet, journal, broker, stops, limited } = parts;
  for (const task of state.tasks.values()) {
    const violated = (what: string) => journal.violated(`idle, but ${task.record.id}${what}`);
    const shards = [...task.nodes.values()].flatMap((node) => node.shards.flatMap((entry) => entry ?? []));
    if (task.record.status === "running") checkRunning(task, shards.length, violated);
    if (task.record.status === "cancelling" && shards.every(({ record }) => isShardTerminal(record.status))) {
      violated(" is cancelling, and nothing of it is open");
    }
    for (const { record } of shards) {
      const name = `:${record.nodeId}:${record.shard}`;
      const { lease } = record;
      if (record.status === "cancelling" && broker.cancelSentTo(record) !== lease?.workerId) {
        violated(`${name} is cancelling, and ${lease?.workerId}, which runs it, was not told`);
      }
      if (record.status !== "queued" || stops) continue;
      const told = broker.toldOf(record);
      const node = task.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
      if (told !== undefined && (limited || node?.limits !== undefined)) continue;
      // The command may have met a busy worker, and the others look by themselves, later. But that one looks when it has
      // a slot again: so it must not have one.
      if (told === undefined) violated(`${name} is queued, and nobody was told`);
      else if (fleet.isFree(told, record.type)) violated(`${name} is queued, and ${told.name} was told and is free`);
    }
  }
}

function checkRunning(task: TaskEntry, born: number, violated: (what: string) => void): void {
  const { nodes } = task.record.graph;
  const partitions = nodes.reduce((sum, node) => sum + (node.partitions ?? 1), 0);
  const finished = [...task.nodes.values()].reduce((sum, node) => sum + node.finishedShards, 0);
  if (finished === partitions) violated(" is running, and all of its nodes have finished");
  if (born === partitions) return;
  for (const node of nodes) {
    const { needed, satisfied } = startCondition(task, node);
    const dispatched = (task.nodes.get(node.node_id)?.shards ?? []).filter((entry) => entry !== undefined).length;
    if (satisfied.length >= needed && dispatched < (node.partitions ?? 1)) violated(`:${node.node_id} could start`);
  }
}
