import { describe } from "vitest";
import type { NewPlace } from "./studio/fixture.ts";
import { logContract } from "./studio/log-contract.ts";
import { readingContract } from "./studio/reading-contract.ts";
import { runningContract } from "./studio/running-contract.ts";

/**
 * The contract of the studio's API, on any store.
 *
 * @param name - the name of the store
 */
export function studioContract(name: string, newPlace: NewPlace): void {
  describe(`the studio on ${name}`, () => {
    runningContract(newPlace);
    readingContract(newPlace);
    logContract(newPlace);
  });
}
