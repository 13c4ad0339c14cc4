import type { ShardRef } from "../../engine/model.ts";

/** What a run did on purpose, so that its end can be judged fairly. */
export class Journal {
  /** By task and node: the codes that its handler threw. */
  readonly #thrown = new Map<string, Set<string>>();
  /** Calls of `onCleanup`, and of what was registered, by process. */
  readonly cleanups = new Map<string, { registered: number; ran: number }>();
  readonly violations: string[] = [];
  readonly counts = { claims: 0, appends: 0, lateAppends: 0, restarts: 0, leasesLost: 0, released: 0, handlerRuns: 0 };

  threw(ref: Pick<ShardRef, "taskId" | "nodeId">, code: string): void {
    const key = `${ref.taskId}:${ref.nodeId}`;
    this.#thrown.set(key, (this.#thrown.get(key) ?? new Set()).add(code));
  }

  hasThrown(ref: Pick<ShardRef, "taskId" | "nodeId">, code: string): boolean {
    return this.#thrown.get(`${ref.taskId}:${ref.nodeId}`)?.has(code) ?? false;
  }

  violated(what: string): void {
    if (this.violations.length < 5) this.violations.push(what);
  }
}
