import { match } from "ts-pattern";
import type { MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { ShardRecord, ShardRef } from "../../engine/model.ts";

/** A write as a story of the run tells it: who did what to which node. `undefined`: nothing worth a line. */
export function tellWrite(event: MemoryStoreEvent): string | undefined {
  return match(event)
    .with({ kind: "task" }, ({ taskId, to }) => `-\ttask ${taskId} is ${to}`)
    .with({ kind: "shard" }, ({ record, cause, from }) => {
      const failure = record.failure === undefined || cause !== "fail" ? "" : `: ${record.failure.message}`;
      return `${holderOf(record)}\t${nameOf(record)}\t${cause}: ${from} -> ${record.status}, epoch ${record.epoch}${failure}`;
    })
    .with({ kind: "artifact" }, ({ ref, artifact }) => {
      const { seq, uid, meta, claimId } = artifact;
      return `${processOf(claimId)}\t${nameOf(ref)}\tstores batch '${uid}' as ${seq}: ${cut(JSON.stringify(meta))}`;
    })
    .with({ kind: "restarted" }, ({ record }) => `${holderOf(record)}\t${nameOf(record)}\tstarts its output over`)
    .with({ kind: "vars" }, ({ vars }) => `-\tvars are ${cut(JSON.stringify(vars.vars))}`)
    .otherwise(() => undefined);
}

const longest = 100;

const nameOf = ({ nodeId, shard }: ShardRef): string => (shard === 0 ? nodeId : `${nodeId}/${shard}`);
const holderOf = ({ lease, lastClaimId }: ShardRecord): string => processOf(lease?.claimId ?? lastClaimId);
/** A claim's id begins with the name of its process. */
const processOf = (claimId: string | undefined): string => claimId?.slice(0, claimId.lastIndexOf("-")) ?? "-";
const cut = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);
