import { FlowError } from "../../errors/index.ts";
import type { DeadLetter, TaskSummary } from "../model/records.ts";
import type { Page, PageRequest } from "../ports/index.ts";
import type { CleanupOptions, CleanupOutcome, ListOptions } from "./api.ts";
import { noSuchTask, type TaskReaderParts } from "./task-reader.ts";

const defaultLimit = 50;
const maxAtOnce = 1_000;
const cleanupPage = 100;

/** @throws FlowError `ENGINE_OPTIONS` */
export async function listTasks(parts: TaskReaderParts, options: ListOptions): Promise<Page<TaskSummary>> {
  const { status, children = false } = options;
  const statuses = typeof status === "string" ? [status] : status;
  const request = {
    ...pageRequest(options),
    ...(statuses === undefined ? {} : { statuses }),
    ...(children === false ? {} : { children: children === true ? ("all" as const) : children }),
  };
  return settledPage(parts, () => parts.store.listTasks(request));
}

/** @throws FlowError `ENGINE_OPTIONS` */
export async function listDeadLetters(
  parts: TaskReaderParts,
  options: Omit<ListOptions, "status">,
): Promise<Page<DeadLetter>> {
  const request = pageRequest(options);
  return settledPage(parts, () => parts.store.listDeadLetters(request));
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function pageRequest({ cursor, limit = defaultLimit }: ListOptions): PageRequest {
  if (!Number.isInteger(limit) || limit < 1 || limit > maxAtOnce) {
    throw new FlowError("ENGINE_OPTIONS", `limit must be an integer from 1 to ${maxAtOnce}`);
  }
  return { limit, ...(cursor === undefined ? {} : { cursor }) };
}

async function settledPage<T>(parts: TaskReaderParts, read: () => Promise<Page<T>>): Promise<Page<T>> {
  parts.changes.check();
  const page = await parts.retry.run(read);
  await parts.retry.run(() => parts.store.settle());
  return page;
}

/** @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN`, `TASK_BORROWED`, `TASK_HAS_PARENT` */
export async function deleteTask(parts: TaskReaderParts, taskId: string): Promise<void> {
  parts.changes.check();
  const answer = await parts.retry.run(() => parts.store.deleteTask(taskId));
  if (answer === "deleted" || answer === "unknown") await deleteChildren(parts, taskId);
  await parts.retry.run(() => parts.store.settle());
  if (answer === "deleted") return;
  const details = { taskId };
  if (answer === "unknown") throw noSuchTask(taskId);
  if (answer === "open") {
    throw new FlowError("TASK_OPEN", `task ${taskId} has not ended: cancel it and wait for it to end`, { details });
  }
  const parent = (await parts.retry.run(() => parts.store.readTask(taskId)))?.parent;
  if (parent !== undefined) {
    const text = `task ${taskId} is run by node '${parent.nodeId}' of task ${parent.taskId}: delete that one`;
    throw new FlowError("TASK_HAS_PARENT", text, { details: { taskId, parent: parent.taskId, nodeId: parent.nodeId } });
  }
  const text = `a retry of task ${taskId} uses its artifacts: delete the retry first`;
  throw new FlowError("TASK_BORROWED", text, { details });
}

/** Deletes child tasks, the newest first, as one may borrow from an older one. A child task that is still ending stays. */
async function deleteChildren(parts: TaskReaderParts, taskId: string): Promise<void> {
  const { store, retry } = parts;
  let cursor: string | undefined;
  do {
    const query = { limit: cleanupPage, children: { of: taskId }, ...(cursor === undefined ? {} : { cursor }) };
    const page = await retry.run(() => store.listTasks(query));
    for (const { id } of page.items) {
      if ((await retry.run(() => store.deleteTask(id))) === "deleted") await deleteChildren(parts, id);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** @throws FlowError `ENGINE_OPTIONS` */
export async function cleanUp(parts: TaskReaderParts, { endedForSec }: CleanupOptions): Promise<CleanupOutcome> {
  if (!(endedForSec >= 0)) throw new FlowError("ENGINE_OPTIONS", "endedForSec must be 0 or more");
  parts.changes.check();
  const { store, retry } = parts;
  const borrowed = new Set<string>();
  let deleted = 0;
  /** Includes tasks that another caller has deleted meanwhile, since they may have borrowed. */
  let gone = 0;
  const remove = async (id: string): Promise<boolean> => {
    const answer = await retry.run(() => store.deleteTask(id));
    if (answer === "borrowed") borrowed.add(id);
    else borrowed.delete(id);
    if (answer === "deleted") deleted++;
    const isGone = answer === "deleted" || answer === "unknown";
    if (isGone) gone++;
    return isGone;
  };
  // Once a task is gone, its child tasks may be listed.
  for (let mayFree = true; mayFree; ) {
    for (;;) {
      // Borrowed tasks come first in each page, so the page grows by their number.
      const page = { endedForMs: endedForSec * 1_000, limit: cleanupPage + borrowed.size };
      const ids = (await retry.run(() => store.endedTasks(page))).filter((id) => !borrowed.has(id));
      if (ids.length === 0) break;
      for (const id of ids) await remove(id);
    }
    mayFree = false;
    // A lender ended before its borrower, so it was tried too early.
    for (let again = gone > 0; again; mayFree ||= again) {
      again = false;
      for (const id of [...borrowed].reverse()) again = (await remove(id)) || again;
    }
  }
  await retry.run(() => store.settle());
  return { deleted, borrowed: borrowed.size };
}
