import { randomUUID } from "node:crypto";
import type { TaskStatus } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import type { TaskDocument } from "./documents.ts";
import { lastOrderKey } from "./order-keys.ts";
import type { StoreParts } from "./store-parts.ts";
import { headOnly, summaryOf, type TaskHead } from "./task-documents.ts";

/** Earlier than any time that is set: only what has the field is in its index. */
const ever = new Date(0);

/** The operations that look for tasks. */
export class TaskLists {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async due(
    limit: number,
    { everyMs, aheadMs }: { readonly everyMs: number; readonly aheadMs: number },
  ): Promise<string[]> {
    const { session } = this.#parts;
    const taken: string[] = [];
    while (taken.length < limit) {
      const rows = await this.#by("sweep_at", limit - taken.length);
      // One that was given already is due again when `everyMs` is short.
      const due = rows.filter(
        ({ doc, now }) =>
          (doc.sweep_at?.getTime() ?? Number.POSITIVE_INFINITY) <= now + aheadMs && !taken.includes(doc._id),
      );
      if (due.length === 0) break;
      for (const { doc, now } of due) {
        const next = { sweep_at: new Date(now + everyMs), swept_by: randomUUID() };
        const isTaken = await session.ask(async ({ tasks }, again) => {
          const update = await tasks.updateOne({ _id: doc._id, sweep_at: doc.sweep_at as Date }, { $set: next });
          if (update.modifiedCount === 1) return true;
          return again && (await tasks.countDocuments({ _id: doc._id, swept_by: next.swept_by }, { limit: 1 })) === 1;
        });
        if (isTaken) taken.push(doc._id);
      }
    }
    return taken;
  }

  async overdue(limit: number): ReturnType<Store["overdueTasks"]> {
    const rows = (await this.#by("deadline_at", limit + 1)).map(({ doc, now }) => ({
      id: doc._id,
      inMs: (doc.deadline_at?.getTime() ?? 0) - now,
    }));
    const overdue = rows.slice(0, limit).filter(({ inMs }) => inMs <= 0);
    const next = rows[overdue.length];
    return { overdue: overdue.map(({ id }) => id), nextInMs: next && Math.max(0, next.inMs) };
  }

  async ended({ endedForMs, limit }: Parameters<Store["endedTasks"]>[0]): Promise<string[]> {
    return (await this.#by("ended_at", limit))
      .filter(({ doc, now }) => (doc.ended_at?.getTime() ?? now) <= now - endedForMs)
      .map(({ doc }) => doc._id);
  }

  async list({
    statuses,
    cursor = lastOrderKey,
    limit,
  }: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]> {
    const before = { list_order: { $lt: cursor } };
    const found =
      statuses === undefined
        ? await this.#newest({ ...before, status: { $ne: "deleted" } }, limit + 1)
        : await this.#newestOf(statuses, before, limit + 1);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      items: page.map(summaryOf),
      ...(found.length > limit && last !== undefined ? { cursor: last.list_order } : {}),
    };
  }

  /** One look a status, each along the index: one over several would sort all their tasks. */
  async #newestOf(statuses: readonly TaskStatus[], before: object, limit: number): Promise<readonly TaskHead[]> {
    const each = await Promise.all([...new Set(statuses)].map((status) => this.#newest({ ...before, status }, limit)));
    return each
      .flat()
      .sort((a, b) => (a.list_order < b.list_order ? 1 : -1))
      .slice(0, limit);
  }

  #newest(filter: object, limit: number): Promise<readonly TaskHead[]> {
    return this.#parts.session.ask(({ tasks }) =>
      tasks.find(filter, { projection: headOnly.$project }).sort({ list_order: -1 }).limit(limit).toArray(),
    );
  }

  #by(field: "sweep_at" | "deadline_at" | "ended_at", limit: number) {
    return this.#parts.session.timed<Pick<TaskDocument, "_id" | typeof field>>("tasks", {
      stages: [
        { $match: { [field]: { $gt: ever } } },
        { $sort: { [field]: 1 } },
        { $limit: limit },
        { $project: { [field]: 1 } },
      ],
    });
  }
}
