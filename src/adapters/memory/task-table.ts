import { type Failure, isTaskTerminal, type TaskRecord, type VarsRecord } from "../../engine/model.ts";
import {
  bornTask,
  bornVars,
  cancelTaskMove,
  closeTaskMove,
  failTaskMove,
  finishTaskMove,
  writeVarsMove,
} from "../../engine/moves/index.ts";
import type { NewTask, Store } from "../../engine/ports/index.ts";
import type { TaskEntry } from "./memory-state.ts";
import type { StoreContext } from "./store-context.ts";

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
    if (idempotencyKey !== undefined) {
      const id = state.idsByIdempotencyKey.get(idempotencyKey);
      if (id !== undefined) return { outcome: "exists", id };
      state.idsByIdempotencyKey.set(idempotencyKey, task.id);
    }
    const record = bornTask(task, { now: now() });
    const entry: TaskEntry = { record, vars: bornVars, sweepAt: record.createdAt, nodes: new Map(), dropped: false };
    state.tasks.set(task.id, entry);
    state.sweeps.push({ task: entry, at: entry.sweepAt });
    observe?.({ kind: "task", taskId: task.id, from: "absent", to: record.status });
    return { outcome: "created", id: task.id };
  }

  async read(id: string): Promise<TaskRecord | undefined> {
    return this.#context.state.tasks.get(id)?.record;
  }

  async finish(id: string): Promise<boolean> {
    return this.#move(id, (record) => finishTaskMove(record, { now: this.#context.now() }));
  }

  async fail(id: string, failure: Failure): Promise<boolean> {
    return this.#move(id, (record) => failTaskMove(record, failure));
  }

  async cancel(id: string, reason: string): ReturnType<Store["cancelTask"]> {
    const entry = this.#context.state.tasks.get(id);
    if (entry === undefined) return "unknown";
    const { answer, next } = cancelTaskMove(entry.record, reason);
    if (next !== undefined) this.#put(entry, next);
    return answer;
  }

  async close(id: string): Promise<boolean> {
    return this.#move(id, (record) => closeTaskMove(record, { now: this.#context.now() }));
  }

  async due(limit: number, everyMs: number): Promise<string[]> {
    const { state, step } = this.#context;
    const ids: string[] = [];
    while (ids.length < limit) {
      if (step !== undefined) await step("dueTasks");
      const now = this.#context.now();
      const first = state.sweeps.first();
      if (first === undefined || first.at > now) break;
      this.#sweepAt(first.task, now + everyMs);
      ids.push(first.task.record.id);
    }
    return ids;
  }

  async readVars(taskId: string): Promise<VarsRecord | undefined> {
    return this.#context.state.tasks.get(taskId)?.vars;
  }

  async writeVars(taskId: string, write: Parameters<Store["writeVars"]>[1]): ReturnType<Store["writeVars"]> {
    const entry = this.#context.state.tasks.get(taskId);
    const { answer, next } = writeVarsMove(entry?.record, entry?.vars ?? bornVars, write);
    if (entry !== undefined && next !== undefined) {
      entry.vars = next;
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
    entry.record = next;
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

  /** Keeps the newest ended tasks, and drops older ones with all that is theirs. */
  #retire(id: string): void {
    const { state, keepFinishedTasks } = this.#context;
    state.ended.add(id);
    for (const oldest of state.ended) {
      if (state.ended.size <= keepFinishedTasks) return;
      state.ended.delete(oldest);
      this.#drop(oldest);
    }
  }

  #drop(id: string): void {
    const { state } = this.#context;
    const entry = state.tasks.get(id);
    if (entry === undefined) return;
    entry.dropped = true;
    state.tasks.delete(id);
    if (entry.record.idempotencyKey !== undefined) state.idsByIdempotencyKey.delete(entry.record.idempotencyKey);
    for (const node of entry.nodes.values()) {
      for (const shard of node.shards) if (shard !== undefined) state.leased.delete(shard);
    }
  }
}
