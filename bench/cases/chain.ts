import { engineCase, onStores } from "../engine-case.ts";
import { chainOf, source, step } from "../flows.ts";

const chain = (nodes: number, tasks: number) => ({
  name: `chain of ${nodes.toLocaleString("en")} nodes`,
  unit: "node",
  units: nodes * tasks,
  tasks,
  handlers: [source, step],
  graph: chainOf(nodes, "source", "step"),
});

/** The cost of a node: handlers do nothing, one batch each. The long chain shows whether it grows with the graph. */
export const chains = [
  ...onStores(chain(100, 100), ["memory", "SQLite", "SQLite, a transaction each"]),
  engineCase(chain(10_000, 3)),
];
