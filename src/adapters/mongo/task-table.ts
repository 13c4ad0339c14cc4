import { randomUUID } from "node:crypto";
import {
  cancelTask,
  closeTask,
  createTask,
  createVars,
  failTask,
  finishTask,
  replaceVars,
} from "../../core/model/index.ts";
import type { TaskFailure, TaskRecord, VarsRecord } from "../../core/model/records.ts";
import type { NewTask, Store } from "../../core/ports/index.ts";
import { compareAndSet, type Read } from "./compare-and-set.ts";
import type { TaskDocument } from "./documents.ts";
import { isDuplicate } from "./mongo-error.ts";
import { checkTaskSize, checkVarsSize } from "./record-size.ts";
import { checkedId, type StoreParts } from "./store-parts.ts";
import {
  moveFields,
  stateOf,
  type TaskHead,
  taskDocument,
  taskRecord,
  varsFields,
  varsRecord,
} from "./task-documents.ts";
import { readLiveHead } from "./task-reads.ts";
import { keepLenders, removeTask } from "./task-removal.ts";

type TaskState = Omit<TaskRecord, "graph" | "params">;

/** The operations on one task. */
export class TaskTable {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async create(task: NewTask): ReturnType<Store["createTask"]> {
    const { session, orderKeys } = this.#parts;
    checkedId(task.id);
    if (task.idempotencyKey !== undefined) checkedId(task.idempotencyKey);
    const rev = randomUUID();
    for (;;) {
      const now = await session.now();
      const record = createTask(task, { now });
      const document = taskDocument(record, { vars: createVars(task), rev, listOrder: orderKeys.next(now) });
      checkTaskSize(document);
      const inserted = await session.ask(({ tasks }) =>
        tasks.insertOne(document).then(
          () => true,
          (error: unknown) => {
            if (isDuplicate(error)) return false;
            throw error;
          },
        ),
      );
      const there = inserted ? { _id: task.id, rev } : await this.#holder(task);
      if (there === undefined) continue; // it was removed meanwhile
      if (there.rev === rev) {
        await keepLenders(this.#parts, record.borrowsFrom ?? []);
        return { outcome: "created", id: task.id };
      }
      return { outcome: "exists", id: there._id };
    }
  }

  /** The task that has this id, or else this idempotency key. */
  async #holder({ id, idempotencyKey }: NewTask): Promise<{ readonly _id: string; readonly rev: string } | undefined> {
    const { session } = this.#parts;
    const fields = { projection: { rev: 1, status: 1 } } as const;
    const byId = await session.ask(({ tasks }) => tasks.findOne({ _id: id }, fields));
    if (byId?.status === "deleted") {
      await removeTask(this.#parts, id);
      return undefined;
    }
    if (byId !== null || idempotencyKey === undefined) return byId ?? undefined;
    return (await session.ask(({ tasks }) => tasks.findOne({ idempotency_key: idempotencyKey }, fields))) ?? undefined;
  }

  async read(id: string): Promise<TaskRecord | undefined> {
    const doc = await this.#find(id);
    return doc === undefined ? undefined : taskRecord(doc);
  }

  async finish(id: string): Promise<boolean> {
    return this.#move(id, (task, now) => finishTask(task, { now }));
  }

  async fail(id: string, failure: TaskFailure): Promise<boolean> {
    return this.#move(id, (task) => failTask(task, failure));
  }

  async close(id: string): Promise<boolean> {
    return this.#move(id, (task, now) => closeTask(task, { now }));
  }

  async cancel(id: string, reason: string): ReturnType<Store["cancelTask"]> {
    return compareAndSet<TaskHead, Awaited<ReturnType<Store["cancelTask"]>>>(
      () => readLiveHead(this.#parts, id),
      (found) => {
        if (found === undefined) return { answer: "unknown" };
        const { answer, next } = cancelTask(stateOf(found.doc), reason);
        return next === undefined ? { answer } : { answer, write: (rev) => this.#replace(found, next, rev) };
      },
    );
  }

  async readVars(taskId: string): Promise<VarsRecord | undefined> {
    const doc = await this.#parts.session.ask(({ tasks }) =>
      tasks.findOne(
        { _id: checkedId(taskId) },
        { projection: { status: 1, vars: 1, vars_json: 1, vars_version: 1, vars_applied: 1 } },
      ),
    );
    return doc === null || doc.status === "deleted" ? undefined : varsRecord(doc);
  }

  async writeVars(taskId: string, write: Parameters<Store["writeVars"]>[1]): ReturnType<Store["writeVars"]> {
    return compareAndSet<TaskHead, Awaited<ReturnType<Store["writeVars"]>>>(
      () => readLiveHead(this.#parts, taskId),
      (found) => {
        // The variables themselves aren't looked at: what is judged is their version, and who has changed them.
        const state = found === undefined ? undefined : stateOf(found.doc);
        const before = found === undefined ? { vars: {}, version: 0, appliedBy: [] } : varsRecord(found.doc);
        const { answer, next } = replaceVars(state, before, write);
        if (found === undefined || next === undefined) return { answer };
        return { answer, write: (rev) => this.#writeVars(found, next, rev) };
      },
    );
  }

  async #writeVars({ doc, now }: Read<TaskHead>, next: VarsRecord, rev: string): Promise<boolean> {
    const fields = varsFields(next);
    checkVarsSize(fields);
    const other = "vars_json" in fields ? "vars" : "vars_json";
    const { modifiedCount } = await this.#parts.session.ask(({ tasks }) =>
      tasks.updateOne(
        { _id: doc._id, rev: doc.rev },
        { $set: { ...fields, rev, updated_at: new Date(now) }, $unset: { [other]: true } },
      ),
    );
    return modifiedCount === 1;
  }

  async #find(id: string): Promise<TaskDocument | undefined> {
    const doc = await this.#parts.session.ask(({ tasks }) => tasks.findOne({ _id: checkedId(id) }));
    return doc === null || doc.status === "deleted" ? undefined : doc;
  }

  #move(id: string, move: (task: TaskState, now: number) => TaskState | undefined): Promise<boolean> {
    return compareAndSet<TaskHead, boolean>(
      () => readLiveHead(this.#parts, id),
      (found) => {
        const next = found && move(stateOf(found.doc), found.now);
        if (found === undefined || next === undefined) return { answer: false };
        return { answer: true, write: (rev) => this.#replace(found, next, rev) };
      },
    );
  }

  async #replace({ doc, now }: Read<TaskHead>, next: TaskState, rev: string): Promise<boolean> {
    const { modifiedCount } = await this.#parts.session.ask(({ tasks }) =>
      tasks.updateOne({ _id: doc._id, rev: doc.rev }, moveFields(next, { now, rev })),
    );
    return modifiedCount === 1;
  }
}
