import type { MemoryStoreEvent } from "../../adapters/memory/index.ts";
import { type Cause, type ShardRecord, shardKey, type TaskStatus } from "../../engine/model.ts";
import { times } from "../world/process.ts";
import type { CheckParts } from "./check-parts.ts";
import { retryPolicyOf } from "./retry-policy.ts";

/** A deadline is found by the next tick at the latest; clocks differ a little. */
const latestMs = times.tickMs * 1.1;
/** A retry is found when it is due: the coordinator that hears of it sleeps until then, on a clock that drifts. */
const retryLatestMs = (waitMs: number): number => 5 + waitMs * 0.02;

/** What waits for a moment. */
interface Due {
  /** By the store's clock. */
  readonly at: number;
  /** By true time. */
  readonly trueAt: number;
  readonly waitMs: number;
}

/**
 * A task fails by its deadline, and a retry begins, when its time has come and not before, as the store's clock has it.
 * Without faults hardly later, as true time has it: a clock that stands still would excuse itself.
 */
export class DeadlineCheck {
  readonly #parts: CheckParts;
  readonly #violated: (key: string, what: string) => void;
  readonly #deadlines = new Map<string, Due>();
  readonly #retries = new Map<string, Due>();

  constructor(parts: CheckParts, violated: (key: string, what: string) => void) {
    this.#parts = parts;
    this.#violated = violated;
  }

  /** At each move of the task: how long past its deadline it was still running. */
  task(taskId: string, from: TaskStatus | "absent", to: TaskStatus): void {
    const { state, scheduler, mode, storeNow } = this.#parts;
    const task = state.tasks.get(taskId)?.record;
    if (task?.deadlineAt === undefined) return;
    if (from === "absent") this.#deadlines.set(taskId, this.#due(task.deadlineAt));
    const due = this.#deadlines.get(taskId);
    if (from !== "running" || due === undefined) return;
    const earlyMs = due.at - storeNow();
    const failedByIt = to === "cancelling" && task.failure?.reasonCode === "deadline_exceeded";
    if (failedByIt && earlyMs > 0) this.#violated(taskId, `failed ${earlyMs} ms before its deadline`);
    const lateMs = scheduler.now - due.trueAt;
    if (mode === "calm" && lateMs > latestMs) this.#violated(taskId, `ran on for ${lateMs} ms after its deadline`);
  }

  /** At each move of a shard: how early or late it was tried again. */
  shard({ cause, record }: MemoryStoreEvent & { readonly kind: "shard" }): void {
    const { journal, scheduler, mode, storeNow } = this.#parts;
    const key = shardKey(record);
    const due = this.#retries.get(key);
    this.#retries.delete(key);
    if (record.status === "deferred") this.#deferred(cause, record);
    if (cause !== "requeue") return;
    journal.counts.requeued++;
    const earlyMs = (due?.at ?? Number.POSITIVE_INFINITY) - storeNow();
    if (due === undefined || earlyMs > 0) {
      this.#violated(key, `tried again ${earlyMs} ms before it was due`);
      return;
    }
    const lateMs = scheduler.now - due.trueAt;
    if (mode === "calm" && lateMs > retryLatestMs(due.waitMs)) {
      this.#violated(key, `tried again ${lateMs} ms after it was due`);
    }
  }

  #deferred(cause: Cause, record: ShardRecord): void {
    const { state, journal, workload } = this.#parts;
    const key = shardKey(record);
    if (record.dueAt === undefined) {
      this.#violated(key, "deferred, and never due");
      return;
    }
    if ([...journal.sweeping].some(({ alive }) => alive)) journal.counts.deferredInSweep++;
    const due = this.#due(record.dueAt);
    this.#retries.set(key, due);
    const node = state.tasks.get(record.taskId)?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
    const leastMs = retryPolicyOf(workload, node).leastWaitMs(record.failures);
    // A millisecond for what a sum of fractions rounds off.
    if (cause === "fail" && due.waitMs < leastMs - 1) {
      this.#violated(key, `retry ${record.failures} waits for ${due.waitMs} ms of ${leastMs}`);
    }
  }

  #due(at: number): Due {
    const { scheduler, storeNow } = this.#parts;
    const waitMs = at - storeNow();
    return { at, trueAt: scheduler.now + waitMs, waitMs };
  }
}
