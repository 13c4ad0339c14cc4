import { edit, type Mutation, mutation } from "./mutation.ts";

const schedules = "core/coordinator/schedules.ts";
const cron = "core/coordinator/cron-times.ts";

/** Simulated clusters have no schedules: a separate simulation runs coordinators that fire one. */
const simulated = (name: string, ...edits: Parameters<typeof mutation>[1][]): Mutation => ({
  elsewhere: {
    file: "test/sim/schedules.test.ts",
    title: "each run of a schedule starts once, is skipped or is missed, whatever crashes",
    why: "schedules have a simulation of their own",
  },
  ...mutation(name, ...edits),
});

const atTheClock = (title: string, name: string, ...edits: Parameters<typeof mutation>[1][]): Mutation => ({
  elsewhere: {
    file: "test/unit/core/coordinator/cron-times.test.ts",
    title,
    why: "the times of a cron expression are computed, without any calls",
  },
  ...mutation(name, ...edits),
});

const ofPauses = (title: string, name: string, ...edits: Parameters<typeof mutation>[1][]): Mutation => ({
  elsewhere: { file: "test/integration/engine/paused-flows.test.ts", title, why: "the worlds pause no flows" },
  ...mutation(name, ...edits),
});

export const scheduleMutations: readonly Mutation[] = [
  ofPauses(
    "a pause by another process holds back what sweeps and retries would begin",
    "a sweep begins tasks of a paused flow",
    edit("core/coordinator/scheduler.ts", "if (isPaused && (await", "if (!isPaused && isPaused && (await"),
  ),
  ofPauses(
    "tasks of a paused flow wait until it is resumed",
    "a pause of a flow stops tasks that have begun",
    edit(
      "core/coordinator/scheduler.ts",
      "if (isPaused && (await this.#store.readShards(taskId)).length === 0) return;",
      "if (isPaused) return;",
    ),
  ),
  ofPauses(
    "tasks of a paused flow wait until it is resumed",
    "a task of a paused flow begins when it is created",
    edit("core/coordinator/coordinator-core.ts", "      if (this.#pausedFlows.has(task.graph.name)) return;\n", ""),
  ),
  simulated(
    "the idempotency key of a scheduled task does not name the time",
    edit(schedules, ":$" + "{isoTime(dueAt)}`", "`"),
  ),
  simulated(
    "a run counts as started before its task is created",
    edit(
      schedules,
      "const next = { ...record, isStarting: true as const };",
      "const next = withNext(record, timesOf(record).next(dueAt));",
    ),
  ),
  simulated(
    "that a run starts is not recorded before its task is created",
    edit(
      schedules,
      'return { answer: { kind: "start", record: next, dueAt }, next: scheduleEntry(next) };',
      'return { answer: { kind: "start", record: next, dueAt } };',
    ),
  ),
  {
    elsewhere: {
      file: "test/sim/schedules.test.ts",
      title: "a task that a stalled coordinator creates for a run whose task was deleted is cancelled",
      why: "in the simulation of schedules no task is deleted",
    },
    ...mutation(
      "a coordinator that started a run moves the schedule whatever others did",
      edit(
        schedules,
        "if (record?.isStarting !== true || record.dueAt !== run.dueAt) {",
        "if (record === undefined) {",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/sim/schedules.test.ts",
      title: "a task that a stalled coordinator creates for a run whose task was deleted is cancelled",
      why: "in the simulation of schedules no task is deleted",
    },
    ...mutation(
      "the task of a run is forgotten once the next run starts",
      edit(schedules, "earlier: runsOf(record).slice(0, mostKept)", "earlier: []"),
    ),
  },
  simulated(
    "overlap is judged by the task of an earlier run",
    edit(schedules, 'if (found.last?.taskId !== seen.taskId) return { answer: { kind: "again" } };\n', ""),
  ),
  simulated("overlap is ignored", edit(schedules, 'if (!seen.isOpen || overlap === "allow") {', "if (seen) {")),
  simulated("all missed runs are made up", edit(schedules, "kept === 0 ? [] : missed.slice(-kept)", "missed")),
  simulated(
    "the oldest missed runs are made up",
    edit(schedules, "kept === 0 ? [] : missed.slice(-kept)", "kept === 0 ? [] : missed.slice(0, kept)"),
  ),
  simulated(
    "a put forgets what was missed",
    edit(schedules, "isSameRule ? known?.dueAt : timesOf(record).next(now)", "timesOf(record).next(now)"),
  ),
  atTheClock(
    "several times that are left out run once together",
    "a time that the clock leaves out is taken as if it had not changed",
    edit(
      cron,
      "    let [earlier, later] =",
      "    if (shows.length === 0) return shown - before;\n    let [earlier, later] =",
    ),
  ),
  atTheClock(
    "a time that occurs twice runs the first time only",
    "a time that the clock shows twice is taken the second time",
    edit(cron, "return Math.min(...shows);", "return Math.max(...shows);"),
  ),
  atTheClock(
    "a time that occurs twice runs the first time only",
    "a cron expression follows elapsed time only",
    edit(cron, '?.startsWith("*") === true;', "!== undefined;"),
  ),
];
