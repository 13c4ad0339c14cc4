import { match } from "ts-pattern";
import {
  isTaskTerminal,
  type NewSignal,
  type NewTask,
  type Signal,
  type SignalAnswer,
  type TaskFailure,
  type TaskRecord,
  type TaskStatus,
  type TaskSummary,
  type VarsRecord,
} from "./records.ts";
import { checkTaskTransition, type TaskCause } from "./transitions.ts";

/** What a task's transitions read and change: a store need not read large fields for them. */
type TaskState = Omit<TaskRecord, "graph" | "params">;

/* How the store operations change a task's record. Pure; `undefined` if it does not change. */

export function createTask(task: NewTask, at: { readonly now: number }): TaskRecord {
  checkTaskTransition(task.id, { from: "absent", to: "running", cause: "create" });
  const { id, graph, params, priority, idempotencyKey, deadlineMs, traceparent, ...more } = task;
  const { retryOf, parent, retriedBatches, borrowsFrom, signals, startInMs } = more;
  return {
    id,
    graph,
    params,
    priority,
    status: "running",
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(retryOf === undefined ? {} : { retryOf }),
    ...(parent === undefined ? {} : { parent }),
    ...(retriedBatches === undefined ? {} : { retriedBatches }),
    ...(borrowsFrom === undefined ? {} : { borrowsFrom }),
    ...(signals === undefined ? {} : { signals }),
    createdAt: at.now,
    ...(startInMs === undefined ? {} : { startsAt: at.now + startInMs }),
    ...(deadlineMs === undefined ? {} : { deadlineAt: at.now + deadlineMs }),
  };
}

export const createVars = ({ vars }: Pick<NewTask, "vars">): VarsRecord => ({
  vars: vars?.vars ?? {},
  version: 0,
  appliedBy: vars?.appliedBy ?? [],
});

export function finishTask<TTask extends TaskState>(task: TTask, at: { readonly now: number }): TTask | undefined {
  if (task.status !== "running" || task.failure !== undefined) return undefined;
  return moved(task, { to: "finished", cause: "finish", set: { endedAt: at.now } });
}

/** The failure of a task at its deadline. */
export const deadlineExceeded: TaskFailure = {
  reasonCode: "deadline_exceeded",
  message: "the task did not end before its deadline",
};

/** A failure of the task as a whole, such as its deadline, also ends handlers of outcomes. */
export function failTask<TTask extends TaskState>(
  task: TTask,
  failure: TaskFailure,
  at: { readonly now: number },
): TTask | undefined {
  const cancelsAll = failure.nodeId === undefined ? ({ cancelsAll: true } as const) : {};
  if (task.status === "running")
    return moved(task, { to: "cancelling", cause: "fail", set: { failure, ...cancelsAll } });
  const isOverdue = task.status === "cancelling" && task.deadlineAt !== undefined && task.deadlineAt <= at.now;
  if (failure.nodeId !== undefined || !isOverdue || task.cancelsAll) return undefined;
  return { ...task, ...cancelsAll };
}

export function cancelTask<TTask extends TaskState>(
  task: TTask,
  { reason, all }: { readonly reason: string; readonly all: boolean },
): { readonly answer: "recorded" | "already" | "terminal"; readonly next?: TTask } {
  return match<TaskStatus, ReturnType<typeof cancelTask<TTask>>>(task.status)
    .with("running", () => ({
      answer: "recorded",
      next: moved(task, { to: "cancelling", cause: "cancel", set: { cancelReason: reason } }),
    }))
    .with("cancelling", () => ({
      answer: "already",
      ...(all && !task.cancelsAll ? { next: { ...task, cancelsAll: true } } : {}),
    }))
    .with("finished", "failed", "cancelled", () => ({ answer: "terminal" }))
    .exhaustive();
}

export function closeTask<TTask extends TaskState>(task: TTask, at: { readonly now: number }): TTask | undefined {
  if (task.status !== "cancelling") return undefined;
  const to = task.failure === undefined ? "cancelled" : "failed";
  return moved(task, { to, cause: "close", set: { endedAt: at.now } });
}

/** Pauses or resumes it. `already`: it is in the requested state. */
export function pauseTask<TTask extends TaskState>(
  task: TTask,
  paused: boolean,
): { readonly answer: "recorded" | "already" | "terminal"; readonly next?: TTask } {
  if (task.status !== "running") return { answer: "terminal" };
  if ((task.paused ?? false) === paused) return { answer: "already" };
  return { answer: "recorded", next: { ...task, paused } };
}

/** Stores the outcome of a node's wait, unless there is one. Without `payload`: its time has passed. */
export function signalTask<TTask extends TaskState>(
  task: TTask,
  { nodeId, id, payload, now }: NewSignal & { readonly now: number },
): { readonly answer: Exclude<SignalAnswer, "unknown">; readonly signal?: Signal; readonly next?: TTask } {
  const known = signalOf(task, nodeId);
  if (known !== undefined) {
    const isLate = known.payload === undefined;
    return { answer: known.id === id ? "accepted" : isLate ? "terminal" : "already", signal: known };
  }
  if (isTaskTerminal(task.status) || task.cancelsAll) return { answer: "terminal" };
  const signal = { id, at: now, ...(payload === undefined ? {} : { payload }) };
  return { answer: "accepted", signal, next: { ...task, signals: { ...task.signals, [nodeId]: signal } } };
}

/** The outcome of the node's wait, if it has one. */
export const signalOf = ({ signals = {} }: Pick<TaskRecord, "signals">, nodeId: string): Signal | undefined =>
  Object.hasOwn(signals, nodeId) ? signals[nodeId] : undefined;

export function replaceVars(
  task: TaskState | undefined,
  vars: Omit<VarsRecord, "vars">,
  write: { readonly version: number; readonly vars: VarsRecord["vars"]; readonly appliedBy: string },
): { readonly answer: "ok" | "applied" | "conflict" | "closed"; readonly next?: VarsRecord } {
  if (vars.appliedBy.includes(write.appliedBy)) return { answer: "applied" };
  if (task === undefined || isTaskTerminal(task.status)) return { answer: "closed" };
  if (vars.version !== write.version) return { answer: "conflict" };
  const appliedBy = [...vars.appliedBy, write.appliedBy];
  return { answer: "ok", next: { vars: write.vars, version: vars.version + 1, appliedBy } };
}

function moved<TTask extends TaskState>(
  task: TTask,
  move: {
    readonly to: TaskStatus;
    readonly cause: TaskCause;
    readonly set: Partial<Pick<TaskRecord, "failure" | "cancelReason" | "cancelsAll" | "endedAt">>;
  },
): TTask {
  checkTaskTransition(task.id, { from: task.status, to: move.to, cause: move.cause });
  const { paused, ...kept } = task;
  // A pause ends with the task.
  return { ...kept, ...(paused === undefined ? {} : { paused: false }), ...move.set, status: move.to } as TTask;
}

/** The task as shown in a list. */
export function summaryOf({ graph, params: _, signals: __, ...rest }: TaskRecord): TaskSummary {
  return { ...rest, ...(graph.name === undefined ? {} : { name: graph.name }) };
}
