import * as z from "zod";
import { describeIssues } from "../core/codec/index.ts";
import type { ExternalTypes } from "../core/interop/index.ts";
import { type LogLevel, logLevels } from "../core/model/task-log.ts";
import type { Bus, Store, Telemetry } from "../core/ports/index.ts";
import type { CleanupOptions, ListOptions, RetryBatchesOptions, RetryOptions, RunOptions } from "../core/tasks/api.ts";
import type {
  CoordinatorFunctionDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
  Logger,
} from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";
import { checkOptionNames } from "../graph/format/near-name.ts";
import { coordinatorFnType, flowType } from "../graph/index.ts";
import type { HandlerList } from "./known-types.ts";

/** Limits across all processes on the same store. */
export interface RunningLimitOptions {
  /**
   * How many nodes may run at once, across all processes on the same store, which must be given the same number. The
   * limit is never exceeded; a slot of a dead process is free again after a lease.
   *
   * @defaultValue no limit
   */
  readonly maxRunning?: number;
  /** Likewise, per type. @defaultValue no limit */
  readonly maxRunningPerType?: Readonly<Record<string, number>>;
  /** Likewise, per task. @defaultValue no limit */
  readonly maxRunningPerTask?: number;
  /**
   * How many tries of a batch may begin per second, per type, across all processes on the same store, which must be given
   * the same rates: `burst` at once after a pause, 1 by default, and `perSec` in the long run.
   *
   * @example
   * createEngine({ handlers, ratePerType: { ask_model: { perSec: 5, burst: 10 } } })
   *
   * @defaultValue any number
   */
  readonly ratePerType?: Readonly<Record<string, { readonly perSec: number; readonly burst?: number | undefined }>>;
}

/** Options of attempts: their leases and their input. */
export interface AttemptOptions extends RunningLimitOptions {
  /** How long a claim is valid without a renewal, in ms. @defaultValue 30_000 */
  readonly leaseMs?: number;
  /** How many artifacts a consumer reads at once. @defaultValue 256 */
  readonly pageSize?: number;
  /** Custom input adapters. */
  readonly inputAdapters?: readonly InputAdapterDefinition[];
}

/** Which log lines of handlers are kept. */
export interface HandlerLogOptions {
  /**
   * The lowest level of `ctx.logger` lines that are kept with their task, for `task.logs()` and `flowkit tasks logs`:
   * the newest 250 per attempt and 1,000 per task. What the `logger` redacts is kept in full. `false` keeps none.
   *
   * @defaultValue "info"
   */
  readonly keepLogs?: LogLevel | false;
}

/** How much a process runs concurrently. */
export interface CapacityOptions {
  /** Maximum number of concurrent attempts. @defaultValue 8 */
  readonly capacity?: number;
  /** Maximum number of concurrent attempts of a type in this process, if less than `capacity`. */
  readonly capacityPerType?: Readonly<Record<string, number>>;
}

/** Options of sweeps and coordinator functions. */
export interface SweepOptions {
  /** Custom coordinator functions. */
  readonly coordinatorFns?: readonly CoordinatorFunctionDefinition[];
  /** How often to look for expired leases, in ms; half as long again after a pass that found nothing due. @defaultValue 1_000 */
  readonly tickMs?: number;
  /** How often each task is planned again as a whole, in ms. @defaultValue 30_000 */
  readonly sweepMs?: number;
  /**
   * How many leases of a node may expire without a batch stored in between before it fails with `worker_lost`.
   *
   * @defaultValue 5
   */
  readonly maxLostLeases?: number;
  /** How long a running attempt may take to stop when its task is cancelled, in ms. @defaultValue 30_000 */
  readonly cancelGraceMs?: number;
}

/** Options of an engine. */
export interface EngineOptions<THandler extends HandlerDefinition = HandlerDefinition>
  extends AttemptOptions,
    CapacityOptions,
    SweepOptions,
    HandlerLogOptions {
  /**
   * The handlers that it can run: a list, or a record such as `flow.handlers`. The engine's type includes them.
   *
   * @example
   * createEngine({ handlers: { ...etl.handlers, ...reports.handlers } })
   */
  readonly handlers: HandlerList<THandler>;
  /**
   * The store of tasks and artifacts. The first object in this process that starts with it opens it, the last that
   * stops closes it.
   *
   * @defaultValue in memory, lost when the process exits
   */
  readonly store?: Store;
  /** Closed like the store. @defaultValue a bus within this process */
  readonly bus?: Bus;
  /**
   * Keeps the process running until the engine is stopped, to work on tasks of other processes. Otherwise the process
   * may exit when the tasks that it started have ended.
   *
   * @defaultValue false
   */
  readonly keepAlive?: boolean;
  /** A logger with pino's interface. @defaultValue warnings and errors are written to stderr */
  readonly logger?: Logger;
  /**
   * Traces and counts what runs.
   *
   * @example
   * createEngine({ handlers, telemetry: openTelemetry() }) // from "flowkit/adapters/opentelemetry"
   *
   * @defaultValue none
   */
  readonly telemetry?: Telemetry;
}

const limitKeys = { maxRunning: true, maxRunningPerType: true, maxRunningPerTask: true, ratePerType: true } as const;

/** The names of the options that several constructors share, for {@link checkOptions}. */
export const optionKeys = {
  ports: { store: true, bus: true, logger: true, telemetry: true },
  limits: limitKeys,
  attempts: { ...limitKeys, leaseMs: true, pageSize: true, inputAdapters: true },
  capacity: { capacity: true, capacityPerType: true },
  logs: { keepLogs: true },
  sweeps: { coordinatorFns: true, tickMs: true, sweepMs: true, maxLostLeases: true, cancelGraceMs: true },
  external: { externalTypes: true, externalAcceptMs: true },
} as const satisfies {
  readonly ports: Readonly<Record<"store" | "bus" | "logger" | "telemetry", true>>;
  readonly limits: Readonly<Record<keyof RunningLimitOptions, true>>;
  readonly attempts: Readonly<Record<keyof AttemptOptions, true>>;
  readonly capacity: Readonly<Record<keyof CapacityOptions, true>>;
  readonly logs: Readonly<Record<keyof HandlerLogOptions, true>>;
  readonly sweeps: Readonly<Record<keyof SweepOptions, true>>;
  readonly external: Readonly<Record<keyof ExternalOptions, true>>;
};

const count = z.int().min(1).max(100_000).optional();
const duration = z.number().min(1).max(86_400_000).optional();
const counts = z.record(z.string(), z.int().min(1).max(100_000)).optional();
const methods = (what: string, ...names: readonly string[]) =>
  z
    .custom((value) => {
      if (typeof value !== "object" || value === null) return false;
      return names.every((name) => typeof (value as { readonly [key: string]: unknown })[name] === "function");
    }, `expected ${what}`)
    .optional();
const named = (what: string) =>
  z
    .array(
      z.custom((value) => typeof (value as { readonly name?: unknown } | null)?.name === "string", `expected ${what}`),
    )
    .optional();

/** All options except those that define what is run. */
const shapes = z.object({
  store: methods("a store", "open", "close", "createTask"),
  bus: methods("a bus", "publish", "subscribe", "close"),
  logger: methods("a logger with pino's methods", "debug", "info", "warn", "error", "child"),
  telemetry: methods(
    "telemetry: openTelemetry()",
    "row",
    "attempt",
    "trace",
    "attemptEnded",
    "createTask",
    "taskFinished",
    "taskEnded",
    "leaseExpired",
    "logger",
  ),
  keepAlive: z.boolean().optional(),
  keepLogs: z.union([z.enum(logLevels), z.literal(false)]).optional(),
  inputAdapters: named("an input adapter"),
  coordinatorFns: named("a coordinator function"),
  capacity: count,
  capacityPerType: counts,
  maxRunning: count,
  maxRunningPerType: counts,
  maxRunningPerTask: count,
  ratePerType: z
    .record(
      z
        .string()
        .refine((type) => type !== coordinatorFnType && type !== flowType, { error: "is not the type of a handler" }),
      z.strictObject({ perSec: z.number().gt(0).max(100_000), burst: count }),
    )
    .optional(),
  pageSize: count,
  leaseMs: z.number().min(30).max(86_400_000).optional(),
  tickMs: duration,
  sweepMs: duration,
  maxLostLeases: z.int().min(0).max(1_000).optional(),
  cancelGraceMs: z.number().min(0).max(86_400_000).optional(),
  externalTypes: z.array(z.string().min(1)).optional(),
  externalAcceptMs: duration,
  coordinator: z.enum(["flowkit", "external"]).optional(),
});

/**
 * Refuses invalid and unknown options: an ignored option is worse than none.
 *
 * @param how.what - "createEngine", for messages
 * @param how.known - the names of its options
 * @throws FlowError `ENGINE_OPTIONS`
 */
export function checkOptions<TKey extends string>(
  options: { readonly [K in TKey]?: unknown },
  how: { readonly what: string; readonly known: Readonly<Record<TKey, true>>; readonly needsStore: boolean },
): void {
  const { what, known, needsStore } = how;
  if (typeof options !== "object" || options === null) throw new FlowError("ENGINE_OPTIONS", `${what} needs options`);
  checkOptionNames(what, options, known);
  const parsed = shapes.safeParse(options);
  if (!parsed.success) throw new FlowError("ENGINE_OPTIONS", `${what}: ${describeIssues(parsed.error)}`);
  if (needsStore && parsed.data.store === undefined) {
    throw new FlowError(
      "ENGINE_OPTIONS",
      `${what} needs a store, shared with the other processes: sqliteStore("runs.db")`,
    );
  }
}

type Known<TOptions> = Readonly<Record<keyof TOptions, true>>;

const ofNewTask = { idempotencyKey: true, priority: true, deadlineSec: true, traceparent: true } as const;
const ofPage = { cursor: true, limit: true, children: true } as const;

const ofMethods = {
  run: { ...ofNewTask, params: true, notBefore: true } satisfies Known<RunOptions>,
  retry: { ...ofNewTask, from: true } satisfies Known<RetryOptions>,
  retryBatches: { ...ofNewTask, uids: true } satisfies Known<RetryBatchesOptions>,
  list: { ...ofPage, status: true } satisfies Known<ListOptions>,
  "schedules.list": ofPage satisfies Known<Omit<ListOptions, "status">>,
  deadLetters: ofPage satisfies Known<Omit<ListOptions, "status">>,
  cleanup: { endedForSec: true } satisfies Known<CleanupOptions>,
};

/** Rejects unknown options of a method of an engine. @throws FlowError `ENGINE_OPTIONS` */
export function checkMethodOptions(method: keyof typeof ofMethods, options: object): void {
  checkOptionNames<string>(method, options, ofMethods[method]);
}

/** Drops keys whose value is undefined, which must not overwrite defaults. */
export function definedOf<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** For node types that external workers serve, with the messages of docs/wire.md. */
export interface ExternalOptions {
  /**
   * The node types that external workers serve, and no `Worker`: the same for all coordinators and clients. Requires a
   * Kafka bus and a MongoDB store, both without a prefix.
   *
   * @defaultValue none
   */
  readonly externalTypes?: readonly string[];
  /**
   * How long an external worker may take to accept a command before it is re-issued, in ms; doubles each time in a row.
   *
   * @defaultValue 30_000
   */
  readonly externalAcceptMs?: number;
}

/**
 * External programs know topics and collections by fixed names.
 *
 * @throws FlowError `ENGINE_OPTIONS`
 */
export function checkExternal(
  { types }: ExternalTypes,
  options: { readonly bus?: Bus | undefined } & RunningLimitOptions,
  store: Store,
): void {
  const { bus } = options;
  if (bus === undefined) throw refused("a bus that these workers listen to");
  if ((bus.prefix ?? "") !== "") throw refused(`a bus without a prefix: this one has '${bus.prefix}'`);
  if (store.externalRows === undefined)
    throw refused("a store that external workers write to: a mongoStore without a prefix");
  for (const option of ["maxRunningPerType", "ratePerType"] as const) {
    const limited = Object.keys(options[option] ?? {}).find((type) => types.has(type));
    if (limited !== undefined) throw refused(`${option} without '${limited}': external workers do not enforce it`);
  }
}

const refused = (what: string): FlowError => new FlowError("ENGINE_OPTIONS", `externalTypes needs ${what}`);
