import type { PartState } from "./fleet.ts";
import type { CallRef, JournalLine } from "./journal.ts";

/** One call of a handler. */
export interface Call extends CallRef {
  readonly type: string;
  readonly uid: string | undefined;
  readonly life: PartState;
  readonly beganAt: number;
  /** Undefined while it runs, or if its process crashed during the call. */
  endedAt: number | undefined;
}

/** The calls in the handlers' journals, read as they are written. */
export class Calls {
  /** Calls of tasks that have not been released. */
  readonly #ofTask = new Map<string, Call[]>();
  readonly #thrown = new Map<string, Set<string>>();
  /** Unplanned stalls by process. */
  readonly #stalls = new Map<PartState, { readonly from: number; readonly to: number }[]>();
  readonly #open = new Map<string, Call>();
  readonly #readOut = new Set<PartState>();
  /** Every attempt, from the start of its first call to the end of its last. */
  readonly spans = new Map<string, AttemptSpan>();
  count = 0;

  readFrom(lives: readonly PartState[]): void {
    for (const life of lives) {
      if (this.#readOut.has(life)) continue;
      if (life.endedAt !== undefined) this.#readOut.add(life); // before the read, after which it writes nothing
      for (const line of life.journal.read()) this.#take(life, line);
    }
  }

  of(task: string): readonly Call[] {
    return this.#ofTask.get(task) ?? [];
  }

  /** Called once its calls are checked; only spans of later ones are kept. */
  letGo(task: string): void {
    this.#ofTask.delete(task);
  }

  hasThrown(task: string, node: string, code: string): boolean {
    return this.#thrown.get(`${task}:${node}`)?.has(code) ?? false;
  }

  /** When this process first stalled or was paused in this period; `undefined` if it was not. */
  stoodStill(
    life: PartState,
    when: { readonly from: number; readonly to: number; readonly atLeastMs?: number },
  ): { readonly from: number; readonly to: number } | undefined {
    const { from, to, atLeastMs = 0 } = when;
    const all = [...life.pauses, ...(this.#stalls.get(life) ?? [])];
    const within = all.filter((pause) => pause.from < to && pause.to > from);
    return within.filter((pause) => pause.to - pause.from > atLeastMs).toSorted((a, b) => a.from - b.from)[0];
  }

  #take(life: PartState, line: JournalLine): void {
    if (line.kind === "stall") {
      this.#stalls.set(life, [...(this.#stalls.get(life) ?? []), { from: line.from, to: line.at }]);
      return;
    }
    const { task, node, shard, epoch } = line;
    if (line.kind === "threw") {
      const key = `${task}:${node}`;
      this.#thrown.set(key, (this.#thrown.get(key) ?? new Set()).add(line.code));
      return;
    }
    const attempt = `${task}:${node}:${shard}:${epoch}:${life.name}`;
    const key = `${attempt}:${line.uid ?? ""}`;
    if (line.kind === "begin") {
      this.count++;
      const { type, uid, at } = line;
      const call: Call = { task, node, shard, epoch, type, uid, life, beganAt: at, endedAt: undefined };
      this.#open.set(key, call);
      this.#ofTask.set(task, [...(this.#ofTask.get(task) ?? []), call]);
      const span = this.spans.get(attempt);
      const to = Number.POSITIVE_INFINITY;
      if (span === undefined)
        this.spans.set(attempt, { task, node, shard, epoch, type, life, from: at, to, lastBegan: at });
      else Object.assign(span, { to, lastBegan: at });
      return;
    }
    const call = this.#open.get(key);
    const span = this.spans.get(attempt);
    if (call !== undefined) call.endedAt = line.at;
    if (span !== undefined) span.to = line.at;
    this.#open.delete(key);
  }
}

export interface AttemptSpan extends CallRef {
  readonly type: string;
  readonly life: PartState;
  readonly from: number;
  to: number;
  lastBegan: number;
}
