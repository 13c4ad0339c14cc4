import { FlowError } from "../../errors/index.ts";
import type { Artifact, Carried, RetriedBatches, RetriedShard, TaskRecord } from "../model/records.ts";
import type { NodePlan } from "../plan/index.ts";
import type { Store } from "../ports/index.ts";
import type { StoreRetry } from "../resilience/store-retry.ts";
import { setAsideIn } from "../tasks/failed-batches.ts";
import { longestLog } from "./carrying.ts";

/** A task's record lists them individually. */
const maxNamed = 1_000;

/**
 * Failed batches of a node, to be retried by another task: these, or all of them.
 *
 * @throws FlowError `BATCH_UNKNOWN`, `ENGINE_OPTIONS`
 */
export async function findRetried(
  parts: { readonly store: Store; readonly retry: StoreRetry },
  of: { readonly task: TaskRecord; readonly node: NodePlan; readonly uids?: readonly string[] | undefined },
): Promise<RetriedBatches> {
  const { task, node, uids } = of;
  if (uids !== undefined && !(uids.length > 0 && uids.length <= maxNamed)) {
    throw new FlowError(
      "ENGINE_OPTIONS",
      `uids must name 1 to ${maxNamed} batches; omit it to retry all failed batches`,
    );
  }
  const left = uids === undefined ? undefined : new Set(uids);
  const shards: RetriedShard[] = [];
  for (const shard of await parts.retry.run(() => parts.store.readShards(task.id, [node.id]))) {
    const log = await parts.retry.run(() => longestLog(parts.store, shard));
    const failed: Artifact[] = [];
    for await (const artifact of setAsideIn(parts, log)) failed.push(artifact);
    const retried = left === undefined ? failed : failed.filter(({ uid }) => left.delete(uid));
    if (retried.length > 0) shards.push({ shard: shard.shard, kept: keptOf({ log, node, failed, retried }) });
  }
  const [unknown] = left ?? [];
  if (shards.length > 0 && unknown === undefined) return { nodeId: node.id, shards };
  const what = unknown === undefined ? "batch" : `batch '${unknown}'`;
  throw new FlowError("BATCH_UNKNOWN", `node '${node.id}' of task ${task.id} has no failed ${what}`, {
    details: { taskId: task.id, nodeId: node.id, ...(unknown === undefined ? {} : { batchUid: unknown }) },
  });
}

function keptOf(of: {
  readonly log: Carried;
  readonly node: NodePlan;
  readonly failed: readonly Artifact[];
  readonly retried: readonly Artifact[];
}): Carried {
  const { log, node, failed, retried } = of;
  const [first] = retried;
  // In an ordered log, nothing after the first retried batch may stay: it would come before that batch.
  if (node.batches.ordered && first !== undefined) {
    const aside = failed.filter(({ seq }) => seq < first.seq).length;
    return { ...log, length: first.seq, aside, without: { count: 0 } };
  }
  const { count = 0, seqs = [] } = log.without ?? {}; // left out by an earlier retry that ended before it copied the log
  const isAll = retried.length === failed.length;
  const without = {
    count: count + retried.length,
    ...(isAll ? {} : { seqs: [...seqs, ...retried.map(({ seq }) => seq)] }),
  };
  return { ...log, aside: failed.length - retried.length, without };
}
