/**
 * For tests: a context for calling handlers directly, and the simulation of flows under faults.
 *
 * @module flowkit/testing
 */

export type { Faults, SimulationMode } from "./cluster/fault-rates.ts";
export type { FleetSize } from "./cluster/fleet.ts";
export type { FlowToRun, HandlerList, SimulatedProcess } from "./flow/run-code.ts";
export {
  type SimulatedSeeds,
  type SimulateManyOptions,
  type SimulateOptions,
  simulate,
  simulateMany,
} from "./flow/simulate.ts";
export type { FinishedRun, SimulatedRun, SimulationOutcome, SimulationRules } from "./flow/simulated-run.ts";
export { describeOutcome } from "./flow/simulated-run.ts";
export { type FakesFor, handlerContext, type TestedContext, withServices } from "./handler-context.ts";
