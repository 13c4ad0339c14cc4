import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { fixIdleTimer } from "../../../src/adapters/kafka/idle-timer-fix.ts";
import { messageOf, noting } from "../../contract/bus/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { openBus, uniquePrefix } from "./bus-tools.ts";

needsServices("kafka");

test("an idle bus does not keep rearming timers", async () => {
  const bus = openBus({ prefix: uniquePrefix() });
  const { got, handle } = noting();
  await bus.subscribe({ group: "g", topics: ["x"], handle });
  await bus.publish("x", "k", messageOf("t"));
  await until(() => got.length === 1, "the message", 30_000);
  const timers = vi.spyOn(globalThis, "setTimeout");
  await sleep(1_000); // only time shows that nothing happens
  const immediate = timers.mock.calls.filter(([, delay = 0]) => delay <= 1).length;
  timers.mockRestore();
  expect(immediate).toBeLessThan(20); // without the fix, one per millisecond and connection
});

test("the driver is patched once, however many buses there are", () => {
  const load = createRequire(import.meta.url);
  const { prototype } = load("kafkajs/src/network/requestQueue/index.js");
  expect(fixIdleTimer()).toBe(true);
  const mended = prototype.scheduleCheckPendingRequests;
  expect(fixIdleTimer()).toBe(true);
  expect(prototype.scheduleCheckPendingRequests).toBe(mended);
});
