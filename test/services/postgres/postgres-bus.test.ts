import { inject } from "vitest";
import { postgresBus } from "../../../src/adapters/postgres/index.ts";
import type { Bus } from "../../../src/core/ports/index.ts";
import { busContract } from "../../contract/bus-contract.ts";
import { needsServices } from "../services.ts";
import { dropSchema, freshSchema, testPool } from "./postgres-world.ts";

needsServices("postgres");

busContract("the PostgreSQL bus", async () => {
  const buses: Bus[] = [];
  const schema = freshSchema();
  const pool = testPool();
  return {
    patienceMs: 8_000,
    connect: async () => {
      // So rare that a test which depends on it fails.
      const bus = postgresBus({ url: inject("postgresUrl"), schema, lookEveryMs: 10_000 });
      buses.push(bus);
      return bus;
    },
    close: async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await dropSchema(pool, schema);
    },
  };
});
