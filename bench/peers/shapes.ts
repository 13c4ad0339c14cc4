/** The input and the output of each step, in every shape and library. */
export interface Item {
  readonly n: number;
  readonly label: string;
}

export const addOne = ({ n, label }: Item): Item => ({ n: n + 1, label });

export const sumOf = (items: readonly Item[]): Item => ({
  n: items.reduce((sum, { n }) => sum + n, 0),
  label: items[0]?.label ?? "",
});

/** The input of a chain and of a fan-out. */
export const start: Item = { n: 0, label: "an item" };

/** Sizes of the shapes, which all programs use. */
export const sizes = {
  chain: 100,
  branches: 1000,
  tasks: 1000,
  taskSteps: 10,
  items: 100_000,
  itemSteps: 3,
  storedTasks: 100,
  /** The number of concurrent steps or jobs in a library that stores them, if it has such a setting. */
  atOnce: 100,
} as const;

export const itemAt = (n: number): Item => ({ n, label: "an item" });

/** A workload. */
export interface Shape {
  readonly title: string;
  /** What is counted, in the singular. */
  readonly unit: string;
  /** Units of one call of the program. */
  readonly units: number;
  /** Number of first calls in a new process, which are reported as cold. */
  readonly cold: number;
  /** The expected result of each call; compared as JSON. */
  readonly expected: unknown;
}

const { chain, branches, tasks, taskSteps, items, itemSteps, storedTasks } = sizes;

export const shapes = {
  chain: {
    title: `a chain of ${chain} steps`,
    unit: "step",
    units: chain,
    cold: 10,
    expected: { n: chain, label: start.label },
  },
  fanOut: {
    title: `a fan-out to ${branches.toLocaleString("en")} steps, and a join`,
    unit: "step",
    units: branches + 2,
    cold: 1,
    expected: { n: 2 * branches, label: start.label },
  },
  tasks: {
    title: `${tasks.toLocaleString("en")} tasks of ${taskSteps} steps at once`,
    unit: "step",
    units: tasks * taskSteps,
    cold: 1,
    expected: { n: tasks * taskSteps, label: start.label },
  },
  stream: {
    title: `${items.toLocaleString("en")} items through ${itemSteps} steps`,
    unit: "item",
    units: items,
    cold: 1,
    expected: { n: (items * (items - 1)) / 2 + items * itemSteps, label: start.label },
  },
  storedChain: {
    title: `a chain of ${chain} steps, stored`,
    unit: "step",
    units: chain,
    cold: 1,
    expected: { n: chain, label: start.label },
  },
  storedTasks: {
    title: `${storedTasks} tasks of ${taskSteps} steps at once, stored`,
    unit: "step",
    units: storedTasks * taskSteps,
    cold: 1,
    expected: { n: storedTasks * taskSteps, label: start.label },
  },
} as const satisfies Readonly<Record<string, Shape>>;

export type ShapeName = keyof typeof shapes;
