import * as z from "zod";
import type { Programs } from "../program.ts";
import { addOne, itemAt, sizes, start, sumOf } from "../shapes.ts";

/* Functions and loops, with the checks that FlowKit makes: each step parses its input and its output. */

const Item = z.object({ n: z.int(), label: z.string() });
type Item = z.infer<typeof Item>;

const step = async (input: Item): Promise<Item> => Item.parse(addOne(Item.parse(input)));
const join = async (inputs: readonly Item[]): Promise<Item> => Item.parse(sumOf(z.array(Item).parse(inputs)));

async function steps(count: number, input: Item): Promise<Item> {
  let item = input;
  for (let n = 0; n < count; n++) item = await step(item);
  return item;
}

export const memory: Programs = {
  chain: async () => ({ run: () => steps(sizes.chain, start) }),
  fanOut: async () => ({
    async run() {
      const first = await step(start);
      return join(await Promise.all(Array.from({ length: sizes.branches }, () => step(first))));
    },
  }),
  tasks: async () => ({
    async run() {
      return sumOf(await Promise.all(Array.from({ length: sizes.tasks }, () => steps(sizes.taskSteps, start))));
    },
  }),
  stream: async () => ({
    async run() {
      const results: Item[] = [];
      for (let n = 0; n < sizes.items; n++) results.push(await steps(sizes.itemSteps, itemAt(n)));
      return sumOf(results);
    },
  }),
};
