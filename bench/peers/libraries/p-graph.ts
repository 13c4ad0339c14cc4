import { type DependencyList, PGraph, type PGraphNodeMap } from "p-graph";
import * as z from "zod";
import type { Programs } from "../program.ts";
import { addOne, type Item as ItemType, sizes, start, sumOf } from "../shapes.ts";

/* It orders functions but does not pass data: the caller keeps results in a map. Each step checks its input and its output. */

const Item = z.object({ n: z.int(), label: z.string() });
const checked = (input: ItemType | undefined): ItemType => Item.parse(addOne(Item.parse(input)));

async function chain(length: number): Promise<ItemType> {
  const results = new Map([[0, start]]);
  const nodes: PGraphNodeMap = new Map();
  const edges: DependencyList = [];
  for (let n = 1; n <= length; n++) {
    nodes.set(`s${n}`, { run: () => void results.set(n, checked(results.get(n - 1))) });
    if (n > 1) edges.push([`s${n - 1}`, `s${n}`]);
  }
  await new PGraph(nodes, edges).run();
  return Item.parse(results.get(length));
}

async function fanOut(): Promise<ItemType> {
  const results = new Map<string, ItemType>();
  const nodes: PGraphNodeMap = new Map([["first", { run: () => void results.set("first", checked(start)) }]]);
  const edges: DependencyList = [];
  const branches = Array.from({ length: sizes.branches }, (_, n) => `b${n}`);
  for (const id of branches) {
    nodes.set(id, { run: () => void results.set(id, checked(results.get("first"))) });
    edges.push(["first", id], [id, "join"]);
  }
  const join = () => void results.set("join", Item.parse(sumOf(branches.map((id) => Item.parse(results.get(id))))));
  nodes.set("join", { run: join });
  await new PGraph(nodes, edges).run();
  return Item.parse(results.get("join"));
}

export const memory: Programs = {
  chain: async () => ({ run: () => chain(sizes.chain) }),
  fanOut: async () => ({ run: fanOut }),
  tasks: async () => ({
    async run() {
      return sumOf(await Promise.all(Array.from({ length: sizes.tasks }, () => chain(sizes.taskSteps))));
    },
  }),
  stream: "has no items: a graph runs each function once",
};
