import { isTaskTerminal } from "../core/model/records.ts";
import type { Clock, Store } from "../core/ports/index.ts";
import type { TaskChanges } from "../core/tasks/task-changes.ts";

const lookEveryMs = 1_000;

/**
 * Keeps the process running while a task of this engine does, and no longer: the engine's own timers let it exit, so
 * that a program that forgets to stop its engine ends when its work is done.
 */
export class KeepAlive {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #changes: TaskChanges;
  readonly #open = new Map<string, Disposable>();
  /** There while a timer holds the process. */
  #holding: AbortController | undefined;

  /** @param options.clock - one whose sleeps keep the process running */
  constructor(options: { readonly store: Store; readonly clock: Clock; readonly changes: TaskChanges }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#changes = options.changes;
  }

  hold(taskId: string): void {
    // Stopped while the task was being created: nobody would let go of it again.
    if (this.#open.has(taskId) || this.#changes.closed) return;
    this.#open.set(
      taskId,
      this.#changes.onEnd(taskId, () => this.#letGo(taskId)),
    );
    if (this.#holding !== undefined) return;
    this.#holding = new AbortController();
    void this.#lookWhile(this.#holding.signal);
  }

  stop(): void {
    for (const taskId of [...this.#open.keys()]) this.#letGo(taskId);
  }

  #letGo(taskId: string): void {
    this.#open.get(taskId)?.[Symbol.dispose]();
    this.#open.delete(taskId);
    if (this.#open.size > 0) return;
    this.#holding?.abort();
    this.#holding = undefined;
  }

  /** For ends that another process saw. Never rejects. */
  async #lookWhile(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(lookEveryMs, signal);
      if (signal.aborted) return;
      for (const taskId of [...this.#open.keys()]) {
        // A store that can't be reached says nothing about the task: it is looked at again a second later.
        const task = await this.#store.readTask(taskId).catch(() => "unreachable" as const);
        if (task !== "unreachable" && (task === undefined || isTaskTerminal(task.status))) this.#letGo(taskId);
      }
    }
  }
}
