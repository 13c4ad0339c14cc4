export {
  type MemoryBusOptions,
  type MemoryStoreOptions,
  memoryBus,
  memoryStore,
  type UndeliveredMessage,
} from "./adapters/memory/index.ts";
export { createEngine, type Engine, type EngineHealth } from "./embedded/create-engine.ts";
export type { EngineOptions } from "./embedded/engine-options.ts";
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
