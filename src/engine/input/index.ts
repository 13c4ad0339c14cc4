export type { StreamAdapter } from "./adapters.ts";
export { consumerUid } from "./batch-uid.ts";
export { artifactsDropped, chosenSources, type GatherSource, gather, readLog, readSources } from "./gather-input.ts";
export { type InputPlan, routeInput } from "./routing.ts";
export { shardOf } from "./shard-hash.ts";
export { type Source, StreamInput } from "./stream-input.ts";
