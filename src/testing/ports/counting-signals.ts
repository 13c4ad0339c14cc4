import { AppendSignals, type SourceWatch } from "../../engine/worker/append-signals.ts";

type Watched = Parameters<AppendSignals["watch"]>[1];

/** Knows how many watches are open: none may be left when nothing runs any more. */
export class CountingSignals extends AppendSignals {
  #open = 0;

  get open(): number {
    return this.#open;
  }

  override watch(taskId: string, sources: Watched): SourceWatch {
    this.#open++;
    return super.watch(taskId, sources);
  }

  override unwatch(taskId: string, sources: Watched, watch: SourceWatch): void {
    this.#open--;
    super.unwatch(taskId, sources, watch);
  }
}
