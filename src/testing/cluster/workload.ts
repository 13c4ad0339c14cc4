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
import type { HandlerRates } from "./fault-rates.ts";
import type { HandlerCalls } from "./handler-calls.ts";
import type { Journal } from "./journal.ts";

/** What handlers are made for: one life of one process. */
export interface ProcessTools {
  readonly scheduler: Scheduler;
  readonly life: ProcessLife;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly rates: HandlerRates;
  readonly journal: Journal;
  readonly leaseMs: number;
  /** Batches of an attempt at once. */
  readonly concurrency: number;
  /** Artifacts that are read at once. */
  readonly pageSize: number;
  readonly calls: HandlerCalls;
}

/** A task as the client asks for it: before its graph is checked. */
export type TaskRequest = { readonly graph: { readonly nodes: readonly object[] } } & Omit<
  Parameters<CoordinatorCore["createTask"]>[0],
  "graph" | "priority" | "idempotencyKey"
>;

/** What a world runs: tasks, and the code of their nodes. */
export interface Workload {
  readonly tasks: readonly TaskRequest[];
  /** The node types that its handlers serve. */
  readonly types: readonly string[];
  /** Those that a worker serves which doesn't serve all. */
  readonly fewTypes: readonly string[];
  readonly inputAdapters: readonly InputAdapterDefinition[];
  isResumable(type: string): boolean;
  hasFinalize(type: string): boolean;
  /** For each process anew, as a real one loads its code anew. */
  handlersFor(tools: ProcessTools): readonly HandlerDefinition[];
  functionsFor(tools: Pick<ProcessTools, "life">): readonly CoordinatorFunctionDefinition[];
  /** How the store of its worlds keeps artifacts. @defaultValue all of them */
  readonly store?: Pick<MemoryStoreOptions, "dropConsumed" | "sinks">;
  /** Its handlers are the simulation's own: what they must compute, read and throw is known. */
  readonly isKnown: boolean;
}
