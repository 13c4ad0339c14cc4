import { onStores } from "../engine-case.ts";
import { chainOf, source, step } from "../flows.ts";

const tasks = {
  name: "1,000 tasks of 10 nodes at once",
  unit: "task",
  units: 1000,
  tasks: 1000,
  atOnce: 1000,
  handlers: [source, step],
  graph: chainOf(10, source, step),
};

/** Many small concurrent tasks, as in a service. */
export const manyTasks = onStores(tasks, { memory: {}, SQLite: {} });
