import { onStores } from "../engine-case.ts";
import { fanOutTo, source, step } from "../flows.ts";
import { atMostUs } from "../targets.ts";

const fanOut = (width: number, stores: Parameters<typeof onStores>[1]) => {
  const branches = Array.from({ length: width }, (_, index) => `b${index}`);
  const graph = fanOutTo(branches, source, step).node("join", step, { after: branches }).compile();
  const what = {
    name: `fan-out to ${width.toLocaleString("en")} and join`,
    unit: "node",
    units: graph.nodes.length,
    handlers: [source, step],
    graph,
  };
  return onStores(what, stores);
};

/** A join must not check all of its parents each time one of them finishes. */
export const fanOuts = [
  ...fanOut(1000, { memory: { target: atMostUs(40) }, SQLite: {} }),
  ...fanOut(9000, { memory: { isLong: true } }),
];
