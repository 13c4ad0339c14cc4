import type { Item } from "../../shapes.ts";
import { checkedStep } from "../item.ts";

async function step(item: Item) {
  "use step";
  return checkedStep(item);
}

export async function chain(length: number, start: Item) {
  "use workflow";
  let item = start;
  for (let n = 0; n < length; n++) item = await step(item);
  return item;
}
