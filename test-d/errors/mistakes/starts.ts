import { flow } from "flowkit";
import { count, extract } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

const source = { args: { batchSize: 1 } } as const;
const eighteen = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"] as const;
const many = flow()
  .node("a", extract, source)
  .node("b", extract, source)
  .node("c", extract, source)
  .node("d", extract, source)
  .node("e", extract, source)
  .node("f", extract, source)
  .node("g", extract, source)
  .node("h", extract, source)
  .node("i", extract, source)
  .node("j", extract, source)
  .node("k", extract, source)
  .node("l", extract, source)
  .node("m", extract, source)
  .node("n", extract, source)
  .node("o", extract, source)
  .node("p", extract, source)
  .node("q", extract, source)
  .node("r", extract, source);

/** When a node starts. */
export const startMistakes: readonly Mistake[] = [
  {
    rule: "fan-in above the number of parents",
    words: "node 'w' waits for 1 node(s): fanIn 'count:2' cannot be met",
    token: "fanIn",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], fanIn: "count:2" }),
    right: () => etl.node("w", count, { after: ["extract"], fanIn: "count:1" }),
  },
  {
    rule: "fan-in of a root",
    words: "node 'w' is a root: fanIn 'any' needs upstream nodes",
    token: "fanIn",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: 1 }, fanIn: "any" }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 }, fanIn: "all" }),
  },
  {
    rule: "first batch of a root",
    words: "node 'w' is a root: a startWhen other than 'ready' needs an upstream node",
    token: "startWhen",
    make: () =>
      // @ts-expect-error
      etl.node("w", extract, { args: { batchSize: 1 }, startWhen: "first_batch" }),
    right: () => etl.node("w", extract, { args: { batchSize: 1 }, startWhen: "ready" }),
  },
  {
    rule: "fan-in above a large number of parents",
    words: "node 'w' waits for 18 node(s): fanIn 'count:19' cannot be met",
    token: "fanIn",
    make: () =>
      // @ts-expect-error
      many.node("w", count, { after: eighteen, fanIn: "count:19" }),
    right: () => many.node("w", count, { after: eighteen, fanIn: "count:18" }),
  },
];
