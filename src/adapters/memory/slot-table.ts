import { type Attempt, shardKey } from "../../core/model/records.ts";
import type { HeldSlot, SlotLimit } from "../../core/ports/index.ts";
import type { StoreContext } from "./store-context.ts";

/** The holders of limits: each limit is one record. */
export class SlotTable {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async take({ key, max }: SlotLimit, holder: Attempt): Promise<"ok" | "full"> {
    const { slots } = this.#context.state;
    const holders = slots.get(key) ?? new Map<string, Attempt>();
    const name = holderKey(holder);
    if (holders.has(name)) return "ok";
    if (holders.size >= max) return "full";
    slots.set(key, holders.set(name, holder));
    this.#tell(key, holders);
    return "ok";
  }

  async free({ key, holder }: HeldSlot): Promise<void> {
    const { slots } = this.#context.state;
    const holders = slots.get(key);
    if (holders?.delete(holderKey(holder)) !== true) return;
    if (holders.size === 0) slots.delete(key);
    this.#tell(key, holders);
  }

  async count(keys: readonly string[]): Promise<number[]> {
    const { slots } = this.#context.state;
    return keys.map((key) => slots.get(key)?.size ?? 0);
  }

  async held(): Promise<HeldSlot[]> {
    const { slots } = this.#context.state;
    return [...slots].flatMap(([key, holders]) => [...holders.values()].map((holder) => ({ key, holder })));
  }

  #tell(key: string, holders: ReadonlyMap<string, Attempt>): void {
    this.#context.observe?.({ kind: "slots", key, holders: [...holders.values()] });
  }
}

const holderKey = (holder: Attempt): string => `${shardKey(holder)}:${holder.epoch}:${holder.claimId}`;
