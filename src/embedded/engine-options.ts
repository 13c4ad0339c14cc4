import * as z from "zod";
import type {
  CoordinatorFunctionDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
  Logger,
} from "../definitions/index.ts";
import type { Bus, Store } from "../engine/ports/index.ts";
import { describeIssues } from "../engine/values/index.ts";
import { FlowError } from "../errors/index.ts";

/** What an engine may be told. */
export interface EngineOptions<THandler extends HandlerDefinition = HandlerDefinition> {
  /**
   * The handlers it can run: a list, or a record such as `flow.handlers`. The engine's type remembers them.
   *
   * @example
   * createEngine({ handlers: { ...etl.handlers, ...reports.handlers } })
   */
  readonly handlers: readonly THandler[] | Readonly<Record<string, THandler>>;
  /** Input adapters of your own. */
  readonly inputAdapters?: readonly InputAdapterDefinition[];
  /** Coordinator functions of your own. */
  readonly coordinatorFns?: readonly CoordinatorFunctionDefinition[];
  /** Where tasks and artifacts are kept. The engine opens and closes it. @defaultValue memory: gone with the process */
  readonly store?: Store;
  /** @defaultValue within this process */
  readonly bus?: Bus;
  /**
   * Keeps the process running until the engine is stopped: for one that works on tasks of other processes. Without it a
   * process may end when the tasks that it started have.
   *
   * @defaultValue false
   */
  readonly keepAlive?: boolean;
  /** In pino's shape. @defaultValue silent */
  readonly logger?: Logger;
  /** Attempts at once. @defaultValue 8 */
  readonly capacity?: number;
  /** Attempts of a type at once in this engine, where that is less than `capacity`. */
  readonly capacityPerType?: Readonly<Record<string, number>>;
  /**
   * Nodes that run at once, over all engines on the same store, which must be given the same number. A limit holds at
   * every instant; a slot that a dead process held is free again after a lease.
   *
   * @defaultValue no limit
   */
  readonly maxRunning?: number;
  /** The same, of one type. @defaultValue no limit */
  readonly maxRunningPerType?: Readonly<Record<string, number>>;
  /** The same, of one task. @defaultValue no limit */
  readonly maxRunningPerTask?: number;
  /** How long a claim lives without a renewal, in ms. @defaultValue 30_000 */
  readonly leaseMs?: number;
  /** Artifacts that a consumer reads at once. @defaultValue 256 */
  readonly pageSize?: number;
  /** How often leases that ran out are looked for, in ms. @defaultValue 1_000 */
  readonly tickMs?: number;
  /** How often each task is planned again as a whole, in ms. @defaultValue 30_000 */
  readonly sweepMs?: number;
  /** How often a node's lease may run out before it fails with `worker_lost`. @defaultValue 5 */
  readonly maxLostLeases?: number;
  /** How long a running attempt may take to stop when its task is cancelled, in ms. @defaultValue 30_000 */
  readonly cancelGraceMs?: number;
}

const count = z.int().min(1).max(100_000).optional();
const duration = z.number().min(1).max(86_400_000).optional();

const numbers = z.object({
  capacity: count,
  capacityPerType: z.record(z.string(), z.int().min(1).max(100_000)).optional(),
  maxRunning: count,
  maxRunningPerType: z.record(z.string(), z.int().min(1).max(100_000)).optional(),
  maxRunningPerTask: count,
  pageSize: count,
  leaseMs: z.number().min(30).max(86_400_000).optional(),
  tickMs: duration,
  sweepMs: duration,
  maxLostLeases: z.int().min(0).max(1_000).optional(),
  cancelGraceMs: z.number().min(0).max(86_400_000).optional(),
});

const known: ReadonlySet<string> = new Set([
  ...Object.keys(numbers.shape),
  ...["handlers", "inputAdapters", "coordinatorFns", "store", "bus", "keepAlive", "logger"],
]);

/** @throws FlowError `ENGINE_OPTIONS` */
export function checkOptions(options: EngineOptions): z.output<typeof numbers> {
  const unknown = Object.keys(options).find((key) => !known.has(key));
  if (unknown !== undefined) throw new FlowError("ENGINE_OPTIONS", `createEngine has no option '${unknown}'`);
  const parsed = numbers.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new FlowError("ENGINE_OPTIONS", `createEngine: ${describeIssues(parsed.error)}`);
}

/**
 * Definitions by their names.
 *
 * @throws FlowError `ENGINE_OPTIONS` when two different ones have the same name
 */
export function byName<T extends { readonly name: string }>(
  what: string,
  definitions: Iterable<T>,
): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const definition of definitions) {
    const there = map.get(definition.name);
    if (there !== undefined && there !== definition) {
      throw new FlowError("ENGINE_OPTIONS", `two different ${what}s are named '${definition.name}'`);
    }
    map.set(definition.name, definition);
  }
  return map;
}
