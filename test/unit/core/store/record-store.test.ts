import { expect, test } from "vitest";
import { memoryStore } from "../../../../src/adapters/memory/index.ts";
import type { HandlerGate } from "../../../../src/core/ports/index.ts";
import type { StoreDriver } from "../../../../src/core/store/driver.ts";
import { RecordStore } from "../../../../src/core/store/record-store.ts";

test("a store has no member for what its driver lacks: a worker asks by `in`", () => {
  const gate: HandlerGate = { enter: () => undefined, leave: () => {} };
  const gated = new RecordStore({ handlerGate: gate } as unknown as StoreDriver);
  expect(gated.handlerGate).toBe(gate);
  for (const name of ["handlerGate", "externalRows", "plainRows"]) expect(name in memoryStore()).toBe(false);
});
