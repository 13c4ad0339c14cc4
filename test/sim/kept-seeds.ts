import type { SimulationMode } from "../../src/testing/world/rates.ts";

/**
 * Seeds that once found something. A seed is a run of one version of the code, so these are runs like any other by now;
 * what each of them found has a test of its own.
 */
export const keptSeeds: Readonly<Record<SimulationMode, readonly number[]>> = {
  chaos: [1198, 1230],
  calm: [84, 224, 5426],
};
