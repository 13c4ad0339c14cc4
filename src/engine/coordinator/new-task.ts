import type { $ZodType } from "zod/v4/core";
import { FlowError } from "../../errors/index.ts";
import { type Graph, resolveParams } from "../../graph/index.ts";
import { isTaskTerminal, type TaskRecord } from "../model.ts";
import type { NewTask } from "../ports/index.ts";
import { noSuchTask } from "../tasks/task-reader.ts";
import { taskParams } from "./task-params.ts";

export interface CreateTaskOptions {
  /** As the coordinator's `checkGraph` gave it. */
  readonly graph: Graph;
  readonly params?: unknown;
  /** The flow's own schema of its parameters; without it the graph's JSON Schema counts. */
  readonly paramsSchema?: $ZodType | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly priority?: number | undefined;
  /** How long it may take, in seconds. */
  readonly deadlineSec?: number | undefined;
  readonly traceparent?: string | undefined;
}

export type RetryTaskOptions = Pick<CreateTaskOptions, "idempotencyKey" | "priority" | "deadlineSec" | "traceparent">;

type TaskSettings = Partial<Pick<NewTask, "idempotencyKey" | "priority" | "deadlineMs" | "traceparent">>;

const maxPriority = 100;
const maxDeadlineSec = 31_536_000;
const traceparentForm = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * A task as it is stored, with its parameters checked and put where its graph asks for them.
 *
 * @throws FlowError `PARAMS_INVALID`, `ENGINE_OPTIONS`
 */
export function newTask(id: string, options: CreateTaskOptions): NewTask {
  const settings = taskSettings(options);
  const params = taskParams({ params: options.params, schema: options.paramsSchema, graph: options.graph });
  return { id, graph: resolveParams(options.graph, params), params, priority: 0, ...settings };
}

/** A task that goes on from one that has failed: what it isn't told otherwise is as there. */
export function nextTry(
  id: string,
  failed: TaskRecord,
  { vars, settings }: { readonly vars: NewTask["vars"]; readonly settings: TaskSettings },
): NewTask {
  const { graph, params, priority, traceparent, borrowsFrom = [] } = failed;
  return {
    id,
    graph,
    params,
    priority,
    retryOf: failed.id,
    borrowsFrom: [failed.id, ...borrowsFrom],
    ...(vars === undefined ? {} : { vars }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...settings,
  };
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function taskSettings({ idempotencyKey, priority, deadlineSec, traceparent }: RetryTaskOptions): TaskSettings {
  if (priority !== undefined && !(Number.isInteger(priority) && Math.abs(priority) <= maxPriority)) {
    throw new FlowError("ENGINE_OPTIONS", `priority must be an integer from -${maxPriority} to ${maxPriority}`);
  }
  if (deadlineSec !== undefined && !(deadlineSec > 0 && deadlineSec <= maxDeadlineSec)) {
    throw new FlowError("ENGINE_OPTIONS", `deadlineSec must be more than 0 and at most ${maxDeadlineSec}`);
  }
  if (traceparent !== undefined && !traceparentForm.test(traceparent)) {
    throw new FlowError(
      "ENGINE_OPTIONS",
      "traceparent must be a W3C trace context, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
  }
  // Databases replace half a surrogate pair, and two keys would be one.
  if (idempotencyKey?.isWellFormed() === false) {
    throw new FlowError("ENGINE_OPTIONS", "idempotencyKey must be well-formed Unicode: it has half a surrogate pair");
  }
  return {
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(priority === undefined ? {} : { priority }),
    ...(deadlineSec === undefined ? {} : { deadlineMs: deadlineSec * 1_000 }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/** @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN`, `TASK_FINISHED` */
export function checkRetryable(taskId: string, task: TaskRecord | undefined): TaskRecord {
  if (task === undefined) throw noSuchTask(taskId);
  const details = { taskId };
  if (task.status === "finished") {
    throw new FlowError("TASK_FINISHED", `task ${taskId} finished: there is nothing to try again`, { details });
  }
  if (isTaskTerminal(task.status)) return task;
  throw new FlowError("TASK_OPEN", `task ${taskId} has not ended: only what failed or was cancelled is tried again`, {
    details,
  });
}

/**
 * A key's task is one of the same flow: else its result would be another one than its types say.
 *
 * @throws FlowError `TASK_EXISTS`
 */
export function checkSameFlow({ graph, idempotencyKey }: NewTask, found: TaskRecord | undefined): void {
  if (found === undefined || found.graph.name === graph.name) return; // undefined: it was deleted a moment ago
  const [theirs, own] = [found, { graph }].map(({ graph: { name } }) =>
    name === undefined ? "a graph without a name" : `'${name}'`,
  );
  throw new FlowError(
    "TASK_EXISTS",
    `the idempotency key '${idempotencyKey}' is that of a task of ${theirs}, and this is ${own}: a store has each key once, take another one`,
    { details: { taskId: found.id } },
  );
}
