import type { MemoryStoreEvent } from "../../adapters/memory/index.ts";
import {
  type Cause,
  isTaskTerminal,
  type ShardRecord,
  type ShardRef,
  type ShardStatus,
  shardKey,
} from "../../engine/model.ts";
import { coordinatorFnType } from "../../graph/index.ts";
import { initFailed } from "../world/random-graph.ts";
import { checkAdoption, checkNotAdoptable } from "./adoption-check.ts";
import type { CheckParts } from "./check-parts.ts";
import { checkDispatch } from "./dispatch-check.ts";
import { checkFinish } from "./finish-check.ts";
import { checkLimits } from "./limit-check.ts";
import type { LogChecks } from "./log-checks.ts";
import { retryPolicyOf } from "./retry-policy.ts";

/** The table of the specification, written down a second time. */
const moves: Readonly<Record<ShardStatus | "absent", readonly ShardStatus[]>> = {
  absent: ["queued", "cancelled", "finished"],
  queued: ["running", "queued", "cancelled"],
  running: ["finished", "failed", "deferred", "queued", "cancelling"],
  deferred: ["queued", "cancelled"],
  cancelling: ["cancelled"],
  finished: [],
  failed: [],
  cancelled: [],
};

/** Written by the attempt that holds the shard, and by no other. */
const outcomes: ReadonlySet<Cause> = new Set(["complete", "fail", "release", "confirm_cancelled"]);

export interface ShardCheckParts extends CheckParts {
  readonly logs: LogChecks;
  readonly violated: (ref: ShardRef, what: string) => void;
}

/** Laws 3, 4, 5 and 7, at every move of a shard. */
export class ShardChecks {
  readonly #parts: ShardCheckParts;
  /** As they were before the write at hand. */
  readonly #records = new Map<string, ShardRecord>();
  readonly #claimed = new Map<string, { readonly epoch: number; readonly step: number }>();
  /** How many attempts of each shard have failed. */
  readonly #failures = new Map<string, number>();
  /** Leases lost in a row at one length of the log, the longest that it has had by then. */
  readonly #lost = new Map<string, { readonly inRow: number; readonly longest: number }>();

  constructor(parts: ShardCheckParts) {
    this.#parts = parts;
  }

  renewed(record: ShardRecord): void {
    const before = this.#records.get(shardKey(record))?.lease?.deadline ?? 0;
    this.#records.set(shardKey(record), record);
    if ((record.lease?.deadline ?? 0) < before) this.#parts.violated(record, "a renewal shortened its lease");
    if (record.status !== "running") this.#parts.violated(record, `renewed while ${record.status}`);
  }

  moved({ from, cause, record }: MemoryStoreEvent & { readonly kind: "shard" }): void {
    const { state, journal, mode, workload, violated } = this.#parts;
    const key = shardKey(record);
    const before = this.#records.get(key);
    this.#records.set(key, record);
    if (!moves[from].includes(record.status)) violated(record, `${from} -> ${record.status} by ${cause}`);
    if ((before?.epoch ?? 0) > record.epoch) violated(record, "its epoch went back");
    const holder = before?.lease?.claimId;
    if (outcomes.has(cause) && record.lastClaimId !== holder) {
      violated(record, `${cause} by ${record.lastClaimId}, and ${holder} holds it`);
    }
    const task = state.tasks.get(record.taskId)?.record;
    if (task === undefined || isTaskTerminal(task.status)) violated(record, `${cause} after its task was over`);
    if (cause === "dispatch") checkDispatch(state, record, violated);
    if (cause === "dispatch") checkNotAdoptable(state, record, violated);
    if (cause === "adopt") {
      journal.counts.adopted++;
      checkAdoption(state, record, violated);
    } else if (from === "absent" && record.status === "finished") violated(record, `born finished by ${cause}`);
    if (cause === "claim") {
      this.#claimedBy(record);
      checkLimits(this.#parts, record, violated);
    }
    if (cause === "complete") checkFinish({ state, workload, journal }, record, violated);
    if (cause === "fail") this.#failed(record, before?.lease?.workerId ?? "");
    this.#checkCounts(cause, record, before);
    if (cause === "expire") this.#expired(record, before);
    if (cause === "expire" && from === "running" && mode === "calm")
      violated(record, "a lease ran out without a fault");
    if (cause === "release") {
      journal.counts.released++;
      if (record.failures > 0) journal.counts.releasedAfterFailure++;
    }
    if (record.type === coordinatorFnType && record.generation > 0) violated(record, "a function started over");
  }

  #claimedBy(record: ShardRecord): void {
    const { journal, logs, scheduler, violated } = this.#parts;
    journal.counts.claims++;
    const key = shardKey(record);
    if ((this.#claimed.get(key)?.epoch ?? 0) >= record.epoch) violated(record, `epoch ${record.epoch} claimed twice`);
    this.#claimed.set(key, { epoch: record.epoch, step: scheduler.steps });
    logs.claimed(record);
  }

  /** Law 7: what the limits count is kept by every move that doesn't count it. */
  #checkCounts(cause: Cause, record: ShardRecord, before: ShardRecord | undefined): void {
    const { violated } = this.#parts;
    const failures = this.#failures.get(shardKey(record)) ?? 0;
    if (record.failures !== failures) {
      violated(record, `${record.failures} failures after ${cause}, and ${failures} attempts have failed`);
    }
    if (cause !== "expire" && record.lost !== (before?.lost ?? 0)) {
      violated(record, `${record.lost} lost leases after ${cause}, and ${before?.lost} before`);
    }
  }

  #failed(record: ShardRecord, workerId: string): void {
    const { state, workload, journal, violated } = this.#parts;
    this.#failures.set(shardKey(record), (this.#failures.get(shardKey(record)) ?? 0) + 1);
    const claimedAt = this.#claimed.get(shardKey(record))?.step ?? 0;
    if (record.failure?.reasonCode === initFailed && !journal.hasInitFailedSince(workerId, record.type, claimedAt)) {
      violated(record, "an attempt fails of an init that failed before it");
    }
    const task = state.tasks.get(record.taskId)?.record;
    const policy = retryPolicyOf(
      workload,
      task?.graph.nodes.find(({ node_id }) => node_id === record.nodeId),
    );
    if (record.failures > policy.max + 1) violated(record, `${record.failures} attempts failed`);
    if (record.status !== "deferred") return;
    if (record.failures > policy.max) violated(record, "tried again with its retries used up");
    const reason = record.history.at(-1)?.reasonCode ?? "";
    if (policy.isPermanent(reason)) violated(record, `tried again after ${reason}, which is permanent`);
  }

  #expired(record: ShardRecord, before: ShardRecord | undefined): void {
    const { journal, storeNow, violated } = this.#parts;
    journal.counts.leasesLost++;
    if (before?.status === "running") this.#lostLease(record);
    const until = Math.min(
      before?.lease?.deadline ?? Number.POSITIVE_INFINITY,
      before?.cancelBy ?? Number.POSITIVE_INFINITY,
    );
    if (until > storeNow()) violated(record, `its lease was taken ${until - storeNow()} ms early`);
  }

  /** Only those count against the limit that no stored batch is between. */
  #lostLease(record: ShardRecord): void {
    const { state, maxLostLeases, violated } = this.#parts;
    const key = shardKey(record);
    const stored = state.shard(record)?.logs[record.generation]?.length ?? 0;
    const { inRow, longest } = this.#lost.get(key) ?? { inRow: 0, longest: 0 };
    const now = { inRow: stored > longest ? 1 : inRow + 1, longest: Math.max(stored, longest) };
    this.#lost.set(key, now);
    const told = `${now.inRow} leases lost of ${maxLostLeases} at ${stored} batches`;
    if (record.lost !== now.inRow) violated(record, `counts ${record.lost}: ${told}`);
    if (record.status === "queued" && now.inRow > maxLostLeases) violated(record, `queued again with ${told}`);
    if (record.status === "failed" && now.inRow <= maxLostLeases) violated(record, `given up with ${told}`);
  }
}
