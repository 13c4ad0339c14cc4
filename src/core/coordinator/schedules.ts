import type { Logger } from "../../definitions/index.ts";
import { FlowError, type Json, type JsonObject, thrownMessage } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import { isTaskTerminal } from "../model/records.ts";
import type { RegistryEntry, RegistryJudge, RegistryKey, Store } from "../ports/index.ts";
import { CronTimes, isoTime } from "./cron-times.ts";
import type { CreateTaskOptions } from "./new-task.ts";

/** What happens to a run that is due while the previous run's task has not ended. */
export type Overlap = "skip" | "queue" | "allow" | "replace";

/** A schedule as it was put, with its compiled graph, so that every coordinator can create the tasks. */
export interface ScheduleDefinition {
  readonly graph: Graph;
  /** May contain {@link tickRefs}. */
  readonly params: JsonObject;
  readonly cron: string;
  readonly timeZone: string;
  readonly overlap: Overlap;
  /** How many missed runs are made up; the newest are. */
  readonly catchUp: number;
  readonly priority?: number;
  readonly deadlineSec?: number;
}

/** A run, by the time for which it was scheduled. */
export interface ScheduledRun {
  readonly dueAt: number;
  readonly taskId: string;
}

export interface ScheduleRecord extends ScheduleDefinition {
  readonly isPaused: boolean;
  /** The next run; absent if there is none, or while paused. */
  readonly dueAt?: number;
  /** The run of `dueAt` is decided: its task is to be created, unless it exists already. */
  readonly isStarting?: true;
  readonly last?: ScheduledRun;
  /** The runs before the last one, newest first; bounded by what a stalled coordinator may need. */
  readonly earlier?: readonly ScheduledRun[];
  /** How many runs were skipped because the previous one had not ended. */
  readonly skipped: number;
  /** How many runs were missed because no coordinator was running, or because they waited too long. */
  readonly missed: number;
  /** Why no task could be created for the last run. */
  readonly failure?: { readonly dueAt: number; readonly message: string };
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A run that is this late counts as missed. */
const missedAfterMs = 60_000;
/** How often a waiting run checks whether the previous one has ended. */
const lookMs = 1_000;
/** A coordinator that stalls for more runs than this while it creates a task does not notice that the run already had one. */
const mostKept = 50;
/** The maximum number of missed runs that are counted. */
const mostCounted = 1_000;

/** The registry's entry of a schedule: due when a coordinator has to act on it. */
export const scheduleEntry = (record: ScheduleRecord, lookAt = record.dueAt): RegistryEntry => ({
  value: record,
  ...(lookAt === undefined ? {} : { dueAt: lookAt }),
});

export const scheduleOf = (entry: RegistryEntry | undefined): ScheduleRecord | undefined =>
  entry?.value as ScheduleRecord | undefined;

/** The record after a put. If the rule is the same, so is the time of the next run, so that a missed run is still made up. */
export function putSchedule(
  definition: ScheduleDefinition,
  known: ScheduleRecord | undefined,
  now: number,
): ScheduleRecord {
  const { cron, timeZone } = definition;
  const { last, earlier, isPaused = false, isStarting, skipped = 0, missed = 0, createdAt = now } = known ?? {};
  const isSameRule = known?.cron === cron && known.timeZone === timeZone;
  const runs = { ...(last && { last }), ...(earlier && { earlier }) };
  const record = { ...definition, isPaused, skipped, missed, createdAt, updatedAt: now, ...runs };
  // The task that is being created must become the last run, so that no other run overlaps with it.
  if (known !== undefined && isStarting) return withNext({ ...record, isStarting }, known.dueAt);
  if (isPaused) return record;
  return withNext(record, isSameRule ? known?.dueAt : timesOf(record).next(now));
}

/** Runs that are due during a pause do not start, and do not count as missed. */
export function pauseSchedule(record: ScheduleRecord, isPaused: boolean, now: number): ScheduleRecord {
  if (record.isPaused === isPaused) return record;
  const next = { ...record, isPaused, updatedAt: now };
  if (record.isStarting) return next;
  return withNext(next, isPaused ? undefined : timesOf(record).next(now));
}

/** What a coordinator does about a schedule. `again`: the record changed, so decide again. */
export type ScheduleStep =
  | { readonly kind: "nothing" | "again" }
  | { readonly kind: "start"; readonly record: ScheduleRecord; readonly dueAt: number }
  | { readonly kind: "cancel"; readonly taskId: string };

/**
 * Decides about the run that is due. The start is recorded before the task is created, so that after a crash, or in
 * another coordinator, the same task is created, whatever the previous run has done since.
 *
 * @param seen - the task of the last run, and whether it is open
 */
const judgeDue =
  (seen: { readonly taskId: string | undefined; readonly isOpen: boolean }): RegistryJudge<ScheduleStep> =>
  (entry, now) => {
    const found = scheduleOf(entry);
    if (found?.dueAt === undefined || found.dueAt > now) return { answer: { kind: "nothing" } };
    if (found.isStarting) return { answer: { kind: "start", record: found, dueAt: found.dueAt } };
    if (found.last?.taskId !== seen.taskId) return { answer: { kind: "again" } };
    const record = withoutMissed(found, now);
    const { dueAt, overlap } = record;
    if (dueAt === undefined || dueAt > now) return { answer: { kind: "nothing" }, next: scheduleEntry(record) };
    if (!seen.isOpen || overlap === "allow") {
      const next = { ...record, isStarting: true as const };
      return { answer: { kind: "start", record: next, dueAt }, next: scheduleEntry(next) };
    }
    if (overlap === "skip") {
      const skipped = { ...record, skipped: record.skipped + 1 };
      return { answer: { kind: "again" }, next: scheduleEntry(withNext(skipped, timesOf(record).next(dueAt))) };
    }
    const waiting = scheduleEntry(record, now + lookMs);
    if (overlap === "queue" || seen.taskId === undefined) return { answer: { kind: "nothing" }, next: waiting };
    return { answer: { kind: "cancel", taskId: seen.taskId }, next: waiting };
  };

/** Records the run's task or the failure to create it, and sets the next run. @returns whether the run had another task */
const judgeStarted =
  (run: { readonly dueAt: number; readonly taskId?: string; readonly failure?: string }): RegistryJudge<boolean> =>
  (entry) => {
    const record = scheduleOf(entry);
    if (record?.isStarting !== true || record.dueAt !== run.dueAt) {
      // Another coordinator was faster, and others may have started later runs.
      const started = record === undefined ? undefined : runsOf(record).find(({ dueAt }) => dueAt === run.dueAt);
      return { answer: started !== undefined && started.taskId !== run.taskId };
    }
    const { isStarting: _, failure: __, ...rest } = record;
    const { dueAt, taskId, failure } = run;
    const outcome =
      taskId === undefined
        ? { failure: { dueAt, message: failure ?? "" } }
        : { last: { dueAt, taskId }, earlier: runsOf(record).slice(0, mostKept) };
    const nextAt = record.isPaused ? undefined : timesOf(record).next(dueAt);
    return { answer: false, next: scheduleEntry(withNext({ ...rest, ...outcome }, nextAt)) };
  };

const runsOf = ({ last, earlier = [] }: ScheduleRecord): readonly ScheduledRun[] =>
  last === undefined ? earlier : [last, ...earlier];

/** Advances the next run past missed ones that are not made up. */
function withoutMissed(record: ScheduleRecord, now: number): ScheduleRecord {
  const { dueAt: from, overlap, catchUp } = record;
  const tooLate = now - missedAfterMs;
  if (from === undefined || from > tooLate) return record;
  const times = timesOf(record);
  const missed = times.latest(mostCounted, { from, to: tooLate });
  // Waiting for the previous run does not by itself make a run missed.
  const kept = overlap === "queue" ? Math.max(1, catchUp) : overlap === "replace" ? Math.min(1, catchUp) : catchUp;
  const [dueAt = times.next(tooLate)] = kept === 0 ? [] : missed.slice(-kept);
  const left = missed.filter((each) => dueAt === undefined || each < dueAt).length;
  return withNext({ ...record, missed: record.missed + left }, dueAt);
}

function withNext(record: ScheduleRecord, dueAt: number | undefined): ScheduleRecord {
  const { dueAt: _, ...rest } = record;
  return dueAt === undefined ? rest : { ...rest, dueAt };
}

export const timesOf = ({ cron, timeZone }: Pick<ScheduleRecord, "cron" | "timeZone">) => new CronTimes(cron, timeZone);

/** References in the parameters to the time of the run. */
export const tickRefs = { date: "schedule.date", dueAt: "schedule.due_at" } as const;

/** The parameters of a run. */
export function paramsAt({ params, ...rule }: Pick<ScheduleRecord, "params" | "cron" | "timeZone">, dueAt: number) {
  const values: Readonly<Record<string, string>> = {
    [tickRefs.date]: timesOf(rule).day(dueAt),
    [tickRefs.dueAt]: isoTime(dueAt),
  };
  const fill = (value: Json): Json => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(fill);
    const [[key, inner] = [], ...others] = Object.entries(value);
    const filled = key === "$ref" && others.length === 0 && typeof inner === "string" ? values[inner] : undefined;
    return filled ?? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fill(each)]));
  };
  return fill(params) as JsonObject;
}

// ---- starting runs

export interface FireSchedulesOptions {
  readonly store: Store;
  readonly logger: Logger;
  readonly createTask: (options: CreateTaskOptions) => Promise<{ readonly id: string; readonly created: boolean }>;
  readonly cancelTask: (taskId: string, reason: string) => Promise<unknown>;
}

/** The maximum number of runs of one schedule that one call starts; the next call continues. */
const mostAtOnce = 100;

/**
 * Starts the runs of a schedule that are due. Any number of coordinators may do so at once: the decision is one record,
 * and the task's idempotency key names the schedule and the time.
 */
export async function fireSchedule(options: FireSchedulesOptions, id: string): Promise<void> {
  const { store, cancelTask } = options;
  const key: RegistryKey = { kind: "schedule", id };
  for (let looks = 0; looks < mostAtOnce; looks++) {
    const last = await store.updateEntry(key, (entry) => ({ answer: scheduleOf(entry)?.last }));
    const step = await store.updateEntry(key, judgeDue({ taskId: last?.taskId, isOpen: await isOpen(store, last) }));
    if (step.kind === "nothing") return;
    if (step.kind === "start") await start(options, { key, ...step });
    if (step.kind !== "cancel") continue;
    await cancelTask(step.taskId, `replaced by the next run of schedule '${id}'`);
    return; // a later call checks whether it has ended
  }
}

async function isOpen(store: Store, last: ScheduleRecord["last"]): Promise<boolean> {
  const task = last && (await store.readTask(last.taskId));
  return task !== undefined && !isTaskTerminal(task.status);
}

async function start(
  { store, logger, createTask, cancelTask }: FireSchedulesOptions,
  { key, record, dueAt }: { readonly key: RegistryKey; readonly record: ScheduleRecord; readonly dueAt: number },
): Promise<void> {
  const { graph, priority, deadlineSec } = record;
  const idempotencyKey = `schedule:${key.id}:${isoTime(dueAt)}`;
  try {
    const params = paramsAt(record, dueAt);
    const { id: taskId, created } = await createTask({ graph, params, idempotencyKey, priority, deadlineSec });
    const isRepeated = await store.updateEntry(key, judgeStarted({ dueAt, taskId }));
    // The run's earlier task had ended and was deleted while this creation was in flight, so its key was free again.
    if (isRepeated && created) return void (await cancelTask(taskId, `the run of ${isoTime(dueAt)} had a task before`));
    logger.info({ schedule: key.id, flow: graph.name, taskId, dueAt: isoTime(dueAt) }, "a scheduled task started");
  } catch (error) {
    if (!FlowError.is(error) || error.retryable || error.code === "ENGINE_STOPPED") throw error;
    // It was created before the schedule was changed.
    const existing = error.code === "TASK_EXISTS" ? error.details.taskId : undefined;
    const outcome = typeof existing === "string" ? { taskId: existing } : { failure: thrownMessage(error) };
    await store.updateEntry(key, judgeStarted({ dueAt, ...outcome }));
    logger.warn({ schedule: key.id, dueAt: isoTime(dueAt) }, `a scheduled task could not be created: ${error.message}`);
  }
}
