import { expect, inject, test } from "vitest";
import { isKafkaReady } from "../../../scripts/services/kafka-ready.ts";
import { needsServices } from "../services.ts";

needsServices("kafka");

test("a broker serves consumer groups", async () => {
  const [, port] = inject("kafkaBrokers").split(":");
  expect(await isKafkaReady(Number(port))).toBe(true);
});
