import type { Graph } from "flowkit";
import { createEngine, type EngineOptions } from "flowkit/engine";
import type { Case } from "./measure.ts";

/** A case that runs one graph on a new embedded engine in each round: `tasks` times, `atOnce` of them at a time. */
export function engineCase(
  what: Pick<Case, "name" | "unit" | "units"> &
    Pick<EngineOptions, "handlers"> & { readonly graph: Graph; readonly tasks?: number; readonly atOnce?: number },
): Case {
  const { name, unit, units, handlers, graph, tasks = 1, atOnce = 1 } = what;
  return {
    name,
    unit,
    units,
    async prepare() {
      const engine = await createEngine({ handlers });
      return {
        async run() {
          for (let begun = 0; begun < tasks; begun += atOnce) {
            const started = await Promise.all(Array.from({ length: atOnce }, () => engine.run(graph)));
            await Promise.all(started.map((task) => task.result()));
          }
        },
        [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
      };
    },
  };
}
