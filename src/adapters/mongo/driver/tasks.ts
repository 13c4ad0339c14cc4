import { randomUUID } from "node:crypto";
import type { UpdateFilter } from "mongodb";
import {
  isTaskTerminal,
  type NewTask,
  type TaskRecord,
  type TaskStatus,
  type VarsRecord,
} from "../../../core/model/records.ts";
import type { Store } from "../../../core/ports/index.ts";
import type { Judged, TaskDriver, TaskState, VarsState } from "../../../core/store/driver.ts";
import {
  checkedId,
  headOnly,
  type TaskDocument,
  taskDocument,
  taskRecords,
  taskStates,
  taskSummaries,
  taskVars,
} from "./documents.ts";
import { checkSize } from "./errors.ts";
import { changeTask, keepLenders, Retention, readLiveHead, removeTask } from "./removal.ts";
import { compareAndSet, lastOrderKey, pageOf, type Read, type Session } from "./session.ts";

/** A task's record takes its failure, and its variables, later. */
const largestTask = 12 * 1_024 * 1_024;
const largestVars = 3 * 1_024 * 1_024;

export class MongoTasks implements TaskDriver {
  readonly #session: Session;
  readonly #retention: Retention;

  constructor(session: Session, options: { readonly keptMs: number | undefined }) {
    this.#session = session;
    this.#retention = new Retention(session, { keptMs: options.keptMs, ended: (query) => this.ended(query) });
  }

  async insert(
    task: NewTask,
    create: (now: number) => { readonly record: TaskRecord; readonly vars: VarsRecord },
  ): ReturnType<Store["createTask"]> {
    checkedId(task.id);
    if (task.idempotencyKey !== undefined) checkedId(task.idempotencyKey);
    const rev = randomUUID();
    for (;;) {
      const now = await this.#session.now();
      const { record, vars } = create(now);
      const document = taskDocument(record, { vars, rev, list_order: this.#session.orderKey(now) });
      checkSize(document, "the task's graph and params", largestTask);
      const inserted = await this.#session.insert(({ tasks }) => tasks.insertOne(document));
      const there = inserted ? document : await this.#holder(task);
      if (there === undefined) continue; // it was removed meanwhile
      if (there.rev !== rev) return { outcome: "exists", id: there._id };
      await keepLenders(this.#session, record.borrowsFrom ?? []);
      return { outcome: "created", id: task.id };
    }
  }

  async read(id: string): Promise<TaskRecord | undefined> {
    const doc = await this.#session.ask(({ tasks }) => tasks.findOne({ _id: checkedId(id) }));
    return doc === null || doc.status === "deleted" ? undefined : taskRecords.toRecord(doc);
  }

  update<TAnswer>(
    id: string,
    judge: (task: TaskState | undefined, now: number) => Judged<TAnswer, TaskState>,
    { sweepNow }: { readonly sweepNow: boolean },
  ): Promise<TAnswer> {
    return this.#change(id, (found) => {
      const { answer, next } = judge(found && taskStates.toRecord(found.doc), found?.now ?? 0);
      if (found === undefined || next === undefined) return { answer };
      const { _id, ...fields } = taskStates.toDocument(next);
      const ended = isTaskTerminal(next.status);
      return {
        answer,
        update: {
          $set: { ...fields, ...(sweepNow && !ended ? { sweep_at: new Date(found.now) } : {}) },
          $unset: {
            ...(next.status === "running" ? {} : { deadline_at: true }),
            ...(ended ? { sweep_at: true } : {}),
          },
        },
      };
    });
  }

  async readVars(taskId: string): Promise<VarsRecord | undefined> {
    const fields = { status: 1, vars: 1, vars_json: 1, vars_version: 1, vars_applied: 1 } as const;
    const doc = await this.#session.ask(({ tasks }) =>
      tasks.findOne({ _id: checkedId(taskId) }, { projection: fields }),
    );
    return doc === null || doc.status === "deleted" ? undefined : taskVars.toRecord(doc);
  }

  updateVars<TAnswer>(
    taskId: string,
    judge: (task: TaskState | undefined, vars: VarsState) => Judged<TAnswer, VarsRecord>,
  ): Promise<TAnswer> {
    return this.#change(taskId, (found) => {
      const { answer, next } =
        found === undefined
          ? judge(undefined, { version: 0, appliedBy: [] })
          : judge(taskStates.toRecord(found.doc), taskVars.toRecord(found.doc));
      if (next === undefined) return { answer };
      const fields = taskVars.toDocument(next);
      checkSize(fields, "the set of the task's variables", largestVars);
      return { answer, update: { $set: fields, $unset: { ["vars_json" in fields ? "vars" : "vars_json"]: true } } };
    });
  }

  async delete(id: string): ReturnType<Store["deleteTask"]> {
    return removeTask(this.#session, checkedId(id));
  }

  async due(limit: number, every: { readonly everyMs: number; readonly aheadMs: number }): Promise<string[]> {
    this.#retention.begin();
    const taken: string[] = [];
    while (taken.length < limit) {
      const rows = await this.#session.earliest<TaskDocument>("tasks", {
        field: "sweep_at",
        limit: limit - taken.length,
      });
      // One that was given already is due again when `everyMs` is short.
      const due = rows.filter(({ doc, inMs }) => inMs <= every.aheadMs && !taken.includes(doc._id));
      if (due.length === 0) break;
      for (const { doc, now } of due) {
        const { _id, sweep_at } = doc;
        const next = { sweep_at: new Date(now + every.everyMs), swept_by: randomUUID() };
        const isTaken = await this.#session.ask(async ({ tasks }, again) => {
          const update = await tasks.updateOne({ _id, sweep_at: sweep_at as Date }, { $set: next });
          if (update.modifiedCount === 1) return true;
          return again && (await tasks.countDocuments({ _id, swept_by: next.swept_by }, { limit: 1 })) === 1;
        });
        if (isTaken) taken.push(_id);
      }
    }
    return taken;
  }

  async overdue(limit: number): ReturnType<Store["overdueTasks"]> {
    const { due, nextInMs } = await this.#session.due<TaskDocument>("tasks", { field: "deadline_at", limit });
    return { overdue: due.map(({ _id }) => _id), nextInMs };
  }

  async ended({ endedForMs, limit }: Parameters<Store["endedTasks"]>[0]): Promise<string[]> {
    const rows = await this.#session.earliest<TaskDocument>("tasks", { field: "ended_at", limit });
    return rows.filter(({ inMs }) => inMs <= -endedForMs).map(({ doc }) => doc._id);
  }

  async list(query: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]> {
    const { statuses = [undefined], cursor = lastOrderKey, limit } = query;
    // One look a status, each along the index: one over several would sort all their tasks.
    const each = await Promise.all([...new Set(statuses)].map((status) => this.#newest(status, cursor, limit + 1)));
    const found = each.flat().sort((a, b) => (a.list_order < b.list_order ? 1 : -1));
    return pageOf(found, limit, taskSummaries.toRecord);
  }

  /** Waits for the removals that are under way. */
  settled(): Promise<void> {
    return this.#retention.settled();
  }

  #newest(status: TaskStatus | undefined, before: string, limit: number): Promise<readonly TaskDocument[]> {
    const filter = { list_order: { $lt: before }, status: status ?? ({ $ne: "deleted" } as const) };
    return this.#session.ask(({ tasks }) =>
      tasks.find(filter, { projection: headOnly }).sort({ list_order: -1 }).limit(limit).toArray(),
    );
  }

  /** The task that has this ID, or else this idempotency key. */
  async #holder({ id, idempotencyKey }: NewTask): Promise<TaskDocument | undefined> {
    const fields = { projection: { rev: 1, status: 1 } } as const;
    const byId = await this.#session.ask(({ tasks }) => tasks.findOne({ _id: id }, fields));
    if (byId?.status === "deleted") {
      await removeTask(this.#session, id);
      return undefined;
    }
    if (byId !== null || idempotencyKey === undefined) return byId ?? undefined;
    return (
      (await this.#session.ask(({ tasks }) => tasks.findOne({ idempotency_key: idempotencyKey }, fields))) ?? undefined
    );
  }

  #change<TAnswer>(
    id: string,
    judge: (found: Read<TaskDocument> | undefined) => {
      readonly answer: TAnswer;
      readonly update?: UpdateFilter<TaskDocument>;
    },
  ): Promise<TAnswer> {
    return compareAndSet<TaskDocument, TAnswer>(
      () => readLiveHead(this.#session, id),
      async (found) => {
        const { answer, update } = judge(found);
        if (found === undefined || update === undefined) return { answer };
        const $set = { ...update.$set, updated_at: new Date(found.now) };
        return { answer, write: (rev) => changeTask(this.#session, found.doc, { ...update, $set, rev }) };
      },
    );
  }
}
