import { describe, test } from "vitest";
import { closingContract } from "./bus/closing-contract.ts";
import { deliveryContract } from "./bus/delivery-contract.ts";
import { type BusHarness, type BusTest, busFixture } from "./bus/fixture.ts";

/**
 * The contract of a bus.
 *
 * @param name - shown in front of every test
 * @param open - creates a bus for one test
 */
export function busContract(name: string, open: () => Promise<BusHarness>): void {
  const it: BusTest = (title, body) =>
    test(title, async () => {
      const harness = await open();
      try {
        await body(await busFixture(harness));
      } finally {
        await harness.close();
      }
    });

  describe(`${name} keeps the bus contract`, () => {
    describe("delivery", () => deliveryContract(it));
    describe("closing", () => closingContract(it));
  });
}
