import { performance } from "node:perf_hooks";
import { type FlowDefinition, type FlowTypes, type Graph, parseGraph } from "flowkit";
import { createEngine, type EngineOptions } from "flowkit/engine";
import type { Case } from "./measure.ts";
import { type BenchStore, roundStore } from "./stores.ts";

type EngineCase = Pick<Case, "name" | "unit" | "units"> &
  Pick<EngineOptions, "handlers"> & {
    readonly graph: Graph;
    readonly tasks?: number;
    readonly atOnce?: number;
    /** @defaultValue memory */
    readonly store?: BenchStore;
  };

/** The same case on several stores, measured in turn; the first is what the others are compared with. */
export const onStores = (what: Omit<EngineCase, "store">, stores: readonly BenchStore[]): readonly Case[] =>
  stores.map((store, index) => ({
    ...engineCase({ ...what, store, ...(index === 0 ? {} : { name: `${what.name}, ${store}` }) }),
    group: what.name,
  }));

/**
 * A case that runs one flow on a new embedded engine in each round: `tasks` times, `atOnce` of them at a time. A flow's
 * graph is checked once an engine, at its first run; what a check costs has cases of its own.
 */
export function engineCase(what: EngineCase): Case {
  const { name, unit, units, handlers, graph, tasks = 1, atOnce = 1 } = what;
  return {
    name,
    unit,
    units,
    async prepare() {
      const { store, ...rest } = await roundStore(what.store ?? "memory");
      const engine = await createEngine({ handlers, ...(store === undefined ? {} : { store }) });
      const flow = flowOf(graph);
      return {
        async run() {
          if (atOnce === 1) return oneByOne(tasks, async () => (await engine.run(flow)).result());
          for (let begun = 0; begun < tasks; begun += atOnce) {
            const started = await Promise.all(Array.from({ length: atOnce }, () => engine.run(flow)));
            await Promise.all(started.map((task) => task.result()));
          }
          return undefined;
        },
        async [Symbol.asyncDispose]() {
          await engine.stop();
          await rest[Symbol.asyncDispose]();
        },
      };
    },
  };
}

async function oneByOne(times: number, run: () => Promise<unknown>): Promise<readonly number[]> {
  const durations: number[] = [];
  for (let n = 0; n < times; n++) {
    const started = performance.now();
    await run();
    durations.push(performance.now() - started);
  }
  return durations;
}

/** A flow that the builder can't write, since its ids are no literals. */
function flowOf(graph: Graph): FlowDefinition {
  const parsed = parseGraph(graph);
  return {
    $infer: {} as FlowTypes,
    handlers: {},
    inputAdapters: [],
    coordinatorFns: [],
    paramsSchema: undefined,
    compile: () => parsed,
  };
}
