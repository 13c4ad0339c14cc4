import { randomUUID } from "node:crypto";
import { isTaskTerminal } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import type { StoreParts } from "./store-parts.ts";
import type { TaskHead } from "./task-documents.ts";
import { readHead } from "./task-reads.ts";

/*
 * Removing a task takes several documents, and another task may begin to borrow from it meanwhile. So it is asked for
 * first (`removal_asked`), then the borrowers are looked for, and only when there is none does the task become
 * `deleted`, by compare-and-set. Whoever creates a borrower looks at its lenders afterwards, and takes back what was
 * asked for. Of the two one sees the other.
 */

/**
 * Removes an ended task with all that is theirs; goes on where an earlier call was interrupted. Of one that is gone,
 * what a write left behind that was on its way then.
 */
export async function removeTask(parts: StoreParts, id: string): ReturnType<Store["deleteTask"]> {
  const { session } = parts;
  for (;;) {
    const found = await readHead(parts, id);
    if (found === undefined) {
      await removeParts(parts, id);
      return "unknown";
    }
    const { doc } = found;
    if (doc.status === "deleted") break;
    if (!isTaskTerminal(doc.status)) return "open";
    const asked = randomUUID();
    if (!(await change(parts, doc, { $set: { rev: asked, removal_asked: true } }, asked))) continue;
    const borrower = await session.ask(({ tasks }) =>
      tasks.findOne({ borrows_from: id, status: { $ne: "deleted" } }, { projection: { _id: 1 } }),
    );
    const rev = randomUUID();
    if (borrower !== null) {
      await change(parts, { ...doc, rev: asked }, { $set: { rev }, $unset: { removal_asked: true } }, rev);
      return "borrowed";
    }
    const gone = {
      $set: { rev, status: "deleted" },
      $unset: { removal_asked: true, idempotency_key: true, ended_at: true, borrows_from: true },
    } as const;
    if (await change(parts, { ...doc, rev: asked }, gone, rev)) break;
  }
  await removeParts(parts, id);
  await session.ask(({ tasks }) => tasks.deleteOne({ _id: id, status: "deleted" }));
  return "deleted";
}

async function removeParts({ session }: StoreParts, id: string): Promise<void> {
  // The shards first: who still reads what it may adopt from this task then finds nothing, rather than half of it.
  await session.ask(({ nodes }) => nodes.deleteMany({ task_id: id }));
  await session.ask(({ artifacts }) => artifacts.deleteMany({ task_id: id }));
  await session.ask(({ limits }) =>
    limits.updateMany({ "holders.task_id": id }, { $pull: { holders: { task_id: id } } }),
  );
}

/** Sees to it that none of these is removed under a task that borrows from it, and has just been created. */
export async function keepLenders(parts: StoreParts, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    for (;;) {
      const found = await readHead(parts, id);
      if (found?.doc.status === "deleted") await removeTask(parts, id);
      if (found?.doc.removal_asked !== true) break;
      const rev = randomUUID();
      await change(parts, found.doc, { $set: { rev }, $unset: { removal_asked: true } }, rev);
    }
  }
}

/** Compare-and-set; an answer that got lost is looked up. */
async function change(
  { session }: StoreParts,
  { _id, rev: before }: Pick<TaskHead, "_id" | "rev">,
  update: object,
  rev: string,
): Promise<boolean> {
  return session.ask(async ({ tasks }, again) => {
    const { modifiedCount } = await tasks.updateOne({ _id, rev: before }, update);
    if (modifiedCount === 1) return true;
    return again && (await tasks.countDocuments({ _id, rev }, { limit: 1 })) === 1;
  });
}
