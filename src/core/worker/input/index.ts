export { FailedInputs, FailureInput } from "./failed-input.ts";
export { chosenSources, gather, readLog, readOutcomes, readSources } from "./gather-input.ts";
export { inInputOrder, placeOf, sortedByPlace } from "./input-order.ts";
export { type InputPlan, routeInput } from "./routing.ts";
export { consumerUid, furthestOf, type Pulled, type Source, StreamInput, shardOf } from "./stream-input.ts";
