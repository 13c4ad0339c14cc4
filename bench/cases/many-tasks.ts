import { engineCase } from "../engine-case.ts";
import { chainOf, source, step } from "../flows.ts";

/** Many small tasks at once, as a service has them. */
export const manyTasks = [
  engineCase({
    name: "1,000 tasks of 10 nodes at once",
    unit: "task",
    units: 1000,
    tasks: 1000,
    atOnce: 1000,
    handlers: [source, step],
    graph: chainOf(10, "source", "step"),
  }),
];
