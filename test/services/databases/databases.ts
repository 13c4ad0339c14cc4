import { inject } from "vitest";
import { postgresBus } from "../../../src/adapters/postgres/index.ts";
import * as mongo from "../mongodb/mongo-world.ts";
import * as postgres from "../postgres/postgres-world.ts";

interface ProxyOptions {
  readonly timeoutMs?: number;
  /** The server will accept requests and not answer. */
  readonly isSilent?: boolean;
}

/** The databases that several processes can use at once. */
export const databases = [
  {
    name: "mongodb",
    newPlace() {
      const options = { url: inject("mongodbUrl"), database: mongo.database, prefix: mongo.freshPrefix() };
      return { options, open: () => mongo.openStore(options) };
    },
    behindProxy: async ({ timeoutMs, isSilent = false }: ProxyOptions = {}) => {
      // The driver's own monitoring is too late to notice a server that is silent.
      const settings = isSilent ? "&serverMonitoringMode=poll&heartbeatFrequencyMS=600000" : "";
      return { ...(await mongo.behindProxy({ timeoutMs, settings })), newBus: () => undefined };
    },
  },
  {
    name: "postgres",
    newPlace() {
      const options = { url: inject("postgresUrl"), schema: postgres.freshSchema() };
      return { options, open: () => postgres.openStore(options) };
    },
    behindProxy: async ({ timeoutMs }: ProxyOptions = {}) => {
      const { url, schema, ...rest } = await postgres.behindProxy({ timeoutMs });
      return { ...rest, newBus: () => postgresBus({ url, schema }) };
    },
  },
] as const;
