import { engineCase } from "../engine-case.ts";
import { chainOf, source, step } from "../flows.ts";
import { atMostTimesFirst, atMostUs } from "../targets.ts";

const chain = (nodes: number, tasks: number) => ({
  name: `chain of ${nodes.toLocaleString("en")} nodes`,
  group: "chains",
  unit: "node",
  units: nodes * tasks,
  tasks,
  handlers: [source, step],
  graph: chainOf(nodes, source, step),
});

const short = chain(100, 100);

/**
 * The cost per node: handlers do nothing, with one batch each. The long chain shows whether it grows with the graph.
 */
export const chains = [
  engineCase({ ...short, target: atMostUs(15) }),
  engineCase({ ...chain(10_000, 3), target: atMostTimesFirst(1.3) }),
  engineCase({ ...short, name: `${short.name}, SQLite`, store: "SQLite", target: atMostTimesFirst(2.5) }),
  engineCase({
    ...short,
    name: `${short.name}, SQLite, a transaction each`,
    store: "SQLite, a transaction each",
    isLong: true,
  }),
];
