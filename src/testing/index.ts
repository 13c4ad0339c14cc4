/** The entry point "flowkit/testing": the engine under a seed. */
export { type SimulateOptions, type SimulationOutcome, simulate } from "./simulate.ts";
export type { SimulationMode } from "./world/rates.ts";
