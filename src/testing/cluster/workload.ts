import type { MemoryStoreOptions } from "../../adapters/memory/index.ts";
import type { CoordinatorCore } from "../../core/coordinator/coordinator-core.ts";
import type { Clock } from "../../core/ports/index.ts";
import type {
  CoordinatorFunctionDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
} from "../../definitions/index.ts";
import type { ProcessLife, Scheduler } from "../scheduler/scheduler.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";
import type { HandlerRates, SimulationMode } from "./fault-rates.ts";
import type { HandlerCalls } from "./handler-calls.ts";
import type { Journal } from "./journal.ts";

/** What the handlers of one process use. */
export interface ProcessTools {
  readonly scheduler: Scheduler;
  readonly life: ProcessLife;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly rates: HandlerRates;
  readonly journal: Journal;
  readonly mode: SimulationMode;
  readonly leaseMs: number;
  /** The store's clock. */
  readonly storeNow: () => number;
  /** Concurrent batches of an attempt. */
  readonly concurrency: number;
  /** Artifacts per read. */
  readonly pageSize: number;
  readonly calls: HandlerCalls;
}

/** A task as a client requests it, before its graph is validated. */
export type TaskRequest = { readonly graph: { readonly nodes: readonly object[]; readonly flows?: object } } & Omit<
  Parameters<CoordinatorCore["createTask"]>[0],
  "graph" | "priority" | "idempotencyKey"
>;

/** What a cluster runs: tasks, and the code of their nodes. */
export interface Workload {
  readonly tasks: readonly TaskRequest[];
  /** The node types of its handlers. */
  readonly types: readonly string[];
  /** The types of a worker that does not serve all of them. */
  readonly fewTypes: readonly string[];
  readonly inputAdapters: readonly InputAdapterDefinition[];
  isResumable(type: string): boolean;
  hasFinalize(type: string): boolean;
  /** Called for each process, as a real process loads its own code. */
  handlersFor(tools: ProcessTools): readonly HandlerDefinition[];
  functionsFor(tools: Pick<ProcessTools, "life">): readonly CoordinatorFunctionDefinition[];
  /** Retention of artifacts. @defaultValue all are kept */
  readonly store?: Pick<MemoryStoreOptions, "dropConsumed" | "sinks">;
  /** Whether its handlers are the simulation's own, so that what they compute, read and throw can be checked. */
  readonly isKnown: boolean;
}
