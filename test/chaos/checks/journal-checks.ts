import { type ShardRecord, shardKey } from "../../../src/core/model/records.ts";
import { coordinatorFnType, flowType, type GraphNode } from "../../../src/graph/index.ts";
import { isHandling } from "../../../src/testing/checks/control-checks.ts";
import type { AskedPause } from "../asks.ts";
import type { Call, Calls } from "../calls.ts";
import { type LogRow, type TaskEvidence, viewAt } from "../evidence.ts";
import { externalNodes } from "../external-nodes.ts";
import { shared } from "../process-spec.ts";
import { neededParents } from "./shard-checks.ts";

/** By the journals: each batch ran at least once, each attempt in one process, and no node before its parents. */
export function checkJournal(evidence: TaskEvidence, all: Calls): string[] {
  const { task, shards, rows } = evidence;
  const calls = all.of(task.id);
  const wrong: string[] = [];
  const isCalled = ({ type }: GraphNode) => type !== coordinatorFnType && type !== flowType;
  const functions = new Set(task.graph.nodes.filter((node) => !isCalled(node)).map(({ node_id }) => node_id));
  const external = new Set(externalNodes(task.graph).map(({ node_id }) => node_id));
  const byAttempt = Map.groupBy(calls, ({ node, shard, epoch }) => `${node}:${shard}:${epoch}`);
  for (const [attempt, own] of byAttempt) {
    if (own.some(({ node }) => external.has(node))) continue; // a command may reach two workers: only one of them can store rows
    const names = new Set(own.map(({ life }) => life.name));
    if (names.size > 1) wrong.push(`attempt ${attempt} ran in ${[...names].join(" and ")}`);
  }
  for (const row of rows) {
    const { nodeId, shard, artifact, isMarker, isAdopted } = row;
    if (isMarker || isAdopted || functions.has(nodeId) || isCopied(shards, row)) continue;
    const ran = byAttempt
      .get(`${nodeId}:${shard}:${artifact.epoch}`)
      ?.some(({ uid, endedAt }) => uid === artifact.uid && endedAt !== undefined);
    if (!ran)
      wrong.push(`${nodeId}/${shard}: artifact '${artifact.uid}' of epoch ${artifact.epoch}, but no call produced it`);
  }
  const adopted = shards.filter(({ artifactsOf }) => artifactsOf !== undefined).map(({ nodeId }) => nodeId);
  const calledFor = new Set(calls.map(({ node }) => node));
  const silent = [...external].filter((id) => !calledFor.has(id)); // a node without batches makes no calls
  const skipped = shards.filter(({ status }) => status === "skipped").map(({ nodeId }) => nodeId);
  const unseen = new Set([...functions, ...adopted, ...silent, ...skipped]);
  for (const node of task.graph.nodes) wrong.push(...checkOrder(node, evidence, calls, unseen));
  for (const record of shards) if (!external.has(record.nodeId)) wrong.push(...checkEpochs(record, calls));
  return wrong;
}

/** By then every process has noticed a pause: at the latest at the end of its lease, or by a sweep. */
const pausedWithinMs = shared.leaseMs + shared.sweepMs;

/** In a paused task no batch begins, except in handlers of outcomes once it ends. */
export function checkPauses(evidence: TaskEvidence, all: Calls, pauses: readonly AskedPause[]): string[] {
  const { task } = evidence;
  const view = viewAt(evidence);
  const handles = (id: string) =>
    task.status !== "finished" && task.graph.nodes.some((node) => node.node_id === id && isHandling(view, node));
  const withinMs = pausedWithinMs + (task.parent === undefined ? 0 : shared.sweepMs);
  return pauses.flatMap(({ from, to }) => {
    const late = all.of(task.id).filter(({ uid, beganAt, life, node }) => {
      if (uid === undefined || handles(node) || beganAt < from + withinMs || beganAt > to) return false;
      return all.stoodStill(life, { from, to: beganAt, atLeastMs: shared.leaseMs / 10 }) === undefined;
    });
    return late.map(({ node, uid, beganAt, life }) => {
      const afterMs = Math.round(beganAt - from);
      return `${node}: batch ${uid} began in ${life.name} ${afterMs} ms after its task was paused`;
    });
  });
}

/** Whether the log began with it in a retry: calls of an earlier task produced it. */
function isCopied(shards: readonly ShardRecord[], { nodeId, shard, generation, artifact }: LogRow): boolean {
  const carried = shards.find((record) => record.nodeId === nodeId && record.shard === shard)?.carried;
  return carried?.generation === generation && artifact.seq < carried.length;
}

/** Handlers ran only in epochs that were claimed. */
function checkEpochs(record: ShardRecord, calls: readonly Call[]): string[] {
  if (record.history[0]?.n !== 0) return []; // its older claims are no longer known
  const claimed = new Set(record.history.filter(({ cause }) => cause === "claim").map(({ epoch }) => epoch));
  const own = calls.filter(({ node, shard }) => node === record.nodeId && shard === record.shard);
  const never = own.find(({ epoch }) => !claimed.has(epoch));
  return never === undefined
    ? []
    : [`${shardKey(record)}: its handler ran at epoch ${never.epoch}, which was not claimed`];
}

/** No call of a child precedes the start condition of its parents. */
function checkOrder(
  node: GraphNode,
  { rows, shards }: TaskEvidence,
  calls: readonly Call[],
  unseen: ReadonlySet<string>,
): string[] {
  const own = calls.filter((call) => call.node === node.node_id);
  if (own.length === 0) return [];
  const first = Math.min(...own.map(({ beganAt }) => beganAt));
  const streams = node.io?.start_when === "first_batch";
  const times = node.depends_on.map((id) => {
    if (unseen.has(id)) return 0; // in no journal: a function, a node of another task, a skipped one, or one without work
    const batches = calls.filter((call) => call.node === id && call.endedAt !== undefined && call.uid !== undefined);
    const ends = batches.map(({ endedAt = 0 }) => endedAt);
    if (streams) {
      if (shards.some(({ nodeId, carried }) => nodeId === id && (carried?.length ?? 0) > 0)) return 0;
      const anyCall = calls.filter((call) => call.node === id && call.endedAt !== undefined);
      return Math.min(...(ends.length > 0 ? ends : anyCall.map(({ endedAt = 0 }) => endedAt)));
    }
    // Every stored batch was produced by an earlier call.
    const stored = rows.filter((row) => row.nodeId === id && !row.isMarker && !isCopied(shards, row));
    return Math.max(
      0,
      ...stored.map(({ artifact }) =>
        Math.min(
          ...batches
            .filter(({ uid, epoch }) => uid === artifact.uid && epoch === artifact.epoch)
            .map(({ endedAt = 0 }) => endedAt),
        ),
      ),
    );
  });
  const neededAt = times.toSorted((a, b) => a - b)[neededParents(node) - 1] ?? 0;
  if (first >= neededAt) return [];
  return [`node ${node.node_id}: its handler began ${(neededAt - first).toFixed(1)} ms before its parents were ready`];
}
