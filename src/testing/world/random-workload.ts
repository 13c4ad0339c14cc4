import { builtInCoordinatorFns } from "../../engine/functions/index.ts";
import type { SeededRandom } from "../gate/seeded-random.ts";
import { randomGraph, workerTypes } from "./random-graph.ts";
import { partsAdapter } from "./sim-adapters.ts";
import { simHandlers } from "./sim-handlers.ts";
import type { Workload } from "./workload.ts";

const maxNodes = 6;
const mostDeadlineSec = 12;

/** One or two random graphs, and handlers that know what each other compute. */
export function randomWorkload(random: SeededRandom): Workload {
  return {
    tasks: Array.from({ length: 1 + random.int(2) }, () => ({
      graph: randomGraph(random, maxNodes),
      deadlineSec: random.chance(0.1) ? 1 + random.int(mostDeadlineSec) : undefined,
    })),
    types: workerTypes,
    fewTypes: ["map", "source"],
    inputAdapters: [partsAdapter],
    isResumable: (type) => !type.endsWith("_n"),
    handlersFor: simHandlers,
    functionsFor: () => builtInCoordinatorFns,
    isKnown: true,
  };
}
