export { CommandStore } from "./command-store.ts";
export { type ForeignTypes, foreignSources } from "./foreign-nodes.ts";
export { ForeignWorkers } from "./foreign-workers.ts";
