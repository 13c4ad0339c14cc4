import { randomUUID } from "node:crypto";
import type { UpdateFilter } from "mongodb";
import { isTaskTerminal } from "../../../core/model/records.ts";
import type { Store } from "../../../core/ports/index.ts";
import type { Read, Session } from "../database/session.ts";
import { checkedId, headOnly, type TaskDocument } from "../format/records.ts";

/*
 * A task is removed in several writes, while another task may start to borrow from it. So the removal is announced
 * first (`removal_asked`), then borrowers are searched, and the task becomes `deleted`, by compare-and-set, only if
 * there are none. A process that creates a borrower reads its lenders afterwards, and withdraws their announcements.
 * One of the two sees the other.
 */

/** The stages that read a task's document without the fields that may be large. */
export const headOf = (id: string) => [{ $match: { _id: checkedId(id) } }, { $project: headOnly }];

async function readHead(session: Session, id: string): Promise<Read<TaskDocument> | undefined> {
  const found = await session.readHead(checkedId(id));
  keepHead(session, id, found?.doc);
  return found;
}

/** Like {@link readHead}, without tasks whose removal is not complete. */
export async function readLiveHead(session: Session, id: string): Promise<Read<TaskDocument> | undefined> {
  const found = await readHead(session, id);
  return found?.doc.status === "deleted" ? undefined : found;
}

/** How long a head that was read may be used instead of reading it before an insert, in ms. */
const headKnownMs = 100;

/** Keeps a head that was read: a dispatch reads it before its insert, unless it has just been read, and after it. */
export function keepHead(
  { heads }: Session,
  id: string,
  doc: Pick<TaskDocument, "status" | "paused"> | undefined,
): void {
  if (doc === undefined || doc.status === "deleted") heads.delete(id);
  else heads.set(id, { paused: doc.paused ?? false, readAt: performance.now() });
}

/** The head of a task that was read just now. */
export function knownHead({ heads, time: now }: Session, id: string): Read<Pick<TaskDocument, "paused">> | undefined {
  const known = heads.get(id);
  if (known === undefined || now === undefined || performance.now() - known.readAt > headKnownMs) return undefined;
  return { doc: { paused: known.paused }, now };
}

/** Changes a task that still has the revision that was read. */
export function changeTask(
  session: Session,
  { _id, rev: before }: Pick<TaskDocument, "_id" | "rev">,
  { rev = randomUUID(), $set, ...others }: UpdateFilter<TaskDocument> & { readonly rev?: string },
): Promise<boolean> {
  const update = { $set: { ...$set, rev }, ...others };
  return session.updateOnce("tasks", { _id, rev: before }, { update, mark: { _id, rev } });
}

/**
 * Removes an ended task with everything that belongs to it, and completes an interrupted removal. Of a task that does not
 * exist it removes what a delayed write left behind.
 */
export async function removeTask(session: Session, id: string): ReturnType<Store["deleteTask"]> {
  for (;;) {
    const found = await readHead(session, id);
    if (found === undefined) {
      await removeParts(session, id);
      return "unknown";
    }
    const { doc } = found;
    if (doc.status === "deleted") break;
    if (!isTaskTerminal(doc.status)) return "open";
    if (doc.parent !== undefined && (await readLiveHead(session, doc.parent.task_id)) !== undefined) return "borrowed";
    const asked = { _id: id, rev: randomUUID() };
    if (!(await changeTask(session, doc, { rev: asked.rev, $set: { removal_asked: true } }))) continue;
    const borrows = { borrows_from: id, status: { $ne: "deleted" } } as const;
    const borrower = await session.findOne("tasks", borrows, { projection: { _id: 1 } });
    if (borrower !== undefined) {
      await changeTask(session, asked, { $unset: { removal_asked: true } });
      return "borrowed";
    }
    const $unset = { removal_asked: true, idempotency_key: true, ended_at: true, borrows_from: true } as const;
    if (await changeTask(session, asked, { $set: { status: "deleted" }, $unset })) break;
  }
  await removeParts(session, id);
  await session.run(({ tasks }) => tasks.deleteOne({ _id: id, status: "deleted" }));
  return "deleted";
}

async function removeParts(session: Session, id: string): Promise<void> {
  // The shards first: a reader that may adopt from this task then finds no shard, rather than a part of its log.
  await session.run(({ nodes }) => nodes.deleteMany({ task_id: id }));
  await session.run(({ artifacts }) => artifacts.deleteMany({ task_id: id }));
  await session.run(({ taskLogs }) => taskLogs.deleteOne({ _id: id }));
  const pull = { $pull: { holders: { task_id: id } } };
  await session.run(({ limits }) => limits.updateMany({ "holders.task_id": id }, pull));
}

/** Protects the lenders of a task that has just been created from removals that did not see it. */
export async function keepLenders(session: Session, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    for (;;) {
      const found = await readHead(session, id);
      if (found?.doc.status === "deleted") await removeTask(session, id);
      if (found?.doc.removal_asked !== true) break;
      await changeTask(session, found.doc, { $unset: { removal_asked: true } });
    }
  }
}
