import {
  type HistoryEntry,
  keptLength,
  type ShardRecord,
  type ShardStatus,
  type TaskStatus,
  type WorkerRecord,
} from "../model/records.ts";
import { shortMessage } from "../model/shard-transition.ts";
import type { NodePlan, Plan } from "./plan.ts";
import { endOf, isNodeClosed, isNodeFinished, type ParentState, readiness } from "./readiness.ts";

/** Why a node, or a shard of one, is not running now, or where it runs. Times are the store's, in ms since 1970. */
export type Reason =
  | {
      readonly reason: "waiting_for_parents" | "waiting_for_first_batch";
      readonly waitingOn: readonly string[];
      /** How many of these parents it needs. */
      readonly needed: number;
    }
  /** Its parents satisfy it: a coordinator is about to dispatch it. */
  | { readonly reason: "ready" }
  /** Its flow is paused, so the task does not begin. */
  | { readonly reason: "flow_paused" }
  /** Failed and will be retried. */
  | {
      readonly reason: "backoff";
      readonly until: number;
      readonly reasonCode: string;
      /** Of its error, at most 500 characters; absent if an older version stored it. */
      readonly message?: string;
      readonly failures: number;
      readonly maxFailures: number;
    }
  /** Starts after a delay. */
  | { readonly reason: "delayed"; readonly until: number }
  /** Waits for a signal; without `until`, as long as its task runs. */
  | { readonly reason: "waiting_for_signal"; readonly since: number; readonly until?: number }
  /** Its task is paused. */
  | { readonly reason: "paused" }
  /** Released its slot because all of its open batches have failed and wait for their next try. */
  | { readonly reason: "waiting_for_batches"; readonly until: number; readonly batches: number }
  /** Released its slot because it had no input. */
  | { readonly reason: "waiting_for_input"; readonly until: number }
  /**
   * `max` are running: in total, of its type, of its task, of the node, or of the node for the value `of` its limit's key.
   */
  | {
      readonly reason: "limit";
      readonly limit: "all" | "type" | "task" | "node" | "key";
      readonly max: number;
      readonly of?: string;
    }
  /** No try of a batch may begin before `until`: its node or type has a rate. */
  | { readonly reason: "rate"; readonly perSec: number; readonly until: number }
  /** Its command was sent to external workers; `announced`: how many of its type announced themselves recently. */
  | { readonly reason: "offered"; readonly type: string; readonly announced: number }
  /** No live worker serves its type; `lost`: the worker that ran it, if its lease has expired. */
  | { readonly reason: "no_worker"; readonly type: string; readonly lost?: LostWorker }
  /** Can be claimed; `ahead` others of its type are before it; `undefined`: too many to count. */
  | { readonly reason: "queued"; readonly ahead: number | undefined }
  | {
      readonly reason: "running";
      readonly workerId: string;
      readonly since: number;
      readonly leaseUntil: number;
      readonly epoch: number;
      /** Its task is paused: it ends after its current batches. @defaultValue false */
      readonly pausing?: true;
      /** Its next try of a batch waits for the rate of its node or type. */
      readonly rate?: RateFacts;
    }
  /**
   * Its worker's lease has expired: it is presumed dead, and a coordinator will queue the shard again. `leaseUntil` is 0 if
   * it is known to have ended.
   */
  | {
      readonly reason: "lease_expired";
      readonly workerId: string;
      readonly since: number;
      readonly leaseUntil: number;
      readonly epoch: number;
      readonly type: string;
      /** How many live workers serve its type. */
      readonly workers: number;
      /** When the worker last announced itself; absent if the store no longer knows. */
      readonly heardAt?: number;
    }
  /** Asked to stop; its claim ends at `until` in any case. */
  | { readonly reason: "cancelling"; readonly workerId: string; readonly until: number }
  | {
      readonly reason: "ended";
      readonly status: Extract<ShardStatus, "finished" | "skipped" | "failed" | "cancelled">;
      /** Of its failure, as are the others. */
      readonly reasonCode?: string;
      /** At most 500 characters. */
      readonly message?: string;
      readonly batchUid?: string;
      /** How often that batch was tried. */
      readonly tries?: number;
    };

/** A worker whose lease has expired. */
export interface LostWorker {
  readonly workerId: string;
  /** When a coordinator found it expired. */
  readonly at: number;
  /** When the worker last announced itself; absent if the store no longer knows. */
  readonly heardAt?: number;
}

/** No try of a batch may begin before `until`. */
export interface RateFacts {
  readonly perSec: number;
  readonly until: number;
}

export interface ShardExplanation {
  readonly nodeId: string;
  readonly shard: number;
  readonly why: Reason;
  /** In a retry: the batches that it carries, and the task that had stored them. Absent if there are none. */
  readonly carried?: { readonly batches: number; readonly taskId: string };
}

/** The facts about a task, read just before. */
export interface ExplainFacts {
  /** Store time, as estimated by this process. */
  readonly now: number;
  readonly status: TaskStatus;
  readonly plan: Plan;
  readonly shards: readonly ShardRecord[];
  readonly workers: readonly WorkerRecord[];
  /** When a worker whose lease has expired last announced itself. */
  readonly heardAt?: (workerId: string) => number | undefined;
  /** The flow is paused. */
  readonly isPaused?: boolean;
  /** Types that external workers serve: these accept commands, and no limit applies to them. */
  readonly external?: ReadonlySet<string> | undefined;
  /** Nodes that have stored a batch. */
  readonly withArtifacts: ReadonlySet<string>;
  /** The full limit that blocks a shard of this node, if any. */
  readonly fullLimit: (node: NodePlan) => Omit<Extract<Reason, { reason: "limit" }>, "reason"> | undefined;
  /** The rate of this node that has no token, if any. */
  readonly rateOf?: (node: NodePlan) => RateFacts | undefined;
  /** How many queued shards of its type are before this one. */
  readonly ahead: (record: ShardRecord) => number | undefined;
}

/** One entry per shard of the task, in the order of the graph's nodes. */
export function explain(facts: ExplainFacts): readonly ShardExplanation[] {
  const byNode = Map.groupBy(facts.shards, (record) => record.nodeId);
  const stateOf = (id: string): ParentState => {
    const node = facts.plan.byId.get(id);
    const shards = byNode.get(id) ?? [];
    const closed = node !== undefined && isNodeClosed(node, shards);
    const omitted = closed && !isNodeFinished(node, shards);
    const ended = node !== undefined && endOf(node, shards) !== undefined;
    return { ended, closed, omitted, hasArtifact: facts.withArtifacts.has(id) };
  };
  return facts.plan.nodes.flatMap((node) => {
    const records = new Map((byNode.get(node.id) ?? []).map((record) => [record.shard, record]));
    const undispatched = records.size === node.partitions ? undefined : whyUndispatched(facts, node, stateOf);
    return Array.from({ length: node.partitions }, (_, shard): ShardExplanation => {
      const record = records.get(shard);
      const why = record === undefined ? (undispatched as Reason) : whyOf(facts, node, record);
      const { taskId = "" } = record?.carried ?? {};
      const batches = record?.carried === undefined ? 0 : keptLength(record.carried);
      return { nodeId: node.id, shard, why, ...(batches === 0 ? {} : { carried: { batches, taskId } }) };
    });
  });
}

function whyUndispatched(facts: ExplainFacts, node: NodePlan, stateOf: (id: string) => ParentState): Reason {
  const mayStart = facts.status === "running" || (facts.status === "cancelling" && facts.plan.handling.has(node.id));
  if (!mayStart) return { reason: "ended", status: "cancelled" };
  const verdict = readiness(node, stateOf);
  if (verdict.ready && facts.isPaused && facts.shards.length === 0) return { reason: "flow_paused" };
  if (verdict.ready) return { reason: "ready" };
  const { reason, waitingOn, needed } = verdict;
  return { reason, waitingOn, needed };
}

function whyOf(facts: ExplainFacts, node: NodePlan, record: ShardRecord): Reason {
  const { status, lease, history } = record;
  const last = history.at(-1);
  if (status === "finished" || status === "skipped" || status === "failed" || status === "cancelled") {
    const { reasonCode, message, batchUid, tries } = record.failure ?? {};
    return {
      reason: "ended",
      status,
      ...(reasonCode === undefined ? {} : { reasonCode }),
      ...(message && { message: shortMessage(message) }),
      ...(batchUid === undefined ? {} : { batchUid }),
      ...(tries === undefined ? {} : { tries }),
    };
  }
  if (status === "running" || status === "cancelling") {
    const workerId = lease?.workerId ?? "";
    const leaseUntil = lease?.deadline ?? 0;
    if (status === "cancelling") {
      return { reason: "cancelling", workerId, until: Math.min(leaseUntil, record.cancelBy ?? leaseUntil) };
    }
    const place = { workerId, since: last?.at ?? 0, leaseUntil, epoch: record.epoch };
    if (leaseUntil < facts.now) {
      const heardAt = facts.heardAt?.(workerId);
      const known = heardAt === undefined ? {} : { heardAt };
      return { reason: "lease_expired", ...place, type: record.type, workers: workersOf(facts, record.type), ...known };
    }
    const rate = facts.rateOf?.(node);
    const more = { ...(record.paused === undefined ? {} : { pausing: true as const }), ...(rate && { rate }) };
    return { reason: "running", ...place, ...more };
  }
  if (status === "deferred") return whyDeferred(facts, node, record);
  const { type } = record;
  const workers = workersOf(facts, type);
  if (facts.external?.has(type)) return { reason: "offered", type, announced: workers };
  if (workers === 0) return { reason: "no_worker", type, ...lostBy(facts, last) };
  const rate = facts.rateOf?.(node);
  if (rate !== undefined) return { reason: "rate", ...rate };
  const full = facts.fullLimit(node);
  return full === undefined ? { reason: "queued", ahead: facts.ahead(record) } : { reason: "limit", ...full };
}

function lostBy({ heardAt }: ExplainFacts, last: HistoryEntry | undefined): { readonly lost?: LostWorker } {
  if (last?.cause !== "expire" || last.workerId === undefined) return {};
  const { workerId, at } = last;
  const heard = heardAt?.(workerId);
  return { lost: { workerId, at, ...(heard === undefined ? {} : { heardAt: heard }) } };
}

const workersOf = ({ workers }: ExplainFacts, type: string): number =>
  workers.filter(({ types }) => types.includes(type)).length;

function whyDeferred(facts: ExplainFacts, node: NodePlan, record: ShardRecord): Reason {
  const { history, dueAt, failures, tries = {}, paused } = record;
  if (paused !== undefined) return { reason: "paused" };
  const waitsSince = signalAwaited(node, record);
  const until = dueAt ?? 0;
  if (waitsSince !== undefined) {
    return { reason: "waiting_for_signal", since: waitsSince, ...(dueAt === undefined ? {} : { until }) };
  }
  const {
    cause,
    at = 0,
    reasonCode = "unexpected_error",
    message,
  } = history.findLast((entry) => entry.cause !== "pause" && entry.cause !== "resume") ?? {};
  if (cause === "release") {
    const batches = Object.values(tries).filter((tried) => tried.dueAt > at).length;
    if (batches > 0) return { reason: "waiting_for_batches", until, batches };
    const rate = facts.rateOf?.(node);
    return rate === undefined ? { reason: "waiting_for_input", until } : { reason: "rate", ...rate };
  }
  if (cause !== "fail") return { reason: "delayed", until };
  const { maxFailures } = node.retry;
  return { reason: "backoff", until, reasonCode, ...(message && { message }), failures, maxFailures };
}

/** Since when it has been waiting for a signal; `undefined` if it is not. */
export function signalAwaited({ wait }: NodePlan, { status, epoch, history }: ShardRecord): number | undefined {
  return wait !== undefined && status === "deferred" && epoch === 1 ? history[0]?.at : undefined;
}
