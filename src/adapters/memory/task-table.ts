import { keepJson } from "../../core/codec/index.ts";
import {
  cancelTask,
  closeTask,
  createTask,
  createVars,
  failTask,
  finishTask,
  replaceVars,
  summaryOf,
} from "../../core/model/index.ts";
import { isTaskTerminal, type TaskFailure, type TaskRecord, type VarsRecord } from "../../core/model/records.ts";
import { minSweepMs, type NewTask, type Store } from "../../core/ports/index.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import { LazyHeap } from "./lazy-heap.ts";
import type { TaskEntry } from "./memory-state.ts";
import type { StoreContext } from "./store-context.ts";

const whatVars = "the set of the task's variables";

/** The operations on tasks. */
export class TaskTable {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async create(task: NewTask): ReturnType<Store["createTask"]> {
    const { state, now, observe } = this.#context;
    if (state.tasks.has(task.id)) return { outcome: "exists", id: task.id };
    const { idempotencyKey } = task;
    keepJson(task.params, "the set of the task's parameters");
    keepJson(task.vars?.vars, whatVars);
    const record = deepFreeze(createTask(task, { now: now() }));
    const vars = deepFreeze(createVars(task));
    if (idempotencyKey !== undefined) {
      const id = state.idsByIdempotencyKey.get(idempotencyKey);
      if (id !== undefined) return { outcome: "exists", id };
      state.idsByIdempotencyKey.set(idempotencyKey, task.id);
    }
    const entry: TaskEntry = {
      record,
      vars,
      sweepAt: record.createdAt,
      order: state.nextOrder(),
      nodes: new Map(),
      dropped: false,
    };
    state.tasks.set(task.id, entry);
    state.sweeps.push({ task: entry, at: entry.sweepAt });
    if (record.deadlineAt !== undefined) state.deadlines.push({ task: entry, at: record.deadlineAt });
    for (const lender of record.borrowsFrom ?? []) this.#lend(lender, 1);
    observe?.({ kind: "task", taskId: task.id, from: "absent", to: record.status });
    return { outcome: "created", id: task.id };
  }

  async read(id: string): Promise<TaskRecord | undefined> {
    return this.#context.state.tasks.get(id)?.record;
  }

  async finish(id: string): Promise<boolean> {
    return this.#move(id, (record) => finishTask(record, { now: this.#context.now() }));
  }

  async fail(id: string, failure: TaskFailure): Promise<boolean> {
    return this.#move(id, (record) => failTask(record, failure));
  }

  async cancel(id: string, reason: string): ReturnType<Store["cancelTask"]> {
    const entry = this.#context.state.tasks.get(id);
    if (entry === undefined) return "unknown";
    const { answer, next } = cancelTask(entry.record, reason);
    if (next !== undefined) this.#put(entry, next);
    return answer;
  }

  async close(id: string): Promise<boolean> {
    return this.#move(id, (record) => closeTask(record, { now: this.#context.now() }));
  }

  async due(
    limit: number,
    { everyMs, aheadMs }: { readonly everyMs: number; readonly aheadMs: number },
  ): Promise<string[]> {
    const { state, step } = this.#context;
    const ids: string[] = [];
    // What is moved on is due after this moment, so nothing is given twice, however long this takes.
    const dueBy = this.#context.now() + aheadMs;
    while (ids.length < limit) {
      if (step !== undefined) await step("dueTasks");
      const first = state.sweeps.first();
      if (first === undefined || first.at > dueBy) break;
      this.#sweepAt(first.task, this.#context.now() + Math.max(minSweepMs, everyMs));
      ids.push(first.task.record.id);
    }
    return ids;
  }

  async overdue(limit: number): ReturnType<Store["overdueTasks"]> {
    const now = this.#context.now();
    const first = LazyHeap.firstOf([this.#context.state.deadlines], limit + 1);
    const overdue = first.slice(0, limit).filter(({ at }) => at <= now);
    const next = first[overdue.length];
    return {
      overdue: overdue.map(({ task }) => task.record.id),
      nextInMs: next === undefined ? undefined : Math.max(0, next.at - now),
    };
  }

  async delete(id: string): ReturnType<Store["deleteTask"]> {
    const { state } = this.#context;
    const entry = state.tasks.get(id);
    if (entry === undefined) return "unknown";
    if (!isTaskTerminal(entry.record.status)) return "open";
    if (state.borrowers.has(id)) return "borrowed";
    state.ended.delete(id);
    this.#drop(id);
    return "deleted";
  }

  async ended({ endedForMs, limit }: Parameters<Store["endedTasks"]>[0]): Promise<string[]> {
    const { state } = this.#context;
    const latest = this.#context.now() - endedForMs;
    const ids: string[] = [];
    for (const id of state.ended) {
      if (ids.length >= limit || (state.tasks.get(id)?.record.endedAt ?? 0) > latest) break;
      ids.push(id);
    }
    return ids;
  }

  async list({ statuses, cursor, limit }: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]> {
    const before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor);
    const found: TaskEntry[] = [];
    for (const entry of [...this.#context.state.tasks.values()].reverse()) {
      if (entry.order >= before || (statuses !== undefined && !statuses.includes(entry.record.status))) continue;
      found.push(entry);
      if (found.length > limit) break;
    }
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return {
      items: items.map(({ record }) => summaryOf(record)),
      ...(found.length > limit && last !== undefined ? { cursor: String(last.order) } : {}),
    };
  }

  async readVars(taskId: string): Promise<VarsRecord | undefined> {
    return this.#context.state.tasks.get(taskId)?.vars;
  }

  async writeVars(taskId: string, write: Parameters<Store["writeVars"]>[1]): ReturnType<Store["writeVars"]> {
    const entry = this.#context.state.tasks.get(taskId);
    keepJson(write.vars, whatVars);
    const { answer, next } = replaceVars(entry?.record, entry?.vars ?? createVars({}), write);
    if (entry !== undefined && next !== undefined) {
      entry.vars = deepFreeze(next);
      this.#context.observe?.({ kind: "vars", taskId, vars: next });
    }
    return answer;
  }

  #move(id: string, move: (record: TaskRecord) => TaskRecord | undefined): boolean {
    const entry = this.#context.state.tasks.get(id);
    const next = entry && move(entry.record);
    if (entry === undefined || next === undefined) return false;
    this.#put(entry, next);
    return true;
  }

  #put(entry: TaskEntry, next: TaskRecord): void {
    const from = entry.record.status;
    entry.record = deepFreeze(next);
    if (next.deadlineAt !== undefined && from === "running") this.#context.state.deadlines.buried();
    if (isTaskTerminal(next.status)) {
      this.#sweepAt(entry, undefined);
      this.#retire(next.id);
    } else {
      this.#sweepAt(entry, this.#context.now());
    }
    this.#context.observe?.({ kind: "task", taskId: next.id, from, to: next.status });
  }

  #sweepAt(task: TaskEntry, at: number | undefined): void {
    const { sweeps } = this.#context.state;
    if (task.sweepAt === at) return;
    task.sweepAt = at ?? Number.POSITIVE_INFINITY;
    sweeps.buried();
    if (at !== undefined) sweeps.push({ task, at });
  }

  /** Keeps the newest ended tasks, and drops older ones with all that is theirs, unless a task borrows from them. */
  #retire(id: string): void {
    const { state, keepFinishedTasks } = this.#context;
    state.ended.add(id);
    let surplus = state.ended.size - keepFinishedTasks;
    if (surplus <= 0) return;
    for (const oldest of state.ended) {
      if (state.borrowers.has(oldest)) continue;
      state.ended.delete(oldest);
      this.#drop(oldest);
      if (--surplus === 0) return;
    }
  }

  #drop(id: string): void {
    const { state } = this.#context;
    const entry = state.tasks.get(id);
    if (entry === undefined) return;
    entry.dropped = true;
    state.tasks.delete(id);
    if (entry.record.idempotencyKey !== undefined) state.idsByIdempotencyKey.delete(entry.record.idempotencyKey);
    for (const lender of entry.record.borrowsFrom ?? []) this.#lend(lender, -1);
    for (const holders of state.slots.values()) {
      for (const [key, holder] of holders) if (holder.taskId === id) holders.delete(key);
    }
    for (const node of entry.nodes.values()) {
      for (const shard of node.shards) if (shard !== undefined) state.leased.delete(shard);
    }
  }

  #lend(lender: string, by: 1 | -1): void {
    const { borrowers } = this.#context.state;
    const count = (borrowers.get(lender) ?? 0) + by;
    if (count === 0) borrowers.delete(lender);
    else borrowers.set(lender, count);
  }
}
