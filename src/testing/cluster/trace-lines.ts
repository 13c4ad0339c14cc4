import { match } from "ts-pattern";
import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { ShardRecord, ShardRef } from "../../core/model/records.ts";

/* Lines of traces and timelines: short enough to read, precise enough to follow a run. */

export const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

const longestCall = 160;
const longestValue = 100;

export function showArguments(args: readonly unknown[]): string {
  return cut(` ${args.map(show).join(" ")}`, longestCall);
}

export function showAnswer(answer: unknown): string {
  return cut(` ${Array.isArray(answer) ? `[${answer.map(show).join(", ")}]` : show(answer)}`, longestCall);
}

function show(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (isRef(value)) return showRef(value);
  if ("graph" in value) return "<task>";
  return JSON.stringify(value);
}

function isRef(value: object): value is { taskId: string; nodeId: string; shard: number; [key: string]: unknown } {
  return "taskId" in value && "nodeId" in value && "shard" in value;
}

function showRef(ref: { taskId: string; nodeId: string; shard: number; [key: string]: unknown }): string {
  const named = ["status", "epoch", "claimId", "generation", "count"].flatMap((key) =>
    ref[key] === undefined ? [] : [`${key}=${String(ref[key])}`],
  );
  return `${ref.taskId}:${ref.nodeId}:${ref.shard} ${named.join(" ")}`.trim();
}

const cut = (text: string, longest: number): string =>
  text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;

/** A write as a line of the timeline; `undefined` if it is not worth one. */
export function writeLine(event: MemoryStoreEvent): string | undefined {
  return match(event)
    .with({ kind: "task" }, ({ taskId, to }) => `-\ttask ${taskId} is ${to}`)
    .with({ kind: "shard" }, ({ record, cause, from }) => {
      const failure = record.failure === undefined || cause !== "fail" ? "" : `: ${record.failure.message}`;
      return `${ownerOf(record)}\t${nameOf(record)}\t${cause}: ${from} -> ${record.status}, epoch ${record.epoch}${failure}`;
    })
    .with({ kind: "artifact" }, ({ ref, artifact }) => {
      const { seq, uid, meta, claimId } = artifact;
      return `${processOf(claimId)}\t${nameOf(ref)}\tstores batch '${uid}' as ${seq}: ${cut(JSON.stringify(meta), longestValue)}`;
    })
    .with({ kind: "restarted" }, ({ record }) => `${ownerOf(record)}\t${nameOf(record)}\trestarts its log`)
    .with({ kind: "vars" }, ({ vars }) => `-\tvars are ${cut(JSON.stringify(vars.vars), longestValue)}`)
    .otherwise(() => undefined);
}

const nameOf = ({ nodeId, shard }: ShardRef): string => (shard === 0 ? nodeId : `${nodeId}/${shard}`);
const ownerOf = ({ lease, lastClaimId }: ShardRecord): string => processOf(lease?.claimId ?? lastClaimId);
/** A claim id starts with the name of its process. */
const processOf = (claimId: string | undefined): string => claimId?.slice(0, claimId.lastIndexOf("-")) ?? "-";

/** The tasks and their unfinished shards, for a run that does not end. */
export function openShards(state: MemoryState): string {
  const shown: string[] = [];
  for (const { record, nodes } of state.tasks.values()) {
    shown.push(`${record.id} ${record.status}`);
    for (const { shards } of nodes.values()) {
      for (const entry of shards) {
        if (entry === undefined) continue;
        const { nodeId, shard, status, epoch, generation, yields } = entry.record;
        if (status === "finished") continue;
        shown.push(`${nodeId}/${shard} ${status} epoch ${epoch} generation ${generation} yields ${yields}`);
      }
    }
  }
  return shown.join(", ");
}
