import type {
  Attempt,
  AttemptReport,
  BatchTries,
  Cause,
  ClaimInit,
  EpochRef,
  Failure,
  NextClaim,
  Outcome,
  RenewAnswer,
  ShardRecord,
  WriteAnswer,
} from "./records.ts";
import { createShard, transitionShard, waitUntil } from "./shard-transition.ts";

/*
 * How the writes of an attempt change its shard's record, as pure functions, so that all stores decide alike. A store
 * reads the record, judges the write, and replaces the record by `next` in one atomic step, or compares-and-sets it and
 * judges again on a conflict.
 */

/** The answer to a write, and the record to store; without `next` nothing is written. */
export interface Judged<TAnswer> {
  readonly answer: TAnswer;
  readonly next?: ShardRecord;
}

/** Whether this attempt owns the shard. */
export function fence(record: ShardRecord | undefined, attempt: Attempt): WriteAnswer {
  if (record?.lease?.claimId !== attempt.claimId || record.epoch !== attempt.epoch) return "fenced";
  if (record.status === "running") return "ok";
  return record.status === "cancelling" ? "cancelling" : "fenced";
}

/**
 * Whether the record already contains this outcome of this attempt. The claim id is kept after the attempt's end, so
 * the answer holds until the next attempt has an outcome.
 */
export const isRecorded = (record: ShardRecord | undefined, attempt: Attempt, cause: Cause): boolean =>
  record !== undefined &&
  record.lastClaimId === attempt.claimId &&
  record.history.some((entry) => entry.epoch === attempt.epoch && entry.cause === cause);

/** `queued` with this epoch -> `running`. `won` without `next`: the same claim was repeated. */
export function claimShard(
  record: ShardRecord | undefined,
  ref: EpochRef,
  by: ClaimInit & { readonly now: number },
): { readonly won: ShardRecord; readonly next?: ShardRecord } | undefined {
  if (record === undefined || record.epoch !== ref.epoch) return undefined;
  if (record.lease?.claimId === by.claimId) return { won: record };
  if (record.status !== "queued") return undefined;
  const { workerId, now } = by;
  const set = leaseOf(by, now);
  const next = transitionShard(record, { to: "running", cause: "claim", at: now, workerId, set });
  return { won: next, next };
}

/** absent -> `running`, or `deferred` if the claim has to wait. */
export function dispatchClaimedShard(
  { ref, init, by }: NextClaim,
  { at, paused }: { readonly at: number; readonly paused?: boolean | undefined },
): ShardRecord {
  const created = createShard(ref, { ...init, status: "queued", paused, at });
  if (created.status !== "queued") return created;
  return transitionShard(created, { to: "running", cause: "claim", at, workerId: by.workerId, set: leaseOf(by, at) });
}

function leaseOf({ workerId, claimId, leaseMs, habits }: ClaimInit, now: number): Required<Pick<ShardRecord, "lease">> {
  const deadline = now + leaseMs;
  return { lease: habits === undefined ? { workerId, claimId, deadline } : { workerId, claimId, deadline, habits } };
}

export function renewLease(
  record: ShardRecord | undefined,
  attempt: Attempt,
  lease: { readonly leaseMs: number; readonly now: number },
): Judged<RenewAnswer> {
  const answer = renewAnswer(record, attempt);
  if (record?.lease === undefined || (answer !== "ok" && answer !== "pausing")) return { answer };
  const deadline = Math.max(record.lease.deadline, lease.now + lease.leaseMs);
  return { answer, next: { ...record, lease: { ...record.lease, deadline } } };
}

/** The answer to the renewal of this attempt's lease. */
export function renewAnswer(record: ShardRecord | undefined, attempt: Attempt): RenewAnswer {
  const answer = fence(record, attempt);
  return answer === "ok" && record?.paused !== undefined ? "pausing" : answer;
}

export function restartShard(
  record: ShardRecord | undefined,
  attempt: Attempt,
  to: { readonly generation: number; readonly sourceGens: Readonly<Record<string, number>> },
): Judged<WriteAnswer> {
  const answer = fence(record, attempt);
  if (answer !== "ok" || record === undefined) return { answer };
  // A delayed earlier restart: accepting it would withdraw what was appended since.
  if (to.generation < record.generation) return { answer: "fenced" };
  if (to.generation === record.generation) return { answer, next: { ...record, sourceGens: to.sourceGens } };
  // All of these belong to the withdrawn output.
  const { checkpoint: _, checkpointIndex: __, tries: ___, cursors: ____, carried: _____, ...kept } = record;
  return { answer, next: { ...kept, generation: to.generation, sourceGens: to.sourceGens } };
}

/** Writes what an attempt reports about itself. */
export function reportShard(
  record: ShardRecord | undefined,
  attempt: Attempt,
  { now, ...report }: AttemptReport & { readonly now: number },
): Judged<WriteAnswer> {
  const answer = fence(record, attempt);
  if (answer !== "ok" || record === undefined) return { answer };
  const { generation, n, cursors, tries, ...fields } = report;
  const overtaken = generation !== record.generation || n <= (record.lease?.reports ?? 0);
  if (overtaken || record.lease === undefined) return { answer };
  const lease = { ...record.lease, reports: n };
  const { checkpointIndex: _, ...kept } = record;
  const next = {
    ...(fields.checkpoint === undefined ? record : kept), // an index belongs to its checkpoint
    ...fields,
    lease,
    ...(cursors === undefined ? {} : { cursors: furthest(record.cursors, cursors) }),
    ...(tries === undefined ? {} : { tries: dueFrom(now, tries) }),
  };
  return { answer, next };
}

/** From entries, since a uid may be `__proto__`. */
const dueFrom = (now: number, tries: NonNullable<AttemptReport["tries"]>): Record<string, BatchTries> =>
  Object.fromEntries(
    Object.entries(tries).map(([uid, { failed, delayMs }]) => [uid, { failed, dueAt: now + delayMs }]),
  );

function furthest(
  before: Readonly<Record<string, number>> = {},
  now: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const cursors: Record<string, number> = { ...before };
  for (const [source, seq] of Object.entries(now)) cursors[source] = Math.max(seq, cursors[source] ?? 0);
  return cursors;
}

/** The second half of `complete`: the log already has its marker. */
export function finishShard(
  record: ShardRecord | undefined,
  attempt: Attempt,
  outcome: Omit<Outcome, "generation"> & { readonly now: number },
): Judged<WriteAnswer> {
  return ended(record, attempt, "complete", (held) => {
    const { count, failedBatches, result, metrics, now } = outcome;
    const set = { lastClaimId: attempt.claimId, count };
    if (failedBatches !== undefined) Object.assign(set, { failedBatches });
    if (result !== undefined) Object.assign(set, { result });
    if (metrics !== undefined) Object.assign(set, { metrics });
    return transitionShard(held, { to: "finished", cause: "complete", at: now, ...workerOf(held), set });
  });
}

export function failShard(
  record: ShardRecord | undefined,
  attempt: Attempt,
  how: {
    readonly failure: Failure;
    readonly permanent: boolean;
    readonly delayMs: number;
    readonly maxFailures: number;
    readonly now: number;
  },
): Judged<WriteAnswer> {
  return ended(record, attempt, "fail", (held) => {
    const failures = held.failures + 1;
    const final = how.permanent || failures >= how.maxFailures;
    return transitionShard(held, {
      to: final ? "failed" : "deferred",
      cause: "fail",
      at: how.now,
      reasonCode: how.failure.reasonCode,
      message: how.failure.message,
      ...workerOf(held),
      set: {
        lastClaimId: attempt.claimId,
        failures,
        ...(final ? { failure: how.failure } : waitUntil(how.now + how.delayMs, held.paused !== undefined)),
      },
    });
  });
}

export function releaseShard(
  record: ShardRecord | undefined,
  attempt: Attempt,
  until: { readonly delayMs: number; readonly now: number },
): Judged<WriteAnswer> {
  return ended(record, attempt, "release", (held) =>
    transitionShard(held, {
      to: "deferred",
      cause: "release",
      at: until.now,
      ...workerOf(held),
      set: {
        lastClaimId: attempt.claimId,
        yields: held.yields + 1,
        ...waitUntil(until.now + until.delayMs, held.paused !== undefined),
      },
    }),
  );
}

export function confirmCancelledShard(
  record: ShardRecord | undefined,
  attempt: Attempt,
  at: { readonly now: number },
): Judged<WriteAnswer> {
  if (isRecorded(record, attempt, "confirm_cancelled")) return { answer: "ok" };
  if (record === undefined || fence(record, attempt) !== "cancelling") return { answer: "fenced" };
  const next = transitionShard(record, {
    to: "cancelled",
    cause: "confirm_cancelled",
    at: at.now,
    ...workerOf(record),
    set: { lastClaimId: attempt.claimId },
  });
  return { answer: "ok", next };
}

/** Writes an outcome: `ok` if it is already recorded, otherwise only for the owner of a running shard. */
function ended(
  record: ShardRecord | undefined,
  attempt: Attempt,
  cause: Cause,
  end: (held: ShardRecord) => ShardRecord,
): Judged<WriteAnswer> {
  if (isRecorded(record, attempt, cause)) return { answer: "ok" };
  const answer = fence(record, attempt);
  if (answer !== "ok" || record === undefined) return { answer };
  return { answer, next: end(record) };
}

const workerOf = (record: ShardRecord): { readonly workerId?: string } =>
  record.lease === undefined ? {} : { workerId: record.lease.workerId };
