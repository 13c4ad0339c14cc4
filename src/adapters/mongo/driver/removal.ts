import { randomUUID } from "node:crypto";
import type { UpdateFilter } from "mongodb";
import { isTaskTerminal } from "../../../core/model/records.ts";
import type { Store } from "../../../core/ports/index.ts";
import { checkedId, headOnly, type TaskDocument } from "./documents.ts";
import type { Read, Session } from "./session.ts";

/*
 * Removing a task takes several documents, and another task may begin to borrow from it meanwhile. So it is asked for
 * first (`removal_asked`), then the borrowers are looked for, and only when there is none does the task become
 * `deleted`, by compare-and-set. Whoever creates a borrower looks at its lenders afterwards, and takes back what was
 * asked for. Of the two one sees the other.
 */

/** The task's document without what may be large, with the server's time. */
async function readHead(session: Session, id: string): Promise<Read<TaskDocument> | undefined> {
  const [found] = await session.timed<TaskDocument>("tasks", [
    { $match: { _id: checkedId(id) } },
    { $project: headOnly },
  ]);
  return found;
}

/** Like {@link readHead}; a task of which something is still to be removed isn't there. */
export async function readLiveHead(session: Session, id: string): Promise<Read<TaskDocument> | undefined> {
  const found = await readHead(session, id);
  return found?.doc.status === "deleted" ? undefined : found;
}

/** Changes a task if it still has the revision that was read. */
export async function changeTask(
  session: Session,
  { _id, rev: before }: Pick<TaskDocument, "_id" | "rev">,
  { rev, $set, $unset = {} }: UpdateFilter<TaskDocument> & { readonly rev: string },
): Promise<boolean> {
  // Servers before 5.0 refuse an empty operator.
  const unset = Object.keys($unset).length === 0 ? {} : { $unset };
  return session.ask(async ({ tasks }, again) => {
    const { modifiedCount } = await tasks.updateOne({ _id, rev: before }, { $set: { ...$set, rev }, ...unset });
    if (modifiedCount === 1) return true;
    return again && (await tasks.countDocuments({ _id, rev }, { limit: 1 })) === 1;
  });
}

/**
 * Removes an ended task with all that is theirs; goes on where an earlier call was interrupted. Of one that is gone,
 * what a write left behind that was on its way then.
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
    const asked = { _id: id, rev: randomUUID() };
    if (!(await changeTask(session, doc, { rev: asked.rev, $set: { removal_asked: true } }))) continue;
    const borrower = await session.ask(({ tasks }) =>
      tasks.findOne({ borrows_from: id, status: { $ne: "deleted" } }, { projection: { _id: 1 } }),
    );
    const rev = randomUUID();
    if (borrower !== null) {
      await changeTask(session, asked, { rev, $unset: { removal_asked: true } });
      return "borrowed";
    }
    const $unset = { removal_asked: true, idempotency_key: true, ended_at: true, borrows_from: true } as const;
    if (await changeTask(session, asked, { rev, $set: { status: "deleted" }, $unset })) break;
  }
  await removeParts(session, id);
  await session.ask(({ tasks }) => tasks.deleteOne({ _id: id, status: "deleted" }));
  return "deleted";
}

async function removeParts(session: Session, id: string): Promise<void> {
  // The shards first: who still reads what it may adopt from this task then finds nothing, rather than half of it.
  await session.ask(({ nodes }) => nodes.deleteMany({ task_id: id }));
  await session.ask(({ artifacts }) => artifacts.deleteMany({ task_id: id }));
  await session.ask(({ limits }) =>
    limits.updateMany({ "holders.task_id": id }, { $pull: { holders: { task_id: id } } }),
  );
}

/** Sees to it that none of these is removed under a task that borrows from it, and has just been created. */
export async function keepLenders(session: Session, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    for (;;) {
      const found = await readHead(session, id);
      if (found?.doc.status === "deleted") await removeTask(session, id);
      if (found?.doc.removal_asked !== true) break;
      await changeTask(session, found.doc, { rev: randomUUID(), $unset: { removal_asked: true } });
    }
  }
}

/** Tasks that one round looks at. */
const perRound = 20;

/**
 * Removes tasks that ended long enough ago. A TTL index can't do it: it would take a task's artifacts away from a task
 * that borrows them, and leave those of a task that it has removed.
 *
 * Rounds are begun by sweeps, and don't hold them up; one store does one at a time.
 */
export class Retention {
  readonly #session: Session;
  readonly #ended: Store["endedTasks"];
  readonly #keptMs: number | undefined;
  #round: Promise<void> | undefined;
  #failure: unknown;

  constructor(session: Session, options: { readonly ended: Store["endedTasks"]; readonly keptMs: number | undefined }) {
    this.#session = session;
    this.#ended = options.ended;
    this.#keptMs = options.keptMs;
  }

  /** Begins a round, unless one is under way. Throws what the one before ended with. */
  begin(): void {
    if (this.#keptMs === undefined) return;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    this.#round ??= this.#remove(this.#keptMs)
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#round = undefined;
      });
  }

  async settled(): Promise<void> {
    await this.#round;
  }

  async #remove(endedForMs: number): Promise<void> {
    // Those that others borrow from come first each time, so the page grows by as many.
    for (let borrowed = 0; ; ) {
      const ids = await this.#ended({ endedForMs, limit: perRound + borrowed });
      const rest = ids.slice(borrowed);
      for (const id of rest) if ((await removeTask(this.#session, id)) === "borrowed") borrowed++;
      if (rest.length === 0) return;
    }
  }
}
