import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import type { ParentRef, TaskRecord } from "../../core/model/records.ts";
import type { GraphNode } from "../../graph/index.ts";
import { type AllTasks, checkKept } from "../cluster/archive.ts";
import type { Client } from "../cluster/client.ts";
import type { Fleet } from "../cluster/fleet.ts";
import type { Journal } from "../cluster/journal.ts";
import { hopeless, setupFailed } from "../cluster/random-graph.ts";
import { changedPaths } from "../cluster/vars-changes.ts";
import type { Workload } from "../cluster/workload.ts";
import { flowOutput, hasFailedChild, mayBeCancelled } from "./child-checks.ts";
import { isFinished } from "./control-checks.ts";
import {
  asideOf,
  choiceOf,
  type FinishedShard,
  isSettledFailure,
  judgeNode,
  judgeOutcomes,
  retryPolicyOf,
} from "./reference.ts";

export interface EndParts {
  readonly allTasks: AllTasks;
  readonly journal: Journal;
  readonly client: Client;
  readonly fleet: Fleet;
  readonly workload: Workload;
  readonly maxLostLeases: number;
}

/** What must hold once all tasks have ended and every process has stopped. */
export function checkEnd(parts: EndParts): void {
  const { allTasks, journal, client } = parts;
  for (const id of [...client.taskIds, ...allTasks.childrenOf().map(({ record }) => record.id)]) {
    const task = allTasks.tasks.get(id);
    if (task === undefined) {
      journal.violated(`task ${id} is missing`);
      continue;
    }
    const violated = (what: string) => journal.violated(`task ${id}: ${what}`);
    const { status } = task.record;
    if (status === "finished") checkOutputs(task, parts, violated);
    else checkOutcomes(task, parts, violated);
    const { parent } = task.record;
    const isAsked =
      client.cancelRequested.has(id) ||
      (parent !== undefined && (mayBeCancelled(allTasks, task.record) || isVoid(parent, parts)));
    if (status === "cancelled" && !isAsked) violated("cancelled without a request");
    if (status === "failed") checkFailure(task, parts, violated);
  }
  checkLeftovers(parts);
}

/** Whether its node no longer has such a batch: a source that started over need not produce it again. */
function isVoid({ taskId, nodeId, uid }: ParentRef, { allTasks, journal }: EndParts): boolean {
  const parent = allTasks.tasks.get(taskId);
  const shards = parent === undefined ? [] : shardsOf(parent, journal)(nodeId);
  return !shards.some(({ artifacts }) => artifacts.some((artifact) => artifact.uid === uid));
}

function checkOutputs(
  task: TaskEntry,
  { allTasks, journal, workload }: EndParts,
  violated: (what: string) => void,
): void {
  const { graph } = task.record;
  const finished = shardsOf(task, journal);
  for (const node of graph.nodes) {
    const shards = finished(node.node_id);
    const uids = shards.flatMap(({ artifacts }) => artifacts.map(({ uid }) => uid));
    if (new Set(uids).size !== uids.length) violated(`node ${node.node_id}: a uid occurs in two of its shards`);
    for (const { record, artifacts } of shards) {
      const { length } = artifacts;
      if (record.count !== length) violated(`node ${node.node_id}: count ${record.count}, but ${length} artifacts`);
      for (const wrong of checkKept(allTasks, record, artifacts)) violated(`node ${node.node_id}: ${wrong}`);
    }
    if (!workload.isKnown) continue;
    const choice = choiceOf(node, finished);
    if (choice.left > 0) journal.counts.choosing++;
    journal.counts.leftOut += choice.left;
    journal.counts.chosen += choice.taken;
    const outputOf = flowOutput(workload, graph, node);
    for (const wrong of judgeNode(node, finished, graph.nodes, outputOf)) violated(`node ${node.node_id}: ${wrong}`);
    if (node.io?.fn !== "wait.signal") continue;
    const { accepted } = journal.asked.signalOf({ taskId: task.record.id, nodeId: node.node_id }) ?? {};
    for (const wrong of judgeWait({ task: task.record, node, shards, accepted }))
      violated(`node ${node.node_id}: ${wrong}`);
  }
  if (!workload.isKnown) return;
  for (const node of graph.nodes.filter(({ io }) => io?.settled === true)) {
    for (const { uid, meta } of finished(node.node_id).flatMap(({ artifacts }) => artifacts)) {
      if (!isSettledFailure(node, meta)) continue;
      journal.counts.childrenSettled++;
      if (!hasFailedChild(allTasks, task.record.id, node.node_id, uid))
        violated(`node ${node.node_id}: batch ${uid} is a failure, but none of its tasks failed`);
    }
  }
  const changing = graph.nodes.filter((node) => changedPaths(node) && isFinished(task, node.node_id));
  const missing = changing.filter(({ node_id }) => !task.vars.appliedBy.includes(node_id));
  for (const { node_id } of missing) violated(`node ${node_id} finished, but its change is not in the vars`);
}

/** The output of a wait is the accepted signal, otherwise the value for its timeout. */
export function judgeWait(wait: {
  readonly task: Pick<TaskRecord, "signals">;
  readonly node: GraphNode;
  readonly shards: readonly FinishedShard[];
  /** The payload of the signal that was answered `accepted`, as JSON. */
  readonly accepted: string | undefined;
}): readonly string[] {
  const { task, node, shards, accepted } = wait;
  const { payload = node.io?.fn_args?.on_timeout } = task.signals?.[node.node_id] ?? {};
  const expected = JSON.stringify(payload);
  // An adopted node is judged in the task that it was adopted from.
  const own = shards.filter(({ record }) => record.status === "finished" && record.artifactsOf === undefined);
  return own.flatMap(({ artifacts }) => {
    const outputs = artifacts.map(({ meta }) => JSON.stringify(meta)).join();
    return [
      ...(outputs === expected ? [] : [`has the outputs ${outputs}, expected ${expected}`]),
      ...(accepted === undefined || accepted === expected
        ? []
        : [`ended with ${expected}, but ${accepted} was accepted`]),
    ];
  });
}

const shardsOf =
  (task: TaskEntry, { archive }: Journal) =>
  (nodeId: string): FinishedShard[] =>
    (task.nodes.get(nodeId)?.shards ?? []).flatMap((entry) =>
      entry === undefined ? [] : [{ record: entry.record, artifacts: archive.of(entry.record) }],
    );

/** Handlers of outcomes that ran in a failed or cancelled task have read the outcomes of their parents. */
function checkOutcomes(task: TaskEntry, { journal, workload }: EndParts, violated: (what: string) => void): void {
  if (!workload.isKnown) return;
  for (const node of task.record.graph.nodes) {
    if (node.io?.start_when !== "ended" || !isFinished(task, node.node_id)) continue;
    journal.counts.handled++;
    for (const wrong of judgeOutcomes(node, shardsOf(task, journal))) violated(`node ${node.node_id}: ${wrong}`);
  }
}

/** A task fails only for a reason that the simulation injected. */
function checkFailure(task: TaskEntry, parts: EndParts, violated: (what: string) => void): void {
  const { journal, maxLostLeases, workload } = parts;
  const { failure, graph, id, deadlineAt } = task.record;
  // That the deadline had passed was checked when the failure was written.
  if (failure?.reasonCode === "deadline_exceeded" && failure.nodeId === undefined && deadlineAt !== undefined) return;
  const node = graph.nodes.find(({ node_id }) => node_id === failure?.nodeId);
  if (failure?.shard === undefined || node === undefined) {
    violated("failed without a recorded failure");
    return;
  }
  if (node.optional) violated(`failed because of ${node.node_id}, which is optional`);
  const record = task.nodes.get(node.node_id)?.shards[failure.shard]?.record;
  const code = failure.reasonCode;
  const text = JSON.stringify({ ...failure, stack: undefined });
  if (record?.status !== "failed") {
    violated(`its failure does not belong to a failed shard: ${text}`);
    return;
  }
  if (code === "worker_lost") {
    if (record.lost !== maxLostLeases + 1) violated(`worker_lost after ${record.lost} leases`);
    return;
  }
  if (!workload.isKnown) return;
  if (node.io?.fn === "wait.signal" && code === "timeout") {
    const signal = task.record.signals?.[node.node_id];
    if (signal === undefined || signal.payload !== undefined || node.io.fn_args?.on_timeout !== undefined)
      violated(`failed although its signal is ${JSON.stringify(signal)}: ${text}`);
    return;
  }
  const policy = retryPolicyOf(workload, node);
  if (code === "too_many_failed_batches") {
    journal.counts.notTolerated++;
    const { tolerate_batches, tolerate_share = 1 } = node.batches ?? {};
    const log = journal.archive.of(record);
    const aside = asideOf(log) - asideOf(journal.carried.of(record, record.generation));
    const isMany = failure.batchUid === undefined ? aside > tolerate_share * log.length : aside === tolerate_batches;
    if (!isMany) violated(`failed with ${aside} of ${log.length} batches set aside: ${text}`);
    return;
  }
  if (failure.tries !== undefined) {
    const isTimeout = code === "timeout" && node.batches?.timeout_sec !== undefined;
    const isOfChild = code === "subflow_failed" && hasFailedChild(parts.allTasks, id, node.node_id, failure.batchUid);
    if (!isTimeout && !isOfChild && !journal.hasThrown({ taskId: id, nodeId: node.node_id }, code))
      violated(`failed without an injected cause: ${text}`);
    if (!policy.isPermanent(code) && failure.tries !== policy.max + 1)
      violated(`gave up a batch after ${failure.tries} tries: ${text}`);
    if (code === hopeless) journal.counts.hopeless++;
    return;
  }
  const injected =
    journal.hasThrown({ taskId: id, nodeId: node.node_id }, code) || code === "timeout" || code === setupFailed;
  if (!injected || (code === "timeout" && node.timeout_sec === undefined && node.batches?.timeout_sec === undefined))
    violated(`failed without an injected cause: ${text}`);
  if (!policy.isPermanent(code) && record.failures !== policy.max + 1)
    violated(`gave up after ${record.failures} failures: ${text}`);
}

/** Law 12: a stopped process leaves nothing behind. */
function checkLeftovers({ fleet, journal }: EndParts): void {
  for (const { life, signals, worker, coordinator } of fleet.processes) {
    const waitedFor = coordinator?.changes.waitedFor ?? 0;
    if (waitedFor !== 0) journal.violated(`${life.name} has stopped while ${waitedFor} tasks are still awaited`);
    if (signals.open !== 0) journal.violated(`${life.name} has stopped with ${signals.open} open watches`);
    if (worker !== undefined && worker.running !== 0)
      journal.violated(`${life.name} has stopped but still runs attempts`);
    const { registered = 0, ran = 0 } = journal.cleanups.get(life.name) ?? {};
    if (registered !== ran) journal.violated(`${life.name} ran ${ran} of ${registered} cleanups`);
  }
}
