export { CommandStore } from "./command-store.ts";
export { type ExternalTypes, externalSources } from "./nodes.ts";
export { ExternalWorkers } from "./workers.ts";
