import type { TaskRecord } from "../model/records.ts";
import type { Plan } from "../plan/index.ts";

/** What is known of a node that needs some of its parents. */
export interface SomeParents {
  /** Those that aren't known to satisfy it: the others do for ever, of these nothing is said. */
  readonly unknown: Set<string>;
  /** How many parents may be read for the events that came since the last look at all of them. */
  credit: number;
}

/**
 * What one coordinator remembers of a task. Only facts that never change: that a node is finished, that it was
 * dispatched, that it has stored a batch. "Not finished" is never remembered, so a stale memory is a slow one, not a wrong one, and it can be
 * dropped at any time.
 */
export interface OpenTask {
  readonly plan: Plan;
  readonly priority: number;
  readonly traceparent: string | undefined;
  readonly finished: Set<string>;
  readonly dispatched: Set<string>;
  /** Nodes that have stored a batch, as far as somebody needs to know. */
  readonly started: Set<string>;
  /**
   * By node that needs all of its parents: every parent before this index satisfies it. The one at it is read fresh, and
   * its own finish will look again; so a join of N parents costs O(N) reads in all.
   */
  readonly waitingFrom: Map<string, number>;
  /** By node that needs some of its parents. */
  readonly someParents: Map<string, SomeParents>;
  /** Every node before this index of the plan is finished. */
  openFrom: number;
}

/** What is remembered of its record. */
export type KnownOpenTask = Pick<TaskRecord, "id" | "priority" | "traceparent">;

const keptTasks = 1_000;

export class OpenTasks {
  readonly #byTask = new Map<string, OpenTask>();

  get(taskId: string): OpenTask | undefined {
    return this.#byTask.get(taskId);
  }

  remember({ id: taskId, priority, traceparent }: KnownOpenTask, plan: Plan): OpenTask {
    const memory: OpenTask = {
      plan,
      priority,
      traceparent,
      finished: new Set(),
      dispatched: new Set(),
      started: new Set(),
      waitingFrom: new Map(),
      someParents: new Map(),
      openFrom: 0,
    };
    this.#byTask.set(taskId, memory);
    if (this.#byTask.size > keptTasks) {
      const [oldest] = this.#byTask.keys();
      if (oldest !== undefined) this.#byTask.delete(oldest);
    }
    return memory;
  }

  forget(taskId: string): void {
    this.#byTask.delete(taskId);
  }
}
