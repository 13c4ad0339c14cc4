export { chosenSources, gather, readLog, readSources } from "./gather-input.ts";
export { type InputPlan, routeInput } from "./routing.ts";
export { consumerUid, type Source, StreamInput, shardOf } from "./stream-input.ts";
