import { describe, test } from "vitest";
import { adoptContract } from "./store/adopt-contract.ts";
import { artifactContract } from "./store/artifact-contract.ts";
import { cancelContract } from "./store/cancel-contract.ts";
import { dispatchContract } from "./store/dispatch-contract.ts";
import { dueTaskContract } from "./store/due-task-contract.ts";
import type { StoreHarness, StoreTest } from "./store/fixture.ts";
import { leaseContract } from "./store/lease-contract.ts";
import { outcomeContract } from "./store/outcome-contract.ts";
import { pauseContract } from "./store/pause-contract.ts";
import { queueContract } from "./store/queue-contract.ts";
import { registryContract } from "./store/registry-contract.ts";
import { reportContract } from "./store/report-contract.ts";
import { signalContract } from "./store/signal-contract.ts";
import { skipContract } from "./store/skip-contract.ts";
import { slotContract } from "./store/slot-contract.ts";
import { taskContract } from "./store/task-contract.ts";
import { taskListContract } from "./store/task-list-contract.ts";
import { taskLogContract } from "./store/task-log-contract.ts";
import { hugeValueContract, valueContract } from "./store/value-contract.ts";
import { varsContract } from "./store/vars-contract.ts";
import { connectionContract, repeatContract } from "./store/whole-contract.ts";

/**
 * The contract of a store. It does not require atomicity across two records.
 *
 * @param name - shown in front of every test
 * @param open - creates an empty store for one test
 * @param options.again - the store's contract is checked elsewhere, over another connection: leaves out slow tests that do
 * not depend on it
 */
export function storeContract(
  name: string,
  open: () => Promise<StoreHarness>,
  { again = false }: { readonly again?: boolean } = {},
): void {
  const it: StoreTest = (title, body) =>
    test(title, async () => {
      const harness = await open();
      try {
        const [store, peer] = [await harness.connect(), await harness.connect()];
        await body({
          store,
          peer,
          advance: (ms) => harness.advance(ms),
          connect: () => harness.connect(),
        });
        await store.close();
        await peer.close();
      } finally {
        await harness.close();
      }
    });

  describe(`${name} keeps the store contract`, () => {
    describe("tasks", () => taskContract(it));
    describe("due tasks", () => dueTaskContract(it));
    describe("lists of tasks", () => taskListContract(it));
    describe("variables", () => varsContract(it));
    describe("dispatch and records", () => dispatchContract(it));
    describe("queue", () => queueContract(it));
    describe("claims and leases", () => leaseContract(it));
    describe("outcomes", () => outcomeContract(it));
    describe("cancelling", () => cancelContract(it));
    describe("pausing", () => pauseContract(it));
    describe("signals and delays", () => signalContract(it));
    describe("skipped shards and closed logs", () => skipContract(it));
    describe("artifacts", () => artifactContract(it));
    describe("values", () => {
      valueContract(it);
      if (!again) hugeValueContract(it);
    });
    describe("reports", () => reportContract(it));
    describe("adopted shards", () => adoptContract(it));
    describe("limits", () => slotContract(it));
    describe("workers and dead letters", () => registryContract(it));
    describe("logs of handlers", () => taskLogContract(it));
    describe("repeated calls", () => repeatContract(it));
    describe("connections", () => connectionContract(it));
  });
}
