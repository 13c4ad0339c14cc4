import type { MemoryStoreEvent } from "../../src/adapters/memory/index.ts";
import {
  isShardTerminal,
  isTaskTerminal,
  type ShardRecord,
  shardKey,
  type TaskStatus,
} from "../../src/core/model/records.ts";
import type { GraphNode } from "../../src/graph/index.ts";

interface ShardSeen {
  record: ShardRecord;
  claimed: Set<number>;
  /** Epochs by seq, and uids, of each generation. */
  logs: Map<number, { epochs: number[]; uids: Set<string>; closedAt: number | undefined }>;
}

/** Observes every write of all stores over one state and records violations of the engine's laws. */
export class LawKeeper {
  readonly broken: string[] = [];
  readonly #shards = new Map<string, ShardSeen>();
  readonly #tasks = new Map<string, TaskStatus>();
  readonly #nodesOf: (taskId: string) => readonly GraphNode[];

  constructor(nodesOf: (taskId: string) => readonly GraphNode[]) {
    this.#nodesOf = nodesOf;
  }

  readonly observe = (event: MemoryStoreEvent): void => {
    switch (event.kind) {
      case "task": {
        const before = this.#tasks.get(event.taskId);
        if (before !== undefined && isTaskTerminal(before))
          this.#break(`a terminal task changed: ${before} -> ${event.to}`);
        this.#tasks.set(event.taskId, event.to);
        return;
      }
      case "shard":
        this.#moved(event.record, event.cause);
        return;
      case "artifact": {
        const log = this.#log(event.ref, event.generation);
        const { seq, uid, epoch } = event.artifact;
        const key = shardKey(event.ref);
        if (seq !== log.epochs.length) this.#break(`${key}: seq ${seq} after ${log.epochs.length} artifacts`);
        if (epoch < (log.epochs.at(-1) ?? 0)) this.#break(`${key}: epoch ${epoch} after ${log.epochs.at(-1)}`);
        if (log.uids.has(uid)) this.#break(`${key}: uid ${uid} twice`);
        if (log.closedAt !== undefined) this.#break(`${key}: an artifact after the complete marker`);
        log.epochs.push(epoch);
        log.uids.add(uid);
        return;
      }
      case "log_closed": {
        const log = this.#log(event.ref, event.generation);
        if (event.count !== log.epochs.length)
          this.#break(`${shardKey(event.ref)}: closed at ${event.count} of ${log.epochs.length}`);
        log.closedAt = event.count;
        return;
      }
      case "vars":
      case "renewed":
      case "restarted":
        return;
    }
  };

  #moved(record: ShardRecord, cause: string): void {
    const key = shardKey(record);
    const seen = this.#shards.get(key);
    if (seen === undefined) {
      this.#shards.set(key, { record, claimed: new Set(), logs: new Map() });
      if (cause === "dispatch") this.#checkStart(record);
      return;
    }
    if (isShardTerminal(seen.record.status)) this.#break(`${key}: left ${seen.record.status}`);
    if (record.epoch < seen.record.epoch) this.#break(`${key}: epoch decreased to ${record.epoch}`);
    if (cause === "claim") {
      if (seen.claimed.has(record.epoch)) this.#break(`${key}: epoch ${record.epoch} was claimed twice`);
      seen.claimed.add(record.epoch);
    }
    seen.record = record;
  }

  /** A child starts only if its fan-in and start condition hold in the stored state. */
  #checkStart(record: ShardRecord): void {
    const nodes = this.#nodesOf(record.taskId);
    const node = nodes.find(({ node_id }) => node_id === record.nodeId);
    if (node === undefined) throw new Error(`${record.nodeId} is not a node`);
    const satisfied = node.depends_on.filter((parent) => {
      const partitions = nodes.find(({ node_id }) => node_id === parent)?.partitions ?? 1;
      const shards = Array.from({ length: partitions }, (_, shard) =>
        this.#shards.get(shardKey({ taskId: record.taskId, nodeId: parent, shard })),
      );
      const finished = shards.every((each) => each?.record.status === "finished");
      const streams = shards.some((each) => [...(each?.logs.values() ?? [])].some((log) => log.epochs.length > 0));
      return finished || (node.io?.start_when === "first_batch" && streams);
    });
    const fanIn = node.fan_in ?? "all";
    const needed =
      fanIn === "all"
        ? node.depends_on.length
        : fanIn === "any"
          ? Math.min(1, node.depends_on.length)
          : Number(fanIn.slice(6));
    if (satisfied.length < needed)
      this.#break(`${record.nodeId} started with ${satisfied.length} of ${needed} parents`);
  }

  #log(ref: { taskId: string; nodeId: string; shard: number }, generation: number) {
    const seen = this.#shards.get(shardKey(ref));
    if (seen === undefined) throw new Error(`${shardKey(ref)} has artifacts but no record`);
    let log = seen.logs.get(generation);
    if (log === undefined) {
      log = { epochs: [], uids: new Set(), closedAt: undefined };
      seen.logs.set(generation, log);
    }
    return log;
  }

  #break(what: string): void {
    this.broken.push(what);
  }
}
