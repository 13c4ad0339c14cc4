export {
  type DeadLetter,
  type MemoryBusOptions,
  type MemoryStoreOptions,
  memoryBus,
  memoryStore,
} from "./adapters/memory/index.ts";
export { createEngine, type Engine, type EngineHealth } from "./embedded/create-engine.ts";
export type { EngineOptions } from "./embedded/engine-options.ts";
export type * from "./engine/api.ts";
export type { Failure, HistoryEntry, ShardStatus, TaskStatus } from "./engine/model.ts";
export type { Bus, Store } from "./engine/ports/index.ts";
