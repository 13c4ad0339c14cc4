import { match } from "ts-pattern";
import { reasonText } from "../model/records.ts";
import type { RateFacts, Reason, ShardExplanation } from "./explain.ts";

/**
 * The reason as one line of text.
 *
 * @param now - store time, as estimated by this process
 *
 * @example
 * formatReason({ nodeId: "load", shard: 0, why: { reason: "no_worker", type: "loader" } }, now)
 * // "load waits for a worker: no live worker serves 'loader'"
 */
export function formatReason({ nodeId, shard, why, carried }: ShardExplanation, now: number, partitions = 1): string {
  const name = partitions === 1 ? nodeId : `${nodeId}/${shard}`;
  const what = match(why)
    .with({ reason: "waiting_for_parents" }, ({ waitingOn, needed }) => `waits for ${someOf(waitingOn, needed)}`)
    .with(
      { reason: "waiting_for_first_batch" },
      ({ waitingOn, needed }) => `waits for a first batch of ${someOf(waitingOn, needed)}`,
    )
    .with({ reason: "ready" }, () => "is about to start")
    .with({ reason: "flow_paused" }, () => "waits until its flow is resumed")
    .with(
      { reason: "backoff" },
      ({ until, reasonCode, message, failures, maxFailures }) =>
        `retries ${within(until - now)}: '${reasonCode}', failure ${failures} of at most ${maxFailures}${message === undefined ? "" : `: ${message.split("\n", 1)[0]}`}`,
    )
    .with(
      { reason: "waiting_for_batches" },
      ({ until, batches }) =>
        `retries ${batches === 1 ? "a failed batch" : `the first of ${batches} failed batches`} ${within(until - now)}`,
    )
    .with({ reason: "delayed" }, ({ until }) => `starts ${within(until - now)}`)
    .with({ reason: "waiting_for_signal" }, (waits) => waitsForSignal(waits, now))
    .with({ reason: "paused" }, () => "is paused with its task, and continues when the task is resumed")
    .with({ reason: "waiting_for_input" }, ({ until }) => `found no input and checks again ${within(until - now)}`)
    .with({ reason: "limit", limit: "key" }, ({ max, of }) => `waits for a slot: ${max} of ${max} running for '${of}'`)
    .with(
      { reason: "limit" },
      ({ limit, max }) => `waits for a slot: at most ${max} ${limitNames[limit]} may run concurrently`,
    )
    .with({ reason: "rate" }, (rate) => `waits for ${rateText(rate, now)}`)
    .with(
      { reason: "offered" },
      ({ type, announced }) =>
        `was offered to external workers of '${type}', but is not accepted: ${announced} announced themselves recently`,
    )
    .with({ reason: "no_worker" }, ({ type, lost }) => {
      const before = lost === undefined ? "" : `${lostText({ ...lost, endedAt: lost.at }, now)}; `;
      return `waits for a worker: ${before}no live worker serves '${type}'`;
    })
    .with({ reason: "queued", ahead: undefined }, () => "waits for a worker with a free slot, behind many others")
    .with({ reason: "queued", ahead: 0 }, () => "waits for a worker with a free slot, first in the queue")
    .with({ reason: "queued" }, ({ ahead }) => `waits for a worker with a free slot, behind ${ahead} others`)
    .with(
      { reason: "running" },
      ({ workerId, since, pausing, rate }) =>
        `has been running on ${workerId} for ${seconds(now - since)}${pausing ? ", and ends after its batches: its task is paused" : ""}${rate === undefined ? "" : `, at ${rateText(rate, now)}`}`,
    )
    .with({ reason: "lease_expired" }, (lost) => {
      const { workerId, leaseUntil, heardAt, type, workers } = lost;
      const how =
        leaseUntil === 0 ? `${workerId} has ended` : lostText({ workerId, heardAt, endedAt: leaseUntil }, now);
      const lacks = workers === 0 ? `, but no live worker serves '${type}'` : "";
      return `lost its worker: ${how}; a coordinator will queue it again${lacks}`;
    })
    .with(
      { reason: "cancelling" },
      ({ workerId, until }) => `was asked to stop on ${workerId}, deadline ${within(until - now)}`,
    )
    .with({ reason: "ended", status: "finished" }, () => "finished")
    .with({ reason: "ended", status: "skipped" }, () => "was skipped: its condition did not hold")
    .with({ reason: "ended", status: "failed" }, failedText)
    .with({ reason: "ended", status: "cancelled" }, () => "was cancelled")
    .exhaustive();
  return carried === undefined ? `${name} ${what}` : `${name} ${what}; it began with ${batchesOf(carried)}`;
}

function failedText(failure: Extract<Reason, { readonly reason: "ended" }>): string {
  const { reasonCode = "unexpected_error", message, batchUid, tries = 1 } = failure;
  const uid = batchUid !== undefined && batchUid.length > longestUid ? `${batchUid.slice(0, longestUid)}…` : batchUid;
  const at = uid === undefined ? "" : ` at batch '${uid}'${tries === 1 ? "" : ` after ${tries} tries`}`;
  return `failed${at}: ${reasonText(reasonCode, message)}`;
}

const longestUid = 60;

function lostText(
  lost: { readonly workerId: string; readonly heardAt?: number | undefined; readonly endedAt: number },
  now: number,
): string {
  const { workerId, heardAt, endedAt } = lost;
  const ended = `ended ${span(now - endedAt)} ago`;
  if (heardAt === undefined) return `the lease of ${workerId} ${ended}`;
  return `${workerId} was not heard from for ${span(now - heardAt)}; its lease ${ended}`;
}

const batchesOf = ({ batches, taskId }: NonNullable<ShardExplanation["carried"]>): string =>
  `${batches} ${batches === 1 ? "batch" : "batches"} of task ${taskId}`;

const limitNames = {
  all: "in total",
  type: "of its type",
  task: "of its task",
  node: "of this node",
  key: "of this node",
} as const;

const rateText = ({ perSec, until }: RateFacts, now: number): string =>
  `its rate of ${perSec} a second: the next start is due ${within(until - now)}`;

const someOf = (ids: readonly string[], needed: number): string =>
  needed === ids.length ? ids.join(", ") : `${needed} of ${ids.join(", ")}`;

/** "waits for a signal, for 3 min of 24 h". */
export function waitsForSignal(
  { since, until }: { readonly since: number; readonly until?: number },
  now: number,
): string {
  const limit = until === undefined ? "" : ` of ${span(until - since)}`;
  return `waits for a signal, for ${span(now - since)}${limit}`;
}

const units = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
] as const;

/** In the largest unit that gives at least two, or in seconds: "24 h", "3 min". */
function span(ms: number): string {
  const unit = units.find((each) => ms >= 2 * each.ms);
  return unit === undefined ? seconds(ms) : `${Math.floor(ms / unit.ms)} ${unit.name}`;
}

const seconds = (ms: number): string => `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
const within = (ms: number): string => (ms <= 0 ? "now" : `in ${seconds(ms)}`);
