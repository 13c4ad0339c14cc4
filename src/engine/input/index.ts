export { consumerUid } from "./batch-uid.ts";
export { artifactsDropped, chosenSources, gather, readLog, readSources } from "./gather-input.ts";
export { type InputPlan, routeInput } from "./routing.ts";
export { shardOf } from "./shard-hash.ts";
export { type Source, StreamInput } from "./stream-input.ts";
