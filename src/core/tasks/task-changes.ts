import { FlowError } from "../../errors/index.ts";
import type { Clock } from "../ports/index.ts";

/** An explicit reason: without one, each abort creates a DOMException with a stack. */
const wakeUp = Symbol("wake up");

interface Listener {
  readonly onlyEnd: boolean;
  readonly wake: () => void;
}

/**
 * Notifies waiters in this process that a task changed. A hint: changes by other processes are not reported, so waiters
 * also poll the store.
 */
export class TaskChanges {
  readonly #listeners = new Map<string, Set<Listener>>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** The number of tasks that have waiters. */
  get waitedFor(): number {
    return this.#listeners.size;
  }

  /** @throws FlowError `ENGINE_STOPPED` */
  check(): void {
    if (this.#closed) throw new FlowError("ENGINE_STOPPED", "the engine has been stopped");
  }

  /** Called when the engine stops: rejects all waiters with `ENGINE_STOPPED`. */
  close(): void {
    this.#closed = true;
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener.wake();
  }

  emit(taskId: string, ended: boolean): void {
    for (const listener of this.#listeners.get(taskId) ?? []) {
      if (ended || !listener.onlyEnd) listener.wake();
    }
  }

  /** Subscribes from now on. Call it before reading the store, so that no change is missed. */
  listen(taskId: string, options: { readonly onlyEnd: boolean }): ChangeListener {
    return new ChangeListener(this, (listener) => this.#add(taskId, listener), options.onlyEnd);
  }

  /** Calls `ended` when the task has ended or the engine stops. */
  onEnd(taskId: string, ended: () => void): Disposable {
    return { [Symbol.dispose]: this.#add(taskId, { onlyEnd: true, wake: ended }) };
  }

  #add(taskId: string, listener: Listener): () => void {
    const there = this.#listeners.get(taskId) ?? new Set();
    this.#listeners.set(taskId, there.add(listener));
    return () => {
      there.delete(listener);
      if (there.size === 0 && this.#listeners.get(taskId) === there) this.#listeners.delete(taskId);
    };
  }
}

export class ChangeListener implements Disposable {
  readonly #changes: TaskChanges;
  readonly #remove: () => void;
  #changed = false;
  #sleeping: AbortController | undefined;

  constructor(changes: TaskChanges, add: (listener: Listener) => () => void, onlyEnd: boolean) {
    this.#changes = changes;
    const wake = () => {
      this.#changed = true;
      this.#sleeping?.abort(wakeUp);
    };
    this.#remove = add({ onlyEnd, wake });
  }

  /**
   * Resolves at the next change since the last call, or after `ms`.
   *
   * @throws FlowError `ENGINE_STOPPED`
   */
  async next(clock: Clock, ms: number): Promise<void> {
    if (!this.#changed && !this.#changes.closed) {
      this.#sleeping = new AbortController();
      await clock.sleep(ms, this.#sleeping.signal);
      this.#sleeping = undefined;
    }
    this.#changed = false;
    if (this.#changes.closed) throw new FlowError("ENGINE_STOPPED", "the engine was stopped before the task ended");
  }

  [Symbol.dispose](): void {
    this.#remove();
  }
}
