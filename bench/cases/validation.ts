import { performance } from "node:perf_hooks";
import { validateGraph } from "flowkit";
import { graphOf } from "../flows.ts";
import type { Case } from "../measure.ts";
import { atMostMs } from "../targets.ts";

/** Each node depends on up to three earlier ones and reads them by name. */
const wideGraph = (count: number) =>
  graphOf(
    Array.from({ length: count }, (_, index) => {
      const parents = [1, 7, 100].filter((back) => back <= index).map((back) => `n${index - back}`);
      if (parents.length === 0) return { node_id: `n${index}`, type: "source", depends_on: [] };
      const input_inline = { input_adapter: "pull.from_artifacts", input_args: { from_nodes: parents } };
      return { node_id: `n${index}`, type: "step", depends_on: parents, io: { input_inline } };
    }),
  );

const validation = (nodes: number, times: number, more: Pick<Case, "target">): Case => ({
  ...more,
  name: `validation of ${nodes.toLocaleString("en")} nodes`,
  unit: "graph",
  units: times,
  async prepare() {
    const graph = wideGraph(nodes);
    return {
      async run() {
        return Array.from({ length: times }, () => {
          const started = performance.now();
          const validation = validateGraph(graph);
          if (!validation.ok) throw new Error(`the graph is invalid: ${validation.findings[0]?.message}`);
          return performance.now() - started;
        });
      },
      async [Symbol.asyncDispose]() {},
    };
  },
});

/** The cost of `createTask` before anything runs; repeated within a round, as in a service that has warmed up. */
export const validations = [validation(100, 100, {}), validation(10_000, 10, { target: atMostMs(100) })];
