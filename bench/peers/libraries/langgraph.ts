import { END, ReducedValue, START, StateGraph, StateSchema } from "@langchain/langgraph";
import * as z from "zod";
import type { Programs } from "../program.ts";
import { addOne, itemAt, sizes, start, sumOf } from "../shapes.ts";

/* As on its pages "Graph API" and "Define and update state": a chain's state is one item, checked before each node. */

const Item = z.object({ n: z.int(), label: z.string() });
type Item = z.infer<typeof Item>;
const append = { reducer: (all: Item[], more: Item[]) => all.concat(more) };
const listOf = () =>
  new ReducedValue(
    z.array(Item).default(() => []),
    append,
  );

/** A graph whose nodes are not known to the compiler. */
interface Graph {
  addNode(id: string, run: (state: never) => unknown): Graph;
  addEdge(from: string | readonly string[], to: string): Graph;
  compile(): Compiled;
}

interface Compiled {
  invoke(input: unknown, options: object): Promise<unknown>;
  batch(inputs: readonly unknown[], options: object): Promise<unknown[]>;
}

const graphOf = (state: unknown) => new StateGraph(state as never) as unknown as Graph;

function chainOf(length: number): Compiled {
  let graph = graphOf(new StateSchema({ n: z.int(), label: z.string() }));
  for (let n = 1; n <= length; n++)
    graph = graph.addNode(`s${n}`, addOne).addEdge(n === 1 ? START : `s${n - 1}`, `s${n}`);
  return graph.addEdge(`s${length}`, END).compile();
}

const limit = { recursionLimit: 1_000 };

export const memory: Programs = {
  async chain() {
    const graph = chainOf(sizes.chain);
    return { run: () => graph.invoke(start, limit) };
  },
  async fanOut() {
    const state = new StateSchema({ item: Item, results: listOf() });
    let graph = graphOf(state)
      .addNode("first", ({ item }: { item: Item }) => ({ item: addOne(item) }))
      .addNode("join", ({ results }: { results: Item[] }) => ({ item: sumOf(results) }));
    const branches = Array.from({ length: sizes.branches }, (_, n) => `b${n}`);
    for (const id of branches)
      graph = graph.addNode(id, ({ item }: { item: Item }) => ({ results: [addOne(item)] })).addEdge("first", id);
    const compiled = graph.addEdge(START, "first").addEdge(branches, "join").addEdge("join", END).compile();
    return { run: async () => ((await compiled.invoke({ item: start }, limit)) as { readonly item: Item }).item };
  },
  async tasks() {
    const graph = chainOf(sizes.taskSteps);
    return {
      async run() {
        return sumOf(
          (await Promise.all(Array.from({ length: sizes.tasks }, () => graph.invoke(start, limit)))) as Item[],
        );
      },
    };
  },
  async stream() {
    const graph = chainOf(sizes.itemSteps);
    return {
      async run() {
        const inputs = Array.from({ length: sizes.items }, (_, n) => itemAt(n));
        return sumOf((await graph.batch(inputs, { ...limit, maxConcurrency: 100 })) as Item[]);
      },
    };
  },
};
