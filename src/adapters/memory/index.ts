export type { UndeliveredMessage } from "./bus-group.ts";
export { type MemoryBusOptions, memoryBus } from "./memory-bus.ts";
export { MemoryState, type MemoryStoreEvent } from "./memory-state.ts";
export { type MemoryStoreOptions, memoryStore } from "./memory-store.ts";
