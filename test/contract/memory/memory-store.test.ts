import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { StoreHarness } from "../store/fixture.ts";
import { storeContract } from "../store-contract.ts";

/** Stores over one state, with a clock that only the test advances. */
async function open(step?: (label: string) => Promise<void>): Promise<StoreHarness> {
  const state = new MemoryState();
  let now = 1_000_000;
  return {
    async connect() {
      const store = memoryStore({ state, now: () => now, ...(step === undefined ? {} : { step }) });
      await store.open();
      return store;
    },
    async advance(ms) {
      now += ms;
    },
    async close() {},
  };
}

storeContract("the memory store", () => open());
storeContract(
  "the memory store, interrupted between records",
  () => open(() => new Promise((resolve) => setImmediate(resolve))),
  { again: true },
);
