import type { MemoryState } from "../../adapters/memory/index.ts";
import type { ShardRecord } from "../../engine/model.ts";
import type { RunningLimits } from "../../engine/worker/running-limits.ts";

/** Law 9, at every claim: counted from the records themselves, not from the slots that the engine keeps. */
export function checkLimits(
  parts: { readonly state: MemoryState; readonly running: RunningLimits },
  claimed: ShardRecord,
  violated: (ref: ShardRecord, what: string) => void,
): void {
  const { state, running } = parts;
  const open = [...state.leased].map(({ record }) => record);
  const check = (what: string, max: number | undefined, isOf: (record: ShardRecord) => boolean): void => {
    const count = open.filter(isOf).length;
    if (max !== undefined && count > max) violated(claimed, `${count} run at once ${what}, at most ${max} may`);
  };
  const node = state.tasks.get(claimed.taskId)?.record.graph.nodes.find(({ node_id }) => node_id === claimed.nodeId);
  check("in all", running.maxRunning, () => true);
  check("of its task", running.maxRunningPerTask, ({ taskId }) => taskId === claimed.taskId);
  check("of its type", running.maxRunningPerType?.[claimed.type], ({ type }) => type === claimed.type);
  check(
    "of its node",
    node?.limits?.max_running === undefined ? undefined : Number(node.limits.max_running),
    ({ taskId, nodeId }) => taskId === claimed.taskId && nodeId === claimed.nodeId,
  );
}
