import { onStores } from "../engine-case.ts";
import { fanOutTo, source, step } from "../flows.ts";
import { atMostUs } from "../targets.ts";

/** @param tasks - per round, one after another: the first few tasks of a process take four times as long */
const fanOut = (width: number, tasks: number, stores: Parameters<typeof onStores>[1]) => {
  const branches = Array.from({ length: width }, (_, index) => `b${index}`);
  const graph = fanOutTo(branches, source, step).node("join", step, { after: branches }).compile();
  const what = {
    name: `fan-out to ${width.toLocaleString("en")} and join`,
    unit: "node",
    units: tasks * graph.nodes.length,
    tasks,
    handlers: [source, step],
    graph,
  };
  return onStores(what, stores);
};

/** A join must not check all of its parents each time one of them finishes. */
export const fanOuts = [
  ...fanOut(1000, 20, { memory: { target: atMostUs(40) }, SQLite: {} }),
  ...fanOut(9000, 2, { memory: { isLong: true } }),
];
