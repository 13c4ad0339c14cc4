import type { Page, Store } from "../../../src/core/ports/index.ts";
import { all, limitKeys, nodeIds, taskIds, types } from "./random-operations.ts";

const generations = [0, 1, 2];
const statuses = ["running", "finished", "cancelled"] as const;

/** Everything that can be read from a store. Answers without a guaranteed order are sorted. */
export async function visibleState(store: Store): Promise<unknown> {
  return {
    tasks: await Promise.all(taskIds.map((id) => taskState(store, id))),
    queue: await store.peekQueue(types, all),
    queueOfOne: await store.peekQueue(["cleaner"], 2, new Set(["t2"])),
    expired: sorted(await store.expiredLeases(all)),
    deferred: await dueDeferred(store),
    overdue: await overdue(store),
    listed: await pages((cursor) => store.listTasks({ limit: 2, ...cursor })),
    listedByStatus: await pages((cursor) => store.listTasks({ limit: 1, statuses, ...cursor })),
    ended: sorted(await store.endedTasks({ endedForMs: 20, limit: all })),
    slots: sorted(await store.heldSlots()),
    holders: await store.countHolders(limitKeys),
    workers: sorted(await store.liveWorkers()),
    entries: await pages((cursor) => store.listEntries("schedule", { limit: 2, ...cursor })),
    letters: await pages((cursor) => store.listDeadLetters({ limit: 2, ...cursor })),
  };
}

async function taskState(store: Store, taskId: string): Promise<unknown> {
  const shards = await store.readShards(taskId);
  return {
    record: await store.readTask(taskId),
    vars: await store.readVars(taskId),
    shards,
    reversed: await store.readShards(taskId, [...nodeIds].reverse()),
    counts: sorted(await store.countArtifacts(taskId)),
    hasArtifacts: await Promise.all(nodeIds.map((nodeId) => store.hasArtifacts(taskId, nodeId))),
    logs: await Promise.all(
      shards.flatMap((record) =>
        generations.map(async (generation) => ({
          tail: await tailOf(store, record, generation),
          artifacts: await store.readArtifacts(record, generation, 0, all),
          page: await store.readArtifacts(record, generation, 1, 1),
          uidsInOrder: await store.readUids(record, generation, 0, all),
          uids: sorted([...(await store.storedUids(record, generation, ["u0", "u1", "other", "never"]))]),
        })),
      ),
    ),
  };
}

async function tailOf(store: Store, ...[ref, generation]: Parameters<Store["tail"]>): Promise<unknown> {
  const { origins, ...rest } = await store.tail(ref, generation);
  return { ...rest, origins: sorted(origins) };
}

async function dueDeferred(store: Store): Promise<unknown> {
  const { due, nextInMs } = await store.dueDeferred(all);
  return { due: sorted(due), nextInMs };
}

async function overdue(store: Store): Promise<unknown> {
  const { overdue: ids, nextInMs } = await store.overdueTasks(all);
  return { ids: sorted(ids), nextInMs };
}

/** Reads a list to its end. Cursors are store-specific. */
async function pages<T>(read: (from: { readonly cursor?: string }) => Promise<Page<T>>): Promise<readonly T[]> {
  const items: T[] = [];
  for (let page = await read({}); ; page = await read({ cursor: page.cursor })) {
    items.push(...page.items);
    if (page.cursor === undefined) return items;
  }
}

const sorted = <T>(items: Iterable<T>): T[] =>
  [...items].toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
