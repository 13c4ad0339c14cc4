import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import { type KafkaBusOptions, kafkaBus } from "../../../src/adapters/kafka/index.ts";
import type { Bus } from "../../../src/core/ports/index.ts";
import { busContract } from "../../contract/bus-contract.ts";
import { needsServices } from "../services.ts";

needsServices("kafka");

busContract("the Kafka bus", async () => {
  const buses: Bus[] = [];
  const options: KafkaBusOptions = {
    brokers: inject("kafkaBrokers").split(","),
    prefix: `contract-${randomUUID().slice(0, 8)}`,
    topics: { partitions: 3 },
    heartbeatMs: 300,
  };
  return {
    patienceMs: 20_000,
    connect: async () => {
      const bus = kafkaBus(options);
      buses.push(bus);
      return bus;
    },
    close: async () => {
      await Promise.all(buses.map((bus) => bus.close()));
    },
  };
});
