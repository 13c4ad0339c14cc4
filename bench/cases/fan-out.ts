import type { GraphNode } from "flowkit";
import { onStores } from "../engine-case.ts";
import { graphOf, source, step } from "../flows.ts";

const fanOut = (width: number, stores: Parameters<typeof onStores>[1]) => {
  const branches = Array.from({ length: width }, (_, index) => `b${index}`);
  const nodes: readonly GraphNode[] = [
    { node_id: "source", type: "source", depends_on: [] },
    ...branches.map((node_id) => ({ node_id, type: "step", depends_on: ["source"] })),
    { node_id: "join", type: "step", depends_on: branches },
  ];
  const what = {
    name: `fan-out to ${width.toLocaleString("en")} and join`,
    unit: "node",
    units: nodes.length,
    handlers: [source, step],
    graph: graphOf(nodes),
  };
  return onStores(what, stores);
};

/** A join must not look at all its parents each time that one of them finishes. */
export const fanOuts = [...fanOut(1000, { memory: {}, SQLite: {} }), ...fanOut(9000, { memory: { isLong: true } })];
