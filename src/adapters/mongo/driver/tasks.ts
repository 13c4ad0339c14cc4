import { randomUUID } from "node:crypto";
import type { UpdateFilter } from "mongodb";
import { createVars } from "../../../core/model/index.ts";
import type { NewTask } from "../../../core/model/records.ts";
import type { Judged, TaskDriver } from "../../../core/store/driver.ts";
import { together } from "../../../core/store/together.ts";
import { compareAndSet, type Read, type Session } from "../database/session.ts";
import {
  checkedId,
  headOnly,
  oneOf,
  type TaskDocument,
  taskDocument,
  taskRecords,
  taskStates,
  taskSummaries,
  taskUpdate,
  taskVars,
  varsOnly,
  varsUpdate,
} from "../format/records.ts";
import { changeTask, keepHead, keepLenders, readLiveHead, removeTask } from "./removal.ts";

const idOnly = { projection: { _id: 1 } };

export function taskCollection(session: Session): TaskDriver {
  const readSoon = together(async (ids: readonly string[]) => {
    const docs = await session.find("tasks", { _id: oneOf([...new Set(ids)]) });
    const found = new Map(docs.map((doc) => [doc._id, doc]));
    return ids.map((id) => found.get(id));
  }, "waits for the turn");
  return {
    async insert(task, create) {
      const rev = randomUUID();
      for (;;) {
        const now = await session.now();
        const { record, vars } = create(now);
        const document = taskDocument(record, { vars, rev, list_order: session.orderKey(now) });
        const isInserted = await session.insert(({ tasks }) => tasks.insertOne(document));
        const found = isInserted ? document : await findExisting(session, task);
        if (found === undefined) continue; // removed since the insert
        if (found.rev !== rev) return { outcome: "exists", id: found._id };
        keepHead(session, task.id, document);
        await keepLenders(session, record.borrowsFrom ?? []);
        return { outcome: "created", id: task.id };
      }
    },
    async read(id) {
      const doc = await readSoon(checkedId(id));
      return doc === undefined || doc.status === "deleted" ? undefined : taskRecords.toRecord(doc);
    },
    update: (id, judge, { sweepNow }) =>
      changeLive(session, id, (found) => {
        const { answer, next } = judge(found && taskStates.toRecord(found.doc), found?.now ?? 0);
        return found && next ? { answer, next: taskUpdate(next, { now: found.now, sweepNow }) } : { answer };
      }),
    async readVars(taskId) {
      const doc = await session.findOne("tasks", { _id: checkedId(taskId) }, { projection: varsOnly });
      return doc === undefined || doc.status === "deleted" ? undefined : taskVars.toRecord(doc);
    },
    updateVars: (taskId, judge) =>
      changeLive(session, taskId, (found) => {
        const vars = found === undefined ? createVars({}) : taskVars.toRecord(found.doc);
        const { answer, next } = judge(found && taskStates.toRecord(found.doc), vars);
        return found && next ? { answer, next: varsUpdate(next, found) } : { answer };
      }),
    delete: async (id) => removeTask(session, checkedId(id)),
    async due(limit, { everyMs, aheadMs }) {
      const taken: string[] = [];
      while (taken.length < limit) {
        const rows = await session.earliest("tasks", { field: "sweep_at", limit: limit - taken.length });
        // With a short `everyMs`, a task that was taken is due again.
        const due = rows.filter(({ doc, at, now }) => at - now <= aheadMs && !taken.includes(doc._id));
        if (due.length === 0) break;
        const mark = { _id: { $in: due.map(({ doc }) => doc._id) }, swept_by: randomUUID() };
        const operations = due.map(({ doc: { _id }, at, now }) => {
          const $set = { sweep_at: new Date(now + everyMs), swept_by: mark.swept_by };
          return { updateOne: { filter: { _id, sweep_at: new Date(at) }, update: { $set } } };
        });
        const { modifiedCount } = await session.run(({ tasks }) => tasks.bulkWrite(operations, { ordered: false }));
        // Another process has taken some of them, or the answer to an earlier request was lost.
        const own =
          modifiedCount === due.length ? due.map(({ doc }) => doc) : await session.find("tasks", mark, idOnly);
        const ids = new Set(own.map(({ _id }) => _id));
        taken.push(...due.map(({ doc }) => doc._id).filter((id) => ids.has(id)));
      }
      return taken;
    },
    async overdue(limit) {
      const { due: overdue, nextInMs } = await session.due("tasks", { field: "deadline_at", limit }, ({ _id }) => _id);
      return { overdue, nextInMs };
    },
    async ended({ endedForMs, limit }) {
      const rows = await session.earliest("tasks", { field: "ended_at", limit });
      return rows.filter(({ at, now }) => at <= now - endedForMs).map(({ doc }) => doc._id);
    },
    list({ statuses, children, ...page }) {
      const of = typeof children === "object" ? { _id: { $gt: `${children.of}.`, $lt: `${children.of}/` } } : {};
      const parent = typeof children === "object" ? { "parent.task_id": children.of } : { parent: { $exists: false } };
      const family = { ...of, ...(children === "all" ? {} : parent) };
      const all = [{ status: { $ne: "deleted" as const }, ...family }];
      const filters = statuses ? [...new Set(statuses)].map((status) => ({ status, ...family })) : all;
      return session.newest("tasks", { ...page, filters, projection: headOnly }, ({ doc }) =>
        taskSummaries.toRecord(doc),
      );
    },
  };
}

/** The task that has this ID or this idempotency key. */
async function findExisting(session: Session, { id, idempotencyKey }: NewTask): Promise<TaskDocument | undefined> {
  const fields = { projection: { rev: 1, status: 1 } };
  const byId = await session.findOne("tasks", { _id: id }, fields);
  if (byId?.status === "deleted") {
    await removeTask(session, id);
    return undefined;
  }
  if (byId !== undefined || idempotencyKey === undefined) return byId;
  return session.findOne("tasks", { idempotency_key: idempotencyKey }, fields);
}

const changeLive = <TAnswer>(
  session: Session,
  id: string,
  judge: (found: Read<TaskDocument> | undefined) => Judged<TAnswer, UpdateFilter<TaskDocument>>,
): Promise<TAnswer> =>
  compareAndSet({
    read: () => readLiveHead(session, id),
    judge,
    write: (update, { found, rev }) => changeTask(session, found.doc, { rev, ...update }),
  });
