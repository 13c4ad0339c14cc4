import type { JsonObject } from "../../../errors/index.ts";
import { deepFreeze } from "../../../graph/format/plain-data.ts";
import type { Plan, PlanCache } from "../../plan/index.ts";
import type { WorkerStore } from "../../ports/index.ts";
import type { StoreRetry } from "../../resilience/store-retry.ts";

/** What of a task never changes, as long as its record lives. */
export interface CachedTask {
  readonly plan: Plan;
  readonly params: JsonObject;
  readonly traceparent: string | undefined;
}

const kept = 1_000;

/** Reads a task's graph once, not once an attempt: with 10,000 nodes that would be 10,000 reads of 10,000 nodes. */
export class TaskCache {
  readonly #store: WorkerStore;
  readonly #plans: PlanCache;
  readonly #facts = new Map<string, CachedTask>();

  constructor(options: { readonly store: WorkerStore; readonly plans: PlanCache }) {
    this.#store = options.store;
    this.#plans = options.plans;
  }

  /** @returns `undefined` when the task is gone from the store */
  async get(taskId: string, retry: StoreRetry): Promise<CachedTask | undefined> {
    const known = this.#facts.get(taskId);
    if (known !== undefined) return known;
    const task = await retry.ask(() => this.#store.readTask(taskId));
    if (task === undefined) return undefined;
    const fact = { plan: this.#plans.get(task.graph), params: deepFreeze(task.params), traceparent: task.traceparent };
    if (task.isPartial) return fact;
    this.#facts.set(taskId, fact);
    if (this.#facts.size > kept) {
      const [oldest] = this.#facts.keys();
      if (oldest !== undefined) this.#facts.delete(oldest);
    }
    return fact;
  }
}
