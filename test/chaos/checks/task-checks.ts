import { isClosed, isOutput, isTaskTerminal, shardKey, type TaskRecord } from "../../../src/core/model/records.ts";
import { coordinatorFnType, flowType, type GraphNode } from "../../../src/graph/index.ts";
import {
  type Families,
  flowOutput,
  hasFailedChild,
  judgeChild,
  mayBeCancelled,
  othersOf,
} from "../../../src/testing/checks/child-checks.ts";
import { isFinished, wronglyCancelled } from "../../../src/testing/checks/control-checks.ts";
import { judgeWait } from "../../../src/testing/checks/end-checks.ts";
import { isSettledFailure, judgeNode, judgeOutcomes } from "../../../src/testing/checks/reference.ts";
import { compute } from "../../../src/testing/cluster/computation.ts";
import { changedPaths, varsAfter } from "../../../src/testing/cluster/vars-changes.ts";
import type { Asks } from "../asks.ts";
import type { Calls } from "../calls.ts";
import { shardsOf, type TaskEvidence, viewAt } from "../evidence.ts";
import { externalUid } from "../external-attempt.ts";
import { externalSources, isExternal } from "../external-nodes.ts";
import { shared } from "../process-spec.ts";
import { checkJournal, checkPauses } from "./journal-checks.ts";
import { checkLogs } from "./log-checks.ts";
import { checkShards, retryPolicyOf } from "./shard-checks.ts";

/** Information from outside the database. */
export interface CheckedBy {
  readonly calls: Calls;
  readonly asked: Pick<Asks, "acceptedOf" | "pausesOf">;
  readonly families: Families;
  readonly wasCancelled: boolean;
}

/** Describes violations in an ended task. */
export function checkTask(evidence: TaskEvidence, at: CheckedBy): string[] {
  const { task } = evidence;
  const wrong = [...checkLogs(evidence), ...checkShards(evidence), ...checkJournal(evidence, at.calls)];
  if (!isTaskTerminal(task.status)) wrong.push(`it is ${task.status}`);
  if (task.status === "finished") wrong.push(...checkResults(evidence, at));
  else wrong.push(...checkHandlers(evidence));
  wrong.push(...checkSetAside(evidence, at));
  wrong.push(...checkPauses(evidence, at.calls, at.asked.pausesOf(rootOf(at.families, task))));
  if (task.status === "failed") wrong.push(...checkFailure(evidence, at));
  const mayEnd = task.parent === undefined ? at.wasCancelled : mayBeCancelled(at.families, task);
  if (task.status === "cancelled" && !mayEnd) wrong.push("cancelled without a request");
  if (task.parent !== undefined) wrong.push(...checkChild(task, at.families));
  return wrong.map((what) => `task ${task.id}: ${what}`);
}

/** The task that a client created, directly or not. */
function rootOf(families: Families, { id, parent }: TaskRecord): string {
  const from = parent && families.tasks.get(parent.taskId)?.record;
  return from === undefined ? id : rootOf(families, from);
}

/** At most one child task runs for a batch at a time, and each continues the previous one. */
function checkChild(task: TaskRecord, families: Families): readonly string[] {
  const before = othersOf(families, task).filter(({ createdAt }) => createdAt < task.createdAt);
  const then = before.map(({ endedAt = 0, ...other }) =>
    endedAt <= task.createdAt ? other : { ...other, status: "running" as const },
  );
  return judgeChild(task, then);
}

/** Law 1: the stored results equal a plain evaluation of the graph. */
function checkResults(evidence: TaskEvidence, { asked, families }: CheckedBy): string[] {
  const { task, vars, shards, rows } = evidence;
  const wrong: string[] = [];
  const finished = shardsOf(evidence);
  for (const node of task.graph.nodes) {
    const own = finished(node.node_id);
    if (own.length !== (node.partitions ?? 1)) wrong.push(`node ${node.node_id}: ${own.length} shards have a record`);
    for (const { record, artifacts } of own) {
      if (!isClosed(record) || (record.status === "failed" && !node.optional))
        wrong.push(`${shardKey(record)} is ${record.status}`);
      const result = record.result as { readonly batches?: number } | undefined;
      const outputs = artifacts.filter(isOutput).length;
      if (hasFinalize(node) && record.status === "finished" && result?.batches !== outputs) {
        wrong.push(`${shardKey(record)}: finalize saw ${result?.batches} of ${outputs} batches`);
      }
      if ((record.failedBatches ?? 0) !== artifacts.length - outputs) {
        wrong.push(
          `${shardKey(record)}: ${record.failedBatches} failed batches, but ${artifacts.length - outputs} are set aside`,
        );
      }
    }
    const judged = isExternal(node)
      ? judgeExternal(node, { shards, rows })
      : judgeNode(node, finished, task.graph.nodes, flowOutput({ hasFinalize: isHandler }, task.graph, node));
    for (const what of judged) wrong.push(`node ${node.node_id}: ${what}`);
    if (node.io?.settled) {
      for (const { uid, meta } of own.flatMap(({ artifacts }) => artifacts)) {
        if (isSettledFailure(node, meta) && !hasFailedChild(families, task.id, node.node_id, uid))
          wrong.push(`node ${node.node_id}: batch ${uid} is a failure, but none of its tasks failed`);
      }
    }
    if (node.io?.fn === "wait.signal") {
      const accepted = asked.acceptedOf(task.id, node.node_id);
      for (const what of judgeWait({ task, node, shards: own, accepted })) wrong.push(`node ${node.node_id}: ${what}`);
    }
  }
  const changing = task.graph.nodes.filter((node) => changedPaths(node) && isFinished(viewAt(evidence), node.node_id));
  const lacking = changing.filter(({ node_id }) => !vars.appliedBy.includes(node_id));
  for (const { node_id } of lacking) wrong.push(`node ${node_id} finished, but its change is not in the variables`);
  const expected = varsAfter(task.graph.nodes, vars.appliedBy);
  if (!isSame(vars.vars, expected))
    wrong.push(`variables ${JSON.stringify(vars.vars)}, not ${JSON.stringify(expected)}`);
  return wrong;
}

/** In a task that failed or was cancelled, handlers of outcomes still run, and read the outcomes. */
function checkHandlers(evidence: TaskEvidence): string[] {
  const view = viewAt(evidence);
  const handling = evidence.task.graph.nodes.filter(({ io }) => io?.start_when === "ended");
  const read = handling.filter(({ node_id }) => isFinished(view, node_id));
  return [
    ...(evidence.task.cancelsAll ? [] : wronglyCancelled(view)),
    ...read.flatMap((node) => judgeOutcomes(node, shardsOf(evidence)).map((what) => `node ${node.node_id}: ${what}`)),
  ];
}

/** A batch is set aside only if its node is configured to, for an error of its handler, after its last try. */
function checkSetAside({ task, rows }: TaskEvidence, { calls, families }: CheckedBy): string[] {
  return rows.flatMap(({ nodeId, artifact: { uid, failure }, isMarker }) => {
    const node = task.graph.nodes.find(({ node_id }) => node_id === nodeId);
    if (isMarker || failure === undefined || node === undefined) return [];
    const { reasonCode: code, tries } = failure;
    const { on_failure, timeout_sec } = node.batches ?? {};
    // A retry begins with the batches that earlier tasks had set aside.
    const isThrown = [task.id, ...(task.borrowsFrom ?? [])].some((id) => calls.hasThrown(id, nodeId, code));
    const isOfChild = code === "subflow_failed" && hasFailedChild(families, task.id, nodeId, uid);
    const policy = retryPolicyOf(node);
    return [
      ...(on_failure === "set_aside" ? [] : [`${nodeId}: batch ${uid} is set aside`]),
      ...(isThrown || isOfChild || (code === "timeout" && timeout_sec !== undefined)
        ? []
        : [`${nodeId}: set aside for ${code}`]),
      ...(policy.isPermanent(code) || tries === policy.max + 1 ? [] : [`${nodeId}: set aside after ${tries} tries`]),
    ];
  });
}

const isHandler = (type: string): boolean => type !== coordinatorFnType && type !== flowType;
const hasFinalize = (node: GraphNode): boolean => isHandler(node.type) && !isExternal(node);

/** It outputs one batch for each batch of its sources' final logs, in any order. */
function judgeExternal(node: GraphNode, { shards, rows }: Pick<TaskEvidence, "shards" | "rows">): string[] {
  if (shards.some(({ nodeId, status }) => nodeId === node.node_id && status !== "finished")) return [];
  const kept = (id: string) => {
    const own = shards.filter(({ nodeId }) => nodeId === id);
    return rows.filter(
      ({ nodeId, shard, generation, isMarker }) =>
        nodeId === id && !isMarker && own.some((record) => record.shard === shard && record.generation === generation),
    );
  };
  const text = (uid: string, meta: unknown) => JSON.stringify([uid, meta]);
  const wanted = externalSources(node).flatMap((id) =>
    kept(id).map((row) => text(externalUid(id, row.batchUid), compute(node.node_id, row.artifact.meta))),
  );
  const got = kept(node.node_id).map((row) => text(row.batchUid, row.artifact.meta));
  const lacks = wanted.filter((each) => !got.includes(each));
  const more = got.filter((each) => !wanted.includes(each));
  return [
    ...lacks.map((each) => `lacks ${each}`),
    ...more.map((each) => `has ${each}, which no source has`),
    ...(got.length === wanted.length ? [] : [`${got.length} artifacts, ${wanted.length} expected`]),
  ];
}

const isSame = (a: object, b: object): boolean => sorted(a) === sorted(b);
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

/** The failure of an external worker's attempt whose sources changed meanwhile. */
const externalCodes: ReadonlySet<string> = new Set(["foreign_source_restarted"]);

/** A task fails only for a reason that a handler, the graph or a fault can cause. */
function checkFailure({ task, shards }: TaskEvidence, { calls, families }: CheckedBy): string[] {
  const { failure } = task;
  const node = task.graph.nodes.find(({ node_id }) => node_id === failure?.nodeId);
  if (failure?.shard === undefined || node === undefined)
    return [`failed without a recorded failure: ${JSON.stringify(failure)}`];
  if (node.optional) return [`failed because of ${node.node_id}, which is optional`];
  const record = shards.find(({ nodeId, shard }) => nodeId === node.node_id && shard === failure.shard);
  const { reasonCode: code } = failure;
  const text = JSON.stringify({ ...failure, stack: undefined });
  if (record?.status !== "failed") return [`its failure does not belong to a failed shard: ${text}`];
  if (code === "worker_lost") {
    return record.lost === shared.maxLostLeases + 1 ? [] : [`worker_lost after ${record.lost} lost leases`];
  }
  const isGiven =
    calls.hasThrown(task.id, node.node_id, code) ||
    (code === "timeout" && (node.timeout_sec ?? node.batches?.timeout_sec) !== undefined) ||
    (code === "too_many_failed_batches" && node.batches?.on_failure === "set_aside") ||
    (code === "subflow_failed" && hasFailedChild(families, task.id, node.node_id, failure.batchUid)) ||
    (isExternal(node) && externalCodes.has(code));
  if (!isGiven) return [`failed without an injected cause: ${text}`];
  const policy = retryPolicyOf(node);
  const { tries = record.failures } = failure; // tries of a batch; otherwise, attempts have failed
  if (policy.isPermanent(code) || tries === policy.max + 1) return [];
  return [`gave up after ${tries} failures: ${text}`];
}
