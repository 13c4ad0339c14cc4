import { type ShardRef, sourceKey } from "../../model/records.ts";

/** What one waiting consumer listens with. */
export class SourceWatch {
  #changed = false;
  #wake: (() => void) | undefined;

  /** Whether something was stored since the last call. Called before reading: what comes after is then not missed. */
  takeChange(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** Calls `wake` once, at the next change, or at once if there was one since `takeChange`. */
  whenChanged(wake: () => void): void {
    if (this.#changed) wake();
    else this.#wake = wake;
  }

  notify(): void {
    this.#changed = true;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/**
 * Tells consumers in the same process that a source stored a batch or ended, so that they need not poll for it.
 * Consumers elsewhere poll; so does one here when it hears nothing.
 */
export class AppendSignals {
  readonly #watches = new Map<string, Set<SourceWatch>>();

  watch(taskId: string, sources: readonly { readonly nodeId: string; readonly shard: number }[]): SourceWatch {
    const watch = new SourceWatch();
    for (const source of sources) {
      const key = keyOf({ taskId, ...source });
      const there = this.#watches.get(key);
      if (there === undefined) this.#watches.set(key, new Set([watch]));
      else there.add(watch);
    }
    return watch;
  }

  unwatch(
    taskId: string,
    sources: readonly { readonly nodeId: string; readonly shard: number }[],
    watch: SourceWatch,
  ): void {
    for (const source of sources) {
      const key = keyOf({ taskId, ...source });
      const there = this.#watches.get(key);
      there?.delete(watch);
      if (there?.size === 0) this.#watches.delete(key);
    }
  }

  notify(ref: ShardRef): void {
    if (this.#watches.size === 0) return;
    for (const watch of this.#watches.get(keyOf(ref)) ?? []) watch.notify();
  }
}

/** What to watch, and to notify, for how far a consumer has read: something else than what it stored. */
export const positionsOf = ({ nodeId, shard }: { readonly nodeId: string; readonly shard: number }) => ({
  nodeId: `${nodeId} reads`, // a space is in no node id
  shard,
});

const keyOf = (ref: ShardRef): string => `${ref.taskId}:${sourceKey(ref.nodeId, ref.shard)}`;
