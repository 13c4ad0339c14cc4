import type { Seen } from "./evidence.ts";

const terminal: ReadonlySet<string> = new Set(["finished", "skipped", "failed", "cancelled"]);

/** Samples all records repeatedly: ended ones do not change, and no number decreases. */
export class Sampler {
  readonly wrong: string[] = [];
  #before = new Map<string, Seen>();

  /** Whether a child task of it, direct or not, was open in the last sample. */
  hasOpenChild(taskId: string): boolean {
    const all = [...this.#before.values()];
    const own = all.filter(({ parentId }) => parentId === taskId);
    return own.some(({ taskId: id, status }) => !terminal.has(status) || this.hasOpenChild(id));
  }

  /**
   * @param isDeleted - whether a task was deleted: a record recreated by a late write is unrelated to earlier samples
   * @returns the ids of ended tasks
   */
  take(sample: readonly Seen[], isDeleted: (taskId: string) => boolean): ReadonlySet<string> {
    const ended = new Set<string>();
    const now = new Map<string, Seen>();
    for (const seen of sample) {
      if (isDeleted(seen.taskId)) continue;
      now.set(seen.id, seen);
      if (seen.id === `task ${seen.taskId}` && terminal.has(seen.status)) ended.add(seen.taskId);
      const before = this.#before.get(seen.id);
      if (before === undefined) continue;
      if (terminal.has(before.status) && seen.status !== before.status) {
        this.wrong.push(`${seen.id} was ${before.status} and is ${seen.status}`);
      }
      for (const [name, value] of Object.entries(seen.numbers)) {
        const was = before.numbers[name] ?? 0;
        const countsAnew = name === "lost" && value === 1; // a batch was stored between two lost leases
        if (value < was && !countsAnew) this.wrong.push(`${seen.id}: ${name} was ${was} and is ${value}`);
      }
    }
    this.#before = now;
    return ended;
  }
}
