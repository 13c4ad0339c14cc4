export { type MemoryBusOptions, memoryBus } from "./memory-bus.ts";
export { MemoryState } from "./memory-state.ts";
export { type MemoryStoreOptions, memoryStore } from "./memory-store.ts";
export type { MemoryStoreEvent } from "./store-context.ts";
export type { UndeliveredMessage } from "./undelivered-message.ts";
