import { match } from "ts-pattern";
import type { ShardExplanation } from "./explain.ts";

/**
 * One line for people.
 *
 * @param now - store time, as good as this process knows it
 *
 * @example
 * tellWhy({ nodeId: "load", shard: 0, why: { reason: "no_worker", type: "loader" } }, now)
 * // "load waits for a worker: none that is alive serves 'loader'"
 */
export function tellWhy({ nodeId, shard, why }: ShardExplanation, now: number, partitions = 1): string {
  const name = partitions === 1 ? nodeId : `${nodeId}/${shard}`;
  const what = match(why)
    .with({ reason: "waiting_for_parents" }, ({ waitingOn, needed }) => `waits for ${someOf(waitingOn, needed)}`)
    .with(
      { reason: "waiting_for_first_batch" },
      ({ waitingOn, needed }) => `waits for a first batch of ${someOf(waitingOn, needed)}`,
    )
    .with({ reason: "ready" }, () => "is about to start")
    .with(
      { reason: "backoff" },
      ({ until, reasonCode, failures, maxFailures }) =>
        `tries again ${within(until - now)}: '${reasonCode}', failure ${failures} of at most ${maxFailures}`,
    )
    .with(
      { reason: "waiting_for_input" },
      ({ until }) => `found nothing to read and looks again ${within(until - now)}`,
    )
    .with({ reason: "limit" }, ({ limit, max }) => `waits for a slot: ${max} may run at once ${limitNames[limit]}`)
    .with(
      { reason: "offered" },
      ({ type, announced }) =>
        `was offered to other programs' workers of '${type}', and none has accepted it: ${announced} said lately that they live`,
    )
    .with({ reason: "no_worker" }, ({ type }) => `waits for a worker: none that is alive serves '${type}'`)
    .with({ reason: "queued", ahead: undefined }, () => "waits for a worker with a free slot, behind many others")
    .with({ reason: "queued", ahead: 0 }, () => "waits for a worker with a free slot, first in the queue")
    .with({ reason: "queued" }, ({ ahead }) => `waits for a worker with a free slot, behind ${ahead} others`)
    .with({ reason: "running" }, ({ workerId, since }) => `is running at ${workerId} for ${seconds(now - since)}`)
    .with(
      { reason: "lease_expired" },
      ({ workerId }) => `has lost its worker: the lease of ${workerId} has ended, and a coordinator queues it again`,
    )
    .with(
      { reason: "cancelling" },
      ({ workerId, until }) => `has been asked to stop at ${workerId}, and must have ${within(until - now)}`,
    )
    .with({ reason: "ended", status: "finished" }, () => "has finished")
    .with({ reason: "ended", status: "failed" }, ({ reasonCode }) => `has failed: ${reasonCode ?? "unexpected_error"}`)
    .with({ reason: "ended", status: "cancelled" }, () => "was cancelled")
    .exhaustive();
  return `${name} ${what}`;
}

const limitNames = { all: "in all", type: "of its type", task: "of its task", node: "of this node" } as const;

const someOf = (ids: readonly string[], needed: number): string =>
  needed === ids.length ? ids.join(", ") : `${needed} of ${ids.join(", ")}`;

const seconds = (ms: number): string => `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
const within = (ms: number): string => (ms <= 0 ? "now" : `in ${seconds(ms)}`);
