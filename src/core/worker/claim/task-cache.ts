import type { JsonObject } from "../../../errors/index.ts";
import { deepFreeze } from "../../../graph/format/plain-data.ts";
import type { Plan, PlanCache } from "../../plan/index.ts";
import type { WorkerStore } from "../../ports/index.ts";
import type { StoreRetry } from "../../resilience/store-retry.ts";

/** The parts of a task that never change while its record exists. */
export interface CachedTask {
  readonly plan: Plan;
  readonly params: JsonObject;
  readonly traceparent: string | undefined;
  /** It takes over the output of an earlier task. */
  readonly isRetry: boolean;
}

const cachedTasks = 1_000;

/**
 * Reads a task's graph once instead of once per attempt: with 10,000 nodes that would be 10,000 reads of 10,000 nodes.
 */
export class TaskCache {
  readonly #store: WorkerStore;
  readonly #plans: PlanCache;
  readonly #tasks = new Map<string, CachedTask>();

  constructor(options: { readonly store: WorkerStore; readonly plans: PlanCache }) {
    this.#store = options.store;
    this.#plans = options.plans;
  }

  /** @returns `undefined` if the task has been deleted */
  async get(taskId: string, retry: StoreRetry): Promise<CachedTask | undefined> {
    const cached = this.#tasks.get(taskId);
    if (cached !== undefined) return cached;
    const task = await retry.run(() => this.#store.readTask(taskId));
    if (task === undefined) return undefined;
    const { traceparent, retryOf } = task;
    const fixed = { params: deepFreeze(task.params), traceparent, isRetry: retryOf !== undefined };
    const entry = { plan: this.#plans.get(task.graph), ...fixed };
    if (task.isPartial) return entry;
    this.#tasks.set(taskId, entry);
    if (this.#tasks.size > cachedTasks) {
      const [oldest] = this.#tasks.keys();
      if (oldest !== undefined) this.#tasks.delete(oldest);
    }
    return entry;
  }
}
