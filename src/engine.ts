/**
 * What runs flows: an engine in your process, or coordinators, workers and clients apart; and the ports of a store and a bus.
 *
 * @module flowkit/engine
 */
export {
  type MemoryBusOptions,
  type MemoryStoreOptions,
  memoryBus,
  memoryStore,
  type UndeliveredMessage,
} from "./adapters/memory/index.ts";
export { Client, type ClientOptions, type ClientOwnOptions } from "./embedded/client.ts";
export {
  Coordinator,
  type CoordinatorOptions,
  type CoordinatorOwnOptions,
  type KnownTypesOptions,
} from "./embedded/coordinator.ts";
export { createEngine, type Engine, type EngineHealth } from "./embedded/create-engine.ts";
export type { ForeignOptions } from "./embedded/foreign-options.ts";
export type { PartHealth, StoreHealth, WorkerHealth } from "./embedded/health.ts";
export type { HandlerList, WorkerType } from "./embedded/known-types.ts";
export type { LifeState, StopOptions } from "./embedded/life.ts";
export type { EngineOptions } from "./embedded/options.ts";
export type { TaskMethods } from "./embedded/task-methods.ts";
export { Worker, type WorkerOptions } from "./embedded/worker.ts";
export type * from "./engine/api.ts";
// All that somebody needs who writes a store or a bus.
export type {
  Artifact,
  Attempt,
  Cause,
  DeadLetter,
  EpochRef,
  Failure,
  HistoryEntry,
  Lease,
  LogHabits,
  Origin,
  Progress,
  ShardRecord,
  ShardRef,
  ShardStatus,
  TaskFailure,
  TaskRecord,
  TaskStatus,
  TaskSummary,
  VarsRecord,
  WorkerRecord,
} from "./engine/model.ts";
export type { Why } from "./engine/planner/index.ts";
export type * from "./engine/ports/index.ts";
export type * from "./engine/protocol/messages.ts";
export type { LoopHealth } from "./engine/support/supervisor.ts";
