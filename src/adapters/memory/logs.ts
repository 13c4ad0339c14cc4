import { keepJson } from "../../core/codec/index.ts";
import { fence, finishShard, isRecorded } from "../../core/model/index.ts";
import type { ShardRecord, ShardRef } from "../../core/model/records.ts";
import { artifactsDropped, type Store } from "../../core/ports/index.ts";
import type { LogDriver } from "../../core/store/driver.ts";
import { ArtifactLog } from "./artifact-log.ts";
import { dropReadBy, dropSunk } from "./consumption.ts";
import type { ShardEntry, StoreContext } from "./memory-state.ts";
import { updateShard } from "./shards.ts";

/** The log of a shard or generation that has not stored anything. */
const emptyLog = new ArtifactLog();

export function logDriver(context: StoreContext): LogDriver {
  const { state, step, observe, dropConsumed, sinks } = context;
  const find = (ref: ShardRef, generation: number): ArtifactLog => state.shard(ref)?.logs[generation] ?? emptyLog;
  const close = (entry: ShardEntry | undefined, generation: number, end?: number): boolean => {
    if (entry === undefined) return false;
    const log = logOf(entry, generation);
    const count = end ?? log.length;
    const isNew = !log.closed && log.close(count);
    if (isNew) observe?.({ kind: "log_closed", ref: entry.record, generation, count });
    return log.length === count;
  };
  return {
    append(attempt, generation, artifact) {
      const entry = state.shard(attempt);
      const answer = fence(entry?.record, attempt);
      if (entry === undefined || answer !== "ok") return answer;
      const insert = () => {
        const log = logOf(entry, generation);
        if (log.isOwn(attempt, artifact)) return "ok";
        const stored = log.append(attempt, artifact);
        if (typeof stored === "string") return stored;
        entry.node.hasArtifacts = true;
        observe?.({ kind: "artifact", ref: entry.record, generation, artifact: stored });
        if (dropConsumed === "streaming") dropReadBy(entry, stored.origin);
        if (sinks.has(entry.record.type)) dropSunk(entry, log);
        return "ok";
      };
      // A database checks the fence and inserts in two steps: a stale insert may get through, and its seq decides.
      return step === undefined ? insert() : step("append:insert").then(insert);
    },

    complete(attempt, outcome) {
      if (outcome.result !== undefined) keepJson(outcome.result, `the result of node '${attempt.nodeId}'`); // rejects before the log is closed
      const entry = state.shard(attempt);
      if (isRecorded(entry?.record, attempt, "complete")) return "ok";
      const answer = fence(entry?.record, attempt);
      if (entry === undefined || answer !== "ok") return answer;
      const mark = () => close(entry, outcome.generation, outcome.count);
      const judge = (record: ShardRecord | undefined, now: number) => finishShard(record, attempt, { ...outcome, now });
      const finish = () => updateShard(context, { ref: attempt, change: "complete", judge });
      if (step === undefined) return mark() ? finish() : "conflict";
      return step("complete:marker").then(() => (mark() ? step("complete:finish").then(finish) : "conflict"));
    },

    close: async (ref, generation) => void close(state.shard(ref), generation),

    async read(ref, { generation, from, limit }) {
      const page = find(ref, generation).read(from, limit);
      if (page === "dropped") throw artifactsDropped(ref);
      return page;
    },

    tail: async (ref, generation) => find(ref, generation).tail(),

    storedUids: async (ref, generation, uids) => find(ref, generation).stored(uids),

    async readUids(ref, { generation, from, limit }) {
      const page = find(ref, generation).read(from, limit);
      return page === "dropped" ? [] : page.map(({ uid }) => uid);
    },

    async count(taskId) {
      const counts: Awaited<ReturnType<Store["countArtifacts"]>> = [];
      const nodes = [...(state.tasks.get(taskId)?.nodes.values() ?? [])];
      for (const entry of nodes.flatMap(({ shards }) => shards)) {
        if (entry === undefined) continue;
        if (step !== undefined) await step("countArtifacts");
        const { nodeId, shard, generation, count } = entry.record;
        counts.push({ nodeId, shard, count: count ?? entry.logs[generation]?.length ?? 0 });
      }
      return counts;
    },
  };
}

function logOf(entry: ShardEntry, generation: number): ArtifactLog {
  const { logs } = entry;
  const log = logs[generation] ?? new ArtifactLog();
  if (logs.length === 0 && generation === 0) entry.logs = [log];
  else if (logs[generation] === undefined) entry.logs = Object.assign([...logs], { [generation]: log });
  return log;
}
