import type { CoordinatorCore } from "../core/coordinator/coordinator-core.ts";
import { taskParams, taskSettings } from "../core/coordinator/new-task.ts";
import {
  type Overlap,
  paramsAt,
  pauseSchedule,
  putSchedule,
  type ScheduleDefinition,
  type ScheduledRun,
  type ScheduleRecord,
  scheduleEntry,
  scheduleOf,
  tickRefs,
  timesOf,
} from "../core/coordinator/schedules.ts";
import type { Page, Store } from "../core/ports/index.ts";
import type { StoreRetry } from "../core/resilience/store-retry.ts";
import type { ListOptions, UntypedFlow } from "../core/tasks/api.ts";
import type { FlowArgument } from "../core/tasks/run-arguments.ts";
import { pageRequest } from "../core/tasks/task-lists.ts";
import type { FlowTypes } from "../definitions/flow.ts";
import { FlowError, type JsonObject } from "../errors/index.ts";
import { checkOptionNames } from "../graph/format/near-name.ts";
import type { Graph } from "../graph/index.ts";
import { checkMethodOptions } from "./options.ts";

declare const tickOf: unique symbol;

/** A placeholder for a string made from the time of a scheduled run. */
export interface Tick {
  readonly [tickOf]: true;
}

/**
 * Placeholders in a schedule's parameters for the time for which a run is scheduled, whenever it starts: the day in the
 * schedule's time zone, such as `"2026-11-29"`, and the instant, such as `"2026-11-29T02:00:00.000Z"`.
 *
 * @example
 * params: { day: tick.date }
 */
export const tick: { readonly date: Tick; readonly dueAt: Tick } = {
  date: { $ref: tickRefs.date } as unknown as Tick,
  dueAt: { $ref: tickRefs.dueAt } as unknown as Tick,
};

/** Parameters of a flow, in which a {@link Tick} may replace a string. */
export type WithTicks<TParams> = {
  readonly [TKey in keyof TParams]: TParams[TKey] | (string extends TParams[TKey] ? Tick : never);
};

/** Options of a schedule, apart from its flow and parameters. */
export interface ScheduleTimes {
  /**
   * Five fields: minute, hour, day of month, month, day of week; six with seconds before them. A local time that a
   * clock change skips runs once, at the change; one that occurs twice runs the first time.
   *
   * @example
   * cron: "0 3 * * 1-5" // at 3:00 on weekdays
   */
  readonly cron: string;
  /** The time zone of `cron` and `tick.date`. @defaultValue "UTC" */
  readonly timeZone?: string;
  /**
   * If the task of the previous run has not ended: skip this run (`skip`), let it wait (`queue`), run both (`allow`),
   * or cancel that task first (`replace`).
   *
   * @defaultValue "skip"
   */
  readonly overlap?: Overlap;
  /**
   * How many missed runs are made up; the newest ones are. A run is missed if it is more than a minute late because no
   * coordinator was running. With `overlap: "queue"`, also how many runs wait, at least one.
   *
   * @defaultValue 1
   */
  readonly catchUp?: number;
  /** The priority of the tasks. @defaultValue 0 */
  readonly priority?: number;
  /** The time limit of the tasks, in seconds. */
  readonly deadlineSec?: number;
}

/** Options of `schedules.put`. */
export type ScheduleOptions<TTypes extends FlowTypes, THandlers extends { readonly name: string }> = ScheduleTimes & {
  readonly flow: FlowArgument<TTypes, THandlers, "params">;
} & (Record<never, never> extends TTypes["params"]
    ? { readonly params?: WithTicks<TTypes["params"]> }
    : { readonly params: WithTicks<TTypes["params"]> });

/** A schedule, with the state of its runs. Times are in ms since 1970. */
export interface Schedule extends Required<Pick<ScheduleTimes, "cron" | "timeZone" | "overlap" | "catchUp">> {
  readonly id: string;
  /** The name of its flow. */
  readonly flow?: string;
  /** As they were passed to `put`. */
  readonly params: JsonObject;
  readonly paused: boolean;
  /** When the next run is due; absent if it is paused, or if there will be none. */
  readonly nextAt?: number;
  /** The last run that has a task. */
  readonly last?: ScheduledRun;
  /** Runs skipped because the task of the previous run had not ended. */
  readonly skipped: number;
  /** Runs that were missed and not made up. */
  readonly missed: number;
  /** Why the task of the last run could not be created. */
  readonly failure?: { readonly dueAt: number; readonly message: string };
  readonly priority?: number;
  readonly deadlineSec?: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Starts tasks of flows at given times, in any coordinator on the store. */
export interface Schedules<THandlers extends { readonly name: string } = { readonly name: string }> {
  /** Type information only. Has no value at run time. */
  readonly $infer: THandlers;
  /**
   * Creates the schedule, or changes the one with this id: may be called each time a program starts. Missed runs are
   * still made up, unless `cron` or `timeZone` changed.
   *
   * @example
   * await engine.schedules.put("nightly", {
   *   flow: etl,
   *   cron: "0 3 * * *",
   *   timeZone: "Europe/Berlin",
   *   params: { day: tick.date },
   * })
   *
   * @throws FlowError `SCHEDULE_INVALID`, `GRAPH_INVALID`, `PARAMS_INVALID`, `PARAMS_TOO_LARGE`, `ENGINE_OPTIONS`
   */
  put<TSelf extends { readonly $infer: { readonly name: string } }, TTypes extends FlowTypes = UntypedFlow>(
    this: TSelf,
    id: string,
    options: ScheduleOptions<TTypes, TSelf["$infer"]>,
  ): Promise<Schedule>;
  /** @throws FlowError `SCHEDULE_UNKNOWN` */
  get(id: string): Promise<Schedule>;
  /** A page of the schedules, the newest first. @throws FlowError `ENGINE_OPTIONS` */
  list(options?: Omit<ListOptions, "status">): Promise<Page<Schedule>>;
  /** No run starts until `resume`; those that are due meanwhile do not run. @throws FlowError `SCHEDULE_UNKNOWN` */
  pause(id: string): Promise<Schedule>;
  /** @throws FlowError `SCHEDULE_UNKNOWN` */
  resume(id: string): Promise<Schedule>;
  /** Deletes the schedule, but not its tasks. @throws FlowError `SCHEDULE_UNKNOWN` */
  delete(id: string): Promise<void>;
  /** The times of the next `count` runs, as if it were not paused. @throws FlowError `SCHEDULE_UNKNOWN` */
  next(id: string, count?: number): Promise<readonly number[]>;
}

/** What schedules need from the object that they belong to. */
export interface ScheduleParts {
  readonly store: Store;
  readonly retry: StoreRetry;
  readonly core: CoordinatorCore;
  /** The checked graph, with the flow's own schema of its parameters. */
  readonly read: (flow: unknown) => {
    readonly graph: Graph;
    readonly schema: Parameters<typeof taskParams>[0]["schema"];
  };
  readonly now: () => number;
}

const overlaps: ReadonlySet<string> = new Set<Overlap>(["skip", "queue", "allow", "replace"]);
const mostCaughtUp = 1_000;
const mostListed = 1_000;

/** @param parts - throws when the object has not been started */
export function schedulesOf<THandlers extends { readonly name: string }>(
  parts: () => ScheduleParts,
): Schedules<THandlers> {
  const change = async (
    id: string,
    judge: (record: ScheduleRecord, now: number) => ScheduleRecord | null,
  ): Promise<Schedule> => shown(id, (await write(parts(), id, (known, now) => known && judge(known, now))).record);
  const get = (id: string): Promise<Schedule> => change(id, (record) => record);
  const methods: Omit<Schedules<THandlers>, "$infer" | "put"> & {
    put(id: string, options: unknown): Promise<Schedule>;
  } = {
    async put(id, options) {
      const given = options as ScheduleTimes & { flow: unknown; params?: JsonObject };
      checkOptionNames("schedules.put", given, knownOptions);
      return put(parts(), id, given);
    },
    get,
    async list(options = {}) {
      checkMethodOptions("schedules.list", options);
      const { store, retry } = parts();
      const page = await retry.run(() => store.listEntries("schedule", pageRequest(options)));
      const items = page.items.map((entry) => shown(entry.id, entry.value as ScheduleRecord));
      return page.cursor === undefined ? { items } : { items, cursor: page.cursor };
    },
    pause: (id) => change(id, (record, now) => pauseSchedule(record, true, now)),
    resume: (id) => change(id, (record, now) => pauseSchedule(record, false, now)),
    delete: async (id) => void (await change(id, () => null)),
    async next(id, count = 1) {
      if (!Number.isInteger(count) || count < 1 || count > mostListed) {
        throw new FlowError("ENGINE_OPTIONS", `count must be an integer from 1 to ${mostListed}`);
      }
      const { record, now } = await write(parts(), id, (known) => known);
      const times = timesOf(record);
      const found: number[] = [];
      let next = record.isPaused ? times.next(now) : record.dueAt;
      for (; next !== undefined && found.length < count; next = times.next(next)) found.push(next);
      return found;
    },
  };
  return methods as unknown as Schedules<THandlers>; // `$infer` has no value
}

const knownOptions: Readonly<Record<keyof ScheduleTimes | "flow" | "params", true>> = {
  flow: true,
  params: true,
  cron: true,
  timeZone: true,
  overlap: true,
  catchUp: true,
  priority: true,
  deadlineSec: true,
};

async function put(
  parts: ScheduleParts,
  id: string,
  { flow, params = {}, ...given }: ScheduleTimes & { readonly flow: unknown; readonly params?: JsonObject },
): Promise<Schedule> {
  if (typeof id !== "string" || id === "") throw invalid("a schedule needs a non-empty id");
  const { graph, schema } = parts.read(flow);
  const { cron, timeZone = "UTC", overlap = "skip", catchUp = 1, priority, deadlineSec } = given;
  if (typeof cron !== "string") throw invalid("a schedule needs a cron expression, such as 0 3 * * *");
  if (!overlaps.has(overlap)) throw invalid(`overlap must be ${[...overlaps].join(", ")}, got ${String(overlap)}`);
  if (!Number.isInteger(catchUp) || catchUp < 0 || catchUp > mostCaughtUp) {
    throw invalid(`catchUp must be an integer from 0 to ${mostCaughtUp}`);
  }
  taskSettings({ priority, deadlineSec });
  const definition: ScheduleDefinition = {
    ...{ graph, params, cron, timeZone, overlap, catchUp },
    ...(priority === undefined ? {} : { priority }),
    ...(deadlineSec === undefined ? {} : { deadlineSec }),
  };
  const next = timesOf(definition).next(parts.now());
  if (next === undefined) throw invalid(`cron '${cron}' is never due`);
  // Checks the parameters of the next run, as a sample of all runs.
  taskParams({ params: paramsAt(definition, next), schema, graph });
  return shown(id, (await write(parts, id, (known, now) => putSchedule(definition, known, now))).record);
}

/** Changes a schedule: `null` deletes it, `undefined` means that it does not exist. */
async function write(
  { store, retry, core }: ScheduleParts,
  id: string,
  judge: (record: ScheduleRecord | undefined, now: number) => ScheduleRecord | null | undefined,
): Promise<{ readonly record: ScheduleRecord; readonly now: number }> {
  core.changes.check();
  const answer = await retry.run(() =>
    store.updateEntry({ kind: "schedule", id }, (entry, now) => {
      const known = scheduleOf(entry);
      const next = judge(known, now);
      const record = next === null ? known : next;
      const found = record && { record, now };
      if (next === known || next === undefined) return { answer: found };
      return { answer: found, next: next && scheduleEntry(next) };
    }),
  );
  await retry.run(() => store.settle());
  if (answer === undefined) {
    throw new FlowError("SCHEDULE_UNKNOWN", `there is no schedule '${id}'`, { details: { scheduleId: id } });
  }
  core.dueIn((answer.record.dueAt ?? Number.POSITIVE_INFINITY) - answer.now);
  return answer;
}

function shown(id: string, record: ScheduleRecord): Schedule {
  const { graph, isPaused: paused, isStarting: _, dueAt: nextAt, ...rest } = record;
  return {
    ...{ id, ...rest, paused },
    ...(graph.name === undefined ? {} : { flow: graph.name }),
    ...(nextAt === undefined || paused ? {} : { nextAt }),
  };
}

const invalid = (message: string): FlowError => new FlowError("SCHEDULE_INVALID", message);
