import type { TaskRecord, TaskStatus, TaskSummary } from "../../core/model/records.ts";
import { explain, type Reason } from "../../core/plan/index.ts";
import type { TaskPage, TaskRow, Waiting, WaitingList } from "../api.ts";
import type { Reading } from "../reading.ts";

/** Which tasks a list contains. */
export interface TaskFilter {
  readonly flow?: string | undefined;
  /** `paused`: running tasks that are paused. Empty: all. */
  readonly states: readonly TaskRow["state"][];
  /** Part of the id, the flow's name, the idempotency key or the error; regardless of case. */
  readonly text?: string | undefined;
  /** By creation. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Whether to include child tasks; with an id, only the child tasks of that task. */
  readonly children: boolean | { readonly of: string };
}

export function rowOf(task: TaskSummary): TaskRow {
  const { failure } = task;
  const { stack: _, ...shown } = failure ?? { reasonCode: "", message: "" };
  const { startsAt, deadlineAt, endedAt, idempotencyKey, cancelReason, retryOf, parent, name: flow } = task;
  return {
    id: task.id,
    state: task.paused === true && task.status === "running" ? "paused" : task.status,
    createdAt: task.createdAt,
    priority: task.priority,
    ...(flow === undefined ? {} : { flow }),
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(failure === undefined ? {} : { failure: shown }),
    ...(cancelReason === undefined ? {} : { cancelReason }),
    ...(retryOf === undefined ? {} : { retryOf }),
    ...(parent === undefined ? {} : { parent }),
  };
}

export function matches(row: TaskRow, { flow, states, text, since, until, children }: TaskFilter): boolean {
  if (typeof children === "object" ? row.parent?.taskId !== children.of : !children && row.parent !== undefined) {
    return false;
  }
  if (flow !== undefined && row.flow !== flow) return false;
  if (states.length > 0 && !states.includes(row.state)) return false;
  if (since !== undefined && row.createdAt < since) return false;
  if (until !== undefined && row.createdAt > until) return false;
  if (text === undefined) return true;
  const { failure } = row;
  const texts = [row.id, row.flow, row.idempotencyKey, row.cancelReason, failure?.reasonCode, failure?.message];
  const wanted = text.toLowerCase();
  return texts.some((each) => each?.toLowerCase().includes(wanted) === true);
}

/** The states in which the store keeps them. */
function statusesOf(states: readonly TaskRow["state"][]): readonly TaskStatus[] {
  return [...new Set(states.map((state) => (state === "paused" ? "running" : state)))];
}

/** How many tasks are read for one page at most, if the filter leaves out most of them. */
const mostRead = 5_000;
const leastAtOnce = 200;

/** A page of tasks, the newest first. The store filters by status only; all else is filtered here. */
export async function pageOfTasks(
  { client }: Pick<Reading, "client">,
  filter: TaskFilter,
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
): Promise<TaskPage> {
  const { flow, text, since, until, states } = filter;
  const statuses = statusesOf(states);
  const isFiltered = states.length > 0 || [flow, text, since, until].some((each) => each !== undefined);
  const items: TaskRow[] = [];
  let next = cursor;
  for (let read = 0; read < mostRead; ) {
    const missing = limit - items.length;
    // The store's cursor continues after everything that was read, so a page contains all matches among that.
    const page = await client.list({
      limit: isFiltered ? Math.max(missing, leastAtOnce) : missing,
      children: filter.children,
      ...(statuses.length === 0 ? {} : { status: statuses }),
      ...(next === undefined ? {} : { cursor: next }),
    });
    read += page.items.length;
    items.push(...page.items.map(rowOf).filter((row) => matches(row, filter)));
    next = page.cursor;
    const oldest = page.items.at(-1)?.createdAt ?? 0;
    const isPast = since !== undefined && oldest < since;
    if (next === undefined || isPast) return { items };
    if (items.length >= limit) return { items, cursor: next };
  }
  return next === undefined ? { items } : { items, cursor: next };
}

const waits: Readonly<Partial<Record<Reason["reason"], Waiting["for"]>>> = {
  waiting_for_signal: "signal",
  delayed: "time",
  backoff: "retry",
  waiting_for_batches: "retry",
};
/** Reasons that depend on other nodes. */
const passive: ReadonlySet<Reason["reason"]> = new Set([
  "ended",
  "waiting_for_parents",
  "waiting_for_first_batch",
  "waiting_for_input",
]);

/** What a task waits for, derived from why its nodes do not run; `undefined` if one runs, or could run now. */
export function waitingIn(nodes: readonly { readonly nodeId: string; readonly why: Reason }[]): Waiting | undefined {
  const found = new Map<string, Omit<Waiting, "others">>();
  for (const { nodeId, why } of nodes) {
    const what = waits[why.reason];
    if (what === undefined && !passive.has(why.reason)) return undefined;
    if (what === undefined) continue;
    const until = "until" in why ? why.until : undefined;
    const before = found.get(nodeId);
    if (before !== undefined && (before.until ?? Number.POSITIVE_INFINITY) <= (until ?? Number.POSITIVE_INFINITY))
      continue;
    found.set(nodeId, { nodeId, for: what, ...(until === undefined ? {} : { until }) });
  }
  const [first] = [...found.values()].toSorted((a, b) => (a.until ?? Infinity) - (b.until ?? Infinity));
  return first && { ...first, others: found.size - 1 };
}

/** The tasks that wait, out of these. */
export async function waitingTasks(reading: Reading, ids: readonly string[]): Promise<WaitingList> {
  const items = await Promise.all(
    ids.map(async (taskId) => {
      const task = await reading.store.readTask(taskId);
      const waiting = task && (await waitingOf(reading, task));
      return waiting === undefined ? [] : [{ taskId, ...waiting }];
    }),
  );
  return { items: items.flat() };
}

/** What a task waits for; `undefined` if it does not. */
export async function waitingOf({ store, input }: Reading, task: TaskRecord): Promise<Waiting | undefined> {
  const { id, status, paused, graph } = task;
  if (status !== "running" || paused) return undefined; // known without its shards
  const shards = await store.readShards(id);
  // Workers and limits matter only to nodes that could run.
  const facts = { workers: [], withArtifacts: new Set<string>(), fullLimit: () => undefined, ahead: () => undefined };
  return waitingIn(explain({ ...facts, now: Date.now(), status, plan: input.plans.get(graph), shards }));
}
