import { inject, onTestFinished } from "vitest";
import { mongoStore } from "../../src/adapters/mongo/index.ts";
import { studioContract } from "../contract/studio-contract.ts";
import { openBus, uniquePrefix } from "./kafka/bus-tools.ts";
import { database, dropCollections, freshPrefix, testClient } from "./mongodb/mongo-world.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

studioContract("MongoDB and Kafka", () => {
  const [prefix, topicPrefix] = [freshPrefix(), uniquePrefix()];
  const client = testClient();
  onTestFinished(() => dropCollections(client, prefix));
  return {
    store: () => mongoStore({ url: inject("mongodbUrl"), database, prefix }),
    bus: () => openBus({ prefix: topicPrefix }),
  };
});
