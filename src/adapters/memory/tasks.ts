import { keepJson } from "../../core/codec/index.ts";
import { summaryOf } from "../../core/model/index.ts";
import { isTaskTerminal } from "../../core/model/records.ts";
import { minSweepMs } from "../../core/ports/index.ts";
import { dueOf, pageOf } from "../../core/store/collections.ts";
import type { TaskDriver } from "../../core/store/driver.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import type { MemoryState, StoreContext, TaskEntry } from "./memory-state.ts";

const whatVars = "the set of the task's variables";

export function taskDriver({ state, now, step, observe, keepFinishedTasks }: StoreContext): TaskDriver {
  return {
    async insert(task, create) {
      if (state.tasks.has(task.id)) return { outcome: "exists", id: task.id };
      keepJson(task.params, "the set of the task's parameters");
      keepJson(task.vars?.vars, whatVars);
      const { record, vars } = deepFreeze(create(now()));
      const { id, idempotencyKey, createdAt: sweepAt } = record;
      if (idempotencyKey !== undefined) {
        const known = state.idsByIdempotencyKey.get(idempotencyKey);
        if (known !== undefined) return { outcome: "exists", id: known };
        state.idsByIdempotencyKey.set(idempotencyKey, id);
      }
      const entry = { record, vars, sweepAt, pk: state.nextPk(), nodes: new Map(), dropped: false };
      state.tasks.set(id, entry);
      state.sweeps.push({ task: entry, at: sweepAt });
      if (record.deadlineAt !== undefined) state.deadlines.push({ task: entry, at: record.deadlineAt });
      for (const lender of record.borrowsFrom ?? []) lend(state, lender, 1);
      observe?.({ kind: "task", taskId: id, from: "absent", to: record.status });
      return { outcome: "created", id };
    },
    read: async (id) => state.tasks.get(id)?.record,
    async update(id, judge, { sweepNow }) {
      const entry = state.tasks.get(id);
      const { answer, next } = judge(entry?.record, now());
      if (entry === undefined || next === undefined) return answer;
      const from = entry.record.status;
      entry.record = deepFreeze({ ...entry.record, ...next });
      if (next.deadlineAt !== undefined && from === "running" && next.status !== from) state.deadlines.buried();
      const isEnded = isTaskTerminal(next.status);
      if (isEnded || sweepNow) sweepAt(state, entry, isEnded ? undefined : now());
      if (isEnded) retire(state, id, keepFinishedTasks);
      observe?.({ kind: "task", taskId: id, from, to: next.status });
      return answer;
    },
    readVars: async (taskId) => state.tasks.get(taskId)?.vars,
    async updateVars(taskId, judge) {
      const entry = state.tasks.get(taskId);
      const { answer, next } = judge(entry?.record, entry?.vars ?? { version: 0, appliedBy: [] });
      if (entry !== undefined && next !== undefined) {
        keepJson(next.vars, whatVars);
        entry.vars = deepFreeze(next);
        observe?.({ kind: "vars", taskId, vars: next });
      }
      return answer;
    },
    async delete(id) {
      const entry = state.tasks.get(id);
      if (entry === undefined) return "unknown";
      if (!isTaskTerminal(entry.record.status)) return "open";
      if (hasParent(state, entry) || state.borrowers.has(id)) return "borrowed";
      drop(state, id);
      return "deleted";
    },
    async due(limit, { everyMs, aheadMs }) {
      const ids: string[] = [];
      // Returned tasks become due after this moment, so that none is returned twice.
      const dueBy = now() + aheadMs;
      while (ids.length < limit) {
        if (step !== undefined) await step("dueTasks");
        const first = state.sweeps.first();
        if (first === undefined || first.at > dueBy) break;
        sweepAt(state, first.task, now() + Math.max(minSweepMs, everyMs));
        ids.push(first.task.record.id);
      }
      return ids;
    },
    async overdue(limit) {
      const { due, nextInMs } = dueOf(state.deadlines, { limit, now: now() });
      return { overdue: due.map(({ task }) => task.record.id), nextInMs };
    },
    async list({ statuses, children, ...query }) {
      const isWanted = ({ record: { status, parent } }: TaskEntry) =>
        (statuses?.includes(status) ?? true) && (children === "all" || parent?.taskId === children?.of);
      return pageOf([...state.tasks.values()].filter(isWanted), query, ({ record }) => summaryOf(record));
    },
    async ended({ endedForMs, limit }) {
      const latest = now() - endedForMs;
      const ended = [...state.ended].map((id) => state.tasks.get(id) as TaskEntry); // child tasks once their parent is deleted
      const due = ended.filter((task) => endOf(task) <= latest).sort((a, b) => endOf(a) - endOf(b) || a.pk - b.pk);
      return due.slice(0, limit).map(({ record }) => record.id);
    },
  };
}

function sweepAt({ sweeps }: MemoryState, task: TaskEntry, at: number | undefined): void {
  if (task.sweepAt === at) return;
  task.sweepAt = at ?? Number.POSITIVE_INFINITY;
  sweeps.buried();
  if (at !== undefined) sweeps.push({ task, at });
}

const endOf = ({ record: { endedAt = 0 } }: TaskEntry): number => endedAt;

/** Keeps the newest ended tasks; drops older ones with all their records, unless a task borrows from them. */
function retire(state: MemoryState, id: string, keepFinishedTasks: number): void {
  if (hasParent(state, state.tasks.get(id))) return;
  state.ended.add(id);
  let surplus = state.ended.size - keepFinishedTasks;
  for (const oldest of surplus > 0 ? state.ended : []) {
    if (state.borrowers.has(oldest)) continue;
    const entry = state.tasks.get(oldest) as TaskEntry;
    drop(state, oldest);
    for (const child of endedChildren(state, entry)) if (!state.borrowers.has(child)) drop(state, child);
    if (--surplus === 0) return;
  }
}

function drop(state: MemoryState, id: string): void {
  state.ended.delete(id);
  const entry = state.tasks.get(id);
  if (entry === undefined) return;
  entry.dropped = true;
  state.tasks.delete(id);
  state.registry.task_log.delete(id);
  if (entry.record.idempotencyKey !== undefined) state.idsByIdempotencyKey.delete(entry.record.idempotencyKey);
  for (const lender of entry.record.borrowsFrom ?? []) lend(state, lender, -1);
  for (const holders of state.slots.values())
    for (const [key, holder] of holders) if (holder.taskId === id) holders.delete(key);
  for (const shard of [...entry.nodes.values()].flatMap((node) => node.shards)) if (shard) state.leased.delete(shard);
  for (const child of endedChildren(state, entry)) state.ended.add(child);
}

/** The newest first, as one may borrow from an older one. A child task that is still ending is kept like any other task. */
const endedChildren = ({ tasks }: MemoryState, { record: { id, graph } }: TaskEntry): string[] =>
  [...(graph.flows === undefined ? [] : tasks.values())]
    .flatMap(({ record }) => (record.parent?.taskId === id && isTaskTerminal(record.status) ? record.id : []))
    .reverse();

/** A child task is kept as long as its parent exists. */
const hasParent = ({ tasks }: MemoryState, entry: TaskEntry | undefined): boolean =>
  tasks.has(entry?.record.parent?.taskId ?? "");

function lend({ borrowers }: MemoryState, lender: string, by: 1 | -1): void {
  const count = (borrowers.get(lender) ?? 0) + by;
  if (count === 0) borrowers.delete(lender);
  else borrowers.set(lender, count);
}
