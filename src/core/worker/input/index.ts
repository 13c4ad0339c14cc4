export { FailedInputs, FailureInput } from "./failed-input.ts";
export { chosenSources, gather, readLog, readOutcomes, readSources } from "./gather-input.ts";
export { inInputOrder, placeOf, sortedByPlace } from "./input-order.ts";
export { type InputPlan, routeInput } from "./routing.ts";
export { consumerUid, type Pulled, type Source, SourcePositions, StreamInput, shardOf } from "./stream-input.ts";
