import type { Read } from "./compare-and-set.ts";
import { checkedId, type StoreParts } from "./store-parts.ts";
import { headOnly, type TaskHead } from "./task-documents.ts";

/** The task's document without what may be large, with the server's time. */
export async function readHead({ session }: StoreParts, id: string): Promise<Read<TaskHead> | undefined> {
  const [found] = await session.timed<TaskHead>("tasks", { stages: [{ $match: { _id: checkedId(id) } }, headOnly] });
  return found;
}

/** Like {@link readHead}; a task of which something is still to be removed isn't there. */
export async function readLiveHead(parts: StoreParts, id: string): Promise<Read<TaskHead> | undefined> {
  const found = await readHead(parts, id);
  return found?.doc.status === "deleted" ? undefined : found;
}
