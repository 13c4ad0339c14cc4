import { performance } from "node:perf_hooks";
import { type FlowDefinition, type FlowTypes, type Graph, parseGraph, silentLogger } from "flowkit";
import { createEngine, type EngineOptions } from "flowkit/engine";
import type { Case } from "./measure.ts";
import { countingStore } from "./store-calls.ts";
import { type BenchStore, roundStore } from "./stores.ts";

type EngineCase = Pick<Case, "name" | "unit" | "units" | "target" | "isLong" | "group"> &
  Pick<EngineOptions, "handlers"> & {
    readonly graph: Graph;
    readonly tasks?: number;
    /** Number of tasks that run before the measured ones, one after another. @defaultValue 0 */
    readonly before?: number;
    readonly atOnce?: number;
    /** @defaultValue memory */
    readonly store?: BenchStore;
    /** @defaultValue nothing observes it */
    readonly observe?: () => Observer;
  };

/** Observes the engine of one round. */
export interface Observer extends Disposable {
  readonly telemetry: NonNullable<EngineOptions["telemetry"]>;
}

/** The same case on several stores, measured in turn; the others are compared with the first one. */
export const onStores = (
  what: Omit<EngineCase, "store" | "target">,
  stores: Partial<Record<BenchStore, Pick<EngineCase, "target" | "isLong">>>,
): readonly Case[] =>
  Object.entries(stores).map(([store, more], index) =>
    engineCase({
      group: what.name,
      ...what,
      ...more,
      store: store as BenchStore,
      ...(index === 0 ? {} : { name: `${what.name}, ${store}` }),
    }),
  );

/**
 * A case that runs one flow `tasks` times, `atOnce` of them concurrently, on a new embedded engine in each round. The
 * engine validates the flow's graph once, at its first run; other cases measure the cost of validation.
 */
export function engineCase(what: EngineCase): Case {
  const { handlers, graph, tasks = 1, before = 0, atOnce = 1, store: kind = "memory", observe, ...rest } = what;
  return {
    ...rest,
    async prepare(calls) {
      const { store, ...round } = await roundStore(kind);
      const observer = observe?.();
      const engine = await createEngine({
        logger: silentLogger,
        handlers,
        ...(observer === undefined ? {} : { telemetry: observer.telemetry }),
        store: calls === undefined ? store : countingStore(store, calls),
      });
      const flow = flowOf(graph);
      const runOne = async () => (await engine.run(flow)).result();
      if (calls === undefined) await oneByOne(before, runOne); // not counted
      return {
        async run() {
          if (atOnce === 1) return oneByOne(tasks, runOne);
          for (let begun = 0; begun < tasks; begun += atOnce) {
            const started = await Promise.all(Array.from({ length: atOnce }, () => engine.run(flow)));
            await Promise.all(started.map((task) => task.result()));
          }
          return undefined;
        },
        async [Symbol.asyncDispose]() {
          await engine.stop();
          observer?.[Symbol.dispose]();
          await round[Symbol.asyncDispose]();
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

/** A flow whose ids are not literals, which the typed builder cannot express. */
export function flowOf(graph: Graph): FlowDefinition {
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
