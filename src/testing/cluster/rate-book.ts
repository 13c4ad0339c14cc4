import type { ShardRef, TaskRecord } from "../../core/model/records.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import { coordinatorFnType, flowType, type Graph, type GraphNode } from "../../graph/index.ts";

interface Bucket {
  readonly perSec: number;
  readonly burst: number;
  /** When each token was taken, by a clock that advances with the store's and never goes back. */
  readonly takenAt: number[];
  /** By the store's clock. */
  lastAt: number;
  begun: number;
}

interface RateCounts {
  keysShared: number;
  tokens: number;
  tokensAwaited: number;
  triesOfTwoRates: number;
}

/** The name of a limit over all tasks of a flow: per node, or per value of its key. */
export function sharedLimitOf({ name = "" }: Graph, { node_id: id, limits }: GraphNode): string {
  return limits?.key === undefined ? `node:${name}/${id}` : `key:${name}/${id}:${limits.key}`;
}

/** The allowed and the taken tokens of rates, written out independently of the engine. */
export class RateBook {
  readonly #buckets = new Map<string, Bucket>();
  /** By task and node. */
  readonly #ofNode = new Map<string, readonly string[]>();
  /** By the key of a limit, the task that claimed last. */
  readonly #claimedBy = new Map<string, string>();
  readonly #counts: RateCounts;

  constructor(counts: RateCounts) {
    this.#counts = counts;
  }

  created({ id, graph }: TaskRecord, running: RunningLimits): void {
    for (const node of graph.nodes) {
      if (node.type === coordinatorFnType) continue;
      const { per_sec: perSec, burst = 1 } = node.limits ?? {};
      const ofType = node.type === flowType ? undefined : running.ratePerType?.[node.type];
      const rates = [
        ...(perSec === undefined ? [] : [[sharedLimitOf(graph, node), Number(perSec), Number(burst)] as const]),
        ...(ofType === undefined ? [] : [[`type:${node.type}`, ofType.perSec, ofType.burst] as const]),
      ];
      for (const [key, each, most] of rates) {
        if (!this.#buckets.has(key))
          this.#buckets.set(key, { perSec: each, burst: most, takenAt: [], lastAt: 0, begun: 0 });
      }
      if (rates.length > 0)
        this.#ofNode.set(
          `${id}:${node.node_id}`,
          rates.map(([key]) => key),
        );
    }
  }

  claimed(key: string, taskId: string): void {
    if ((this.#claimedBy.get(key) ?? taskId) !== taskId) this.#counts.keysShared++;
    this.#claimedBy.set(key, taskId);
  }

  /** @returns a violation of: in any time T, at most `burst + perSec * T` tokens are taken */
  took(key: string, storeNow: number): string | undefined {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return `a token of ${key}, which no node has`;
    const { perSec, burst, takenAt } = bucket;
    const at = (takenAt.at(-1) ?? 0) + (takenAt.length === 0 ? 0 : Math.max(0, storeNow - bucket.lastAt));
    bucket.lastAt = storeNow;
    takenAt.push(at);
    this.#counts.tokens++;
    const before = takenAt.at(-1 - burst);
    if (before !== undefined && at - before < 1_050 / perSec) this.#counts.tokensAwaited++;
    for (const [index, since] of takenAt.entries()) {
      const count = takenAt.length - index;
      const most = burst + (perSec * (at - since)) / 1_000 + 0.01;
      if (count > most)
        return `${count} tokens of ${key} in ${at - since} ms, at ${perSec} a second and ${burst} at once`;
    }
    return undefined;
  }

  /** @returns a violation of: each try takes a token of each of its rates */
  begins({ taskId, nodeId }: Pick<ShardRef, "taskId" | "nodeId">): string | undefined {
    const keys = this.#ofNode.get(`${taskId}:${nodeId}`) ?? [];
    if (keys.length > 1) this.#counts.triesOfTwoRates++;
    for (const key of keys) {
      const bucket = this.#buckets.get(key);
      if (bucket !== undefined && ++bucket.begun > bucket.takenAt.length)
        return `try ${bucket.begun} begins after ${bucket.takenAt.length} tokens of ${key}`;
    }
    return undefined;
  }
}
