import { type ShardRef, sourceKey } from "../../model/records.ts";

/** A waiting consumer's subscription to its sources. */
export class SourceWatch {
  #changed = false;
  #wake: (() => void) | undefined;

  /** Whether something was stored since the last call. Call it before reading, so that no later change is missed. */
  takeChange(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** Calls `wake` once: at the next change, or now if there was one since `takeChange`. */
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
 * Signals consumers in the same process that a source stored a batch or ended, so that they need not poll. Consumers in
 * other processes poll, and so do these when no signal arrives.
 */
export class AppendSignals {
  readonly #watches = new Map<string, Set<SourceWatch>>();

  watch(taskId: string, sources: readonly { readonly nodeId: string; readonly shard: number }[]): SourceWatch {
    const watch = new SourceWatch();
    for (const source of sources) {
      const key = signalAddress({ taskId, ...source });
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
      const key = signalAddress({ taskId, ...source });
      const there = this.#watches.get(key);
      there?.delete(watch);
      if (there?.size === 0) this.#watches.delete(key);
    }
  }

  /** @param source - or its {@link signalAddress}, which costs more to build for each batch than to notify */
  notify(source: ShardRef | string): void {
    if (this.#watches.size === 0) return;
    const address = typeof source === "string" ? source : signalAddress(source);
    for (const watch of this.#watches.get(address) ?? []) watch.notify();
  }
}

/** The address of signals about how far a consumer has read, as opposed to what it stored. */
export const positionsOf = ({ nodeId, shard }: { readonly nodeId: string; readonly shard: number }) => ({
  nodeId: `${nodeId} reads`, // a node id contains no space
  shard,
});

export const signalAddress = (ref: ShardRef): string => `${ref.taskId}:${sourceKey(ref.nodeId, ref.shard)}`;
