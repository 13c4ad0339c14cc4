import { expect, test } from "vitest";
import type { BusParts } from "../../../../src/adapters/kafka/client.ts";
import { GroupMember } from "../../../../src/adapters/kafka/group-member.ts";
import type { Publisher } from "../../../../src/adapters/kafka/publisher.ts";
import type { TopicCreation } from "../../../../src/adapters/kafka/topic-creation.ts";
import { systemClock } from "../../../../src/core/ports/system.ts";
import { silentLogger } from "../../../../src/definitions/index.ts";

/** A group member whose consumer cannot connect. */
function memberOf(error: Error): GroupMember {
  const consumer = {
    events: { CRASH: "crash", GROUP_JOIN: "join" },
    on: () => () => {},
    connect: () => Promise.reject(error),
    disconnect: async () => {},
  };
  const hour = 3_600_000;
  const options = { connectTimeoutMs: hour, closeTimeoutMs: hour, sessionTimeoutMs: hour, maxUnhandled: 1 };
  const parts = {
    kafka: { consumer: () => consumer },
    options: { ...options, heartbeatMs: 1, maxDeliveries: 1, failFast: false },
    clock: systemClock(),
    logger: silentLogger,
    redact: (text: string) => text,
  };
  return new GroupMember({
    parts: parts as unknown as BusParts,
    topics: { ensure: async () => {} } as unknown as TopicCreation,
    publisher: {} as Publisher,
    subscription: { group: "g", topics: ["x"], handle: async () => {} },
    names: { group: "g", topics: ["x"], deadLetters: "dlq" },
  });
}

test.for([
  ["a login", { name: "KafkaJSSASLAuthenticationError" }],
  ["a certificate", { name: "KafkaJSConnectionError", code: "DEPTH_ZERO_SELF_SIGNED_CERT" }],
] as const)("%s that is rejected fails the start without waiting", async ([, kind]) => {
  const member = memberOf(Object.assign(new Error("the driver's words"), kind));
  await expect(member.start()).rejects.toMatchObject({
    code: "BUS_UNAVAILABLE",
    retryable: false,
    message: "could not join consumer group 'g': the driver's words",
  });
});
