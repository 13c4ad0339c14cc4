import { type HistoryEntry, isShardTerminal, type ShardRecord, shardKey } from "../../../src/core/model/records.ts";
import { isShardTransition } from "../../../src/core/model/transitions.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { conditionHolds } from "../../../src/testing/checks/control-checks.ts";
import { checkStarted } from "../../../src/testing/checks/shard-checks.ts";
import { shardsOf, type TaskEvidence, viewAt } from "../evidence.ts";
import { shared } from "../process-spec.ts";

/** Laws 3, 4, 5 and 7, by the shards' histories. */
export function checkShards(evidence: TaskEvidence): string[] {
  const { task, shards } = evidence;
  const wrong: string[] = [];
  for (const record of shards) {
    const node = task.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
    const all =
      node === undefined
        ? ["is not a node of its graph"]
        : [...checkHistory(record), ...checkAttempts(node, record), ...checkStart(evidence, node, record)];
    for (const what of all) wrong.push(`${shardKey(record)}: ${what}`);
    if (!isShardTerminal(record.status)) wrong.push(`${shardKey(record)}: ${record.status}, but its task has ended`);
  }
  return wrong;
}

const isWhole = ({ history }: ShardRecord): boolean => history[0]?.n === 0;

function checkHistory(record: ShardRecord): string[] {
  const wrong: string[] = [];
  const { history } = record;
  const claims = new Set<number>();
  for (const [index, entry] of history.entries()) {
    const before = history[index - 1];
    const step = `${entry.from} -> ${entry.to} by ${entry.cause} at epoch ${entry.epoch}`;
    if (!isShardTransition(entry)) wrong.push(`${step} is not a transition`);
    if (before !== undefined && (before.to !== entry.from || before.n + 1 !== entry.n))
      wrong.push(`${step} after ${before.to}`);
    if (before !== undefined && entry.epoch < before.epoch)
      wrong.push(`${step}: its epoch decreased from ${before.epoch}`);
    if (before !== undefined && isShardTerminal(before.to) && entry.cause !== "close")
      wrong.push(`${step}: it had already ended`);
    if (entry.cause !== "claim") continue;
    if (claims.has(entry.epoch)) wrong.push(`epoch ${entry.epoch} was claimed twice`);
    claims.add(entry.epoch);
  }
  if (history.at(-1)?.to !== record.status)
    wrong.push(`${record.status}, but its history ends at ${history.at(-1)?.to}`);
  return wrong;
}

/**
 * Permanent regardless of a node's policy: a `PermanentError` of the handler, a value that does not match a schema, and
 * more failed batches than tolerated.
 */
const alwaysPermanent: readonly string[] = ["broken", "schema_mismatch", "too_many_failed_batches"];

export function retryPolicyOf(node: GraphNode): { readonly max: number; isPermanent(code: string): boolean } {
  const { max = 2, permanent_on = ["bad_input", "schema_mismatch"] } = node.retry_policy ?? {};
  // The timeout of a signal does not start again.
  const always = node.io?.fn === "wait.signal" ? [...alwaysPermanent, "timeout"] : alwaysPermanent;
  return { max, isPermanent: (code) => permanent_on.includes(code) || always.includes(code) };
}

function checkAttempts(node: GraphNode, record: ShardRecord): string[] {
  const wrong: string[] = [];
  const policy = retryPolicyOf(node);
  const count = (isOne: (entry: HistoryEntry) => boolean): number => record.history.filter(isOne).length;
  if (record.failures > policy.max + 1) wrong.push(`${record.failures} failures, but ${policy.max} retries`);
  if (record.lost > shared.maxLostLeases + 1) wrong.push(`${record.lost} lost leases`);
  for (const { cause, to, reasonCode = "" } of record.history) {
    if (cause === "fail" && to === "deferred" && policy.isPermanent(reasonCode)) {
      wrong.push(`retried after ${reasonCode}, which is permanent`);
    }
  }
  if (!isWhole(record)) return wrong;
  const failed = count(({ cause }) => cause === "fail");
  const lost = count(({ cause, from }) => cause === "expire" && from === "running");
  if (failed !== record.failures) wrong.push(`${record.failures} failures, but its history has ${failed}`);
  // Progress between two losses resets the count.
  if (record.lost > lost || (lost > 0 && record.lost === 0)) {
    wrong.push(`${record.lost} lost leases, but its history has ${lost}`);
  }
  const ended = record.history.at(-1);
  const { tries = failed } = record.failure ?? {}; // tries of a batch; otherwise, attempts have failed
  if (ended?.cause === "fail" && !policy.isPermanent(ended.reasonCode ?? "") && tries !== policy.max + 1) {
    wrong.push(`gave up after ${tries} failures of ${policy.max + 1}`);
  }
  return wrong;
}

/** It began, or was skipped, after its parents were ready; all timestamps are the server's. */
function checkStart(evidence: TaskEvidence, node: GraphNode, record: ShardRecord): readonly string[] {
  const [first, ...later] = record.history;
  if (first === undefined || (first.cause !== "dispatch" && first.cause !== "skip")) return [];
  const before = viewAt(evidence, first.at);
  const artifactsOf = ({ nodeId, shard }: ShardRecord) =>
    shardsOf(evidence)(nodeId).find(({ record: found }) => found.shard === shard)?.artifacts ?? [];
  const holds = conditionHolds(before, node, artifactsOf);
  const dueAt = Math.max(first.at, evidence.task.startsAt ?? 0) + Number(node.delay_sec ?? 0) * 1_000;
  // A signal wakes its node even before the task starts; the nodes after it wait.
  const isWoken = later.some(({ cause }) => cause === "wake");
  const early = isWoken ? undefined : later.find(({ cause, at }) => cause === "claim" && at < dueAt);
  return [
    ...checkStarted(before, node, record),
    ...(holds === (first.cause === "dispatch") ? [] : [`${first.cause}, but its condition is ${holds}`]),
    ...(early === undefined ? [] : [`claimed ${dueAt - early.at} ms before its delay ended`]),
  ];
}

export function neededParents(node: GraphNode): number {
  const fanIn = node.fan_in ?? "all";
  if (node.depends_on.length === 0 || fanIn === "all") return node.depends_on.length;
  return fanIn === "any" ? 1 : Number(fanIn.slice("count:".length));
}
