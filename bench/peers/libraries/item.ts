import * as z from "zod";
import { addOne, type Item as ItemType } from "../shapes.ts";

const Item = z.object({ n: z.int(), label: z.string() });

/** A step of a library that has no schemas: it checks its input and its output itself. */
export const checkedStep = (input: ItemType): ItemType => Item.parse(addOne(Item.parse(input)));

/** Promises for results that arrive as the last job of a chain. */
export class Results {
  readonly #waiting = new Map<string, (item: ItemType) => void>();
  #made = 0;

  /** A new chain: its id, and its result. */
  next(): { readonly id: string; readonly result: Promise<ItemType> } {
    const id = `${process.pid}-${this.#made++}`;
    return { id, result: new Promise((resolve) => this.#waiting.set(id, resolve)) };
  }

  resolve(id: string, item: ItemType): void {
    this.#waiting.get(id)?.(item);
    this.#waiting.delete(id);
  }
}
