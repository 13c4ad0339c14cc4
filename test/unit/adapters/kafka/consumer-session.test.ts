import { expect, test } from "vitest";
import type { BusParts } from "../../../../src/adapters/kafka/client.ts";
import { ConsumerSession } from "../../../../src/adapters/kafka/consumer-session.ts";
import { systemClock } from "../../../../src/core/ports/system.ts";
import { silentLogger } from "../../../../src/definitions/index.ts";
import { Gate, until } from "../../../helpers/waiting.ts";

/** A driver's consumer that records its calls and connects when the test allows it. */
function sessionOf(at: "connect" | "subscribe") {
  const calls: string[] = [];
  const gate = new Gate();
  const call = (name: string) => async () => {
    calls.push(name);
    if (name === at) await gate.pass();
    calls.push(`${name} done`);
  };
  const consumer = {
    events: { CRASH: "crash", GROUP_JOIN: "join" },
    on: () => () => {},
    connect: call("connect"),
    subscribe: call("subscribe"),
    run: call("run"),
    disconnect: call("disconnect"),
  };
  const options = { sessionTimeoutMs: 30_000, heartbeatMs: 3_000, closeTimeoutMs: 10_000 };
  const parts = { kafka: { consumer: () => consumer }, options, clock: systemClock(), logger: silentLogger };
  const session = new ConsumerSession({
    parts: parts as unknown as BusParts,
    group: "g",
    topics: ["x"],
    fromBeginning: true,
    take: () => {},
    whenNotFull: async () => {},
    isFull: () => false,
    onAssigned: () => {},
  });
  return { session, gate, calls };
}

test.for([
  ["connect", ["connect", "connect done", "disconnect", "disconnect done"]],
  ["subscribe", ["connect", "connect done", "subscribe", "subscribe done", "disconnect", "disconnect done"]],
] as const)("closed while it starts to %s: goes no further, and disconnects afterwards", async ([at, expected]) => {
  const { session, gate, calls } = sessionOf(at);
  const starting = session.start().catch((error: Error) => error.message);
  await until(() => gate.arrived === 1, at);
  const closing = session.close();
  gate.open();
  await closing;
  expect(await starting).toContain("closed");
  expect(calls).toEqual(expected);
});

test("closed before it starts: does not connect", async () => {
  const { session, calls } = sessionOf("connect");
  await session.close();
  await expect(session.start()).rejects.toThrow("closed");
  expect(calls).toEqual(["disconnect", "disconnect done"]);
});
