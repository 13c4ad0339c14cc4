import { builtInCoordinatorFns, type HandlerDefinition } from "../../definitions/index.ts";
import { randomGraph, workerTypes } from "../cluster/random-graph.ts";
import { partsAdapter } from "../cluster/sim-adapters.ts";
import { simHandlers, simParams } from "../cluster/sim-handlers.ts";
import type { Workload } from "../cluster/workload.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";

const leanOf = ({ finalize: _, result: __, ...rest }: HandlerDefinition): HandlerDefinition => rest;
const maxNodes = 6;
const mostDeadlineSec = 12;

/**
 * One or two random graphs, and handlers that know what each other compute.
 *
 * @param drops - in a store that drops what is read while it runs; sources that resume have no `finalize` then, which
 * would keep the node's artifacts there, and in half of these worlds the other handlers that resume have none either
 */
export function randomWorkload(random: SeededRandom, drops = false): Workload {
  const withoutFinalize: readonly string[] = drops ? random.pick([["source"], ["source", "map"]]) : [];
  const hasFinalize = (type: string): boolean => !withoutFinalize.includes(type);
  const sinks = withoutFinalize.filter((type) => type === "map");
  return {
    tasks: Array.from({ length: 1 + random.int(2) }, () => ({
      graph: randomGraph(random, maxNodes),
      params: simParams,
      deadlineSec: random.chance(0.1) ? 1 + random.int(mostDeadlineSec) : undefined,
    })),
    types: workerTypes,
    fewTypes: ["map", "source"],
    inputAdapters: [partsAdapter],
    isResumable: (type) => !type.endsWith("_n"),
    hasFinalize,
    handlersFor: (tools) =>
      simHandlers(tools).map((handler) => (hasFinalize(handler.name) ? handler : leanOf(handler))),
    ...(drops ? { store: { dropConsumed: "streaming", sinks } } : {}),
    functionsFor: () => builtInCoordinatorFns,
    isKnown: true,
  };
}
