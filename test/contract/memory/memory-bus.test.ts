import { memoryBus } from "../../../src/adapters/memory/index.ts";
import { busContract } from "../bus-contract.ts";

busContract("the memory bus", async () => {
  const bus = memoryBus({ backoffMs: 1, maxBackoffMs: 5 });
  return {
    connect: async () => bus,
    patienceMs: 60_000,
    close: () => bus.close(),
  };
});
