/**
 * For tests: a handler's context, and a flow with the engine around it under a seed.
 *
 * @module flowkit/testing
 */

export type { Faults, SimulationMode } from "./cluster/fault-rates.ts";
export type { FleetSize } from "./cluster/fleet.ts";
export type { SimulationOutcome } from "./flow/describe-outcome.ts";
export { describeOutcome } from "./flow/describe-outcome.ts";
export type { SimulatedProcess } from "./flow/process-tools.ts";
export type { SimulationRules } from "./flow/rules.ts";
export type { FlowToRun, HandlerList } from "./flow/run-code.ts";
export { type SimulateOptions, simulate } from "./flow/simulate.ts";
export { type SimulatedSeeds, type SimulateManyOptions, simulateMany } from "./flow/simulate-many.ts";
export type { FinishedRun, SimulatedRun } from "./flow/simulated-run.ts";
export { handlerContext, type TestedContext } from "./handler-context.ts";
