import { inject, onTestFinished } from "vitest";
import { postgresBus, postgresStore } from "../../../src/adapters/postgres/index.ts";
import { studioContract } from "../../contract/studio-contract.ts";
import { needsServices } from "../services.ts";
import { dropSchema, freshSchema, testPool } from "./postgres-world.ts";

needsServices("postgres");

studioContract("PostgreSQL", () => {
  const schema = freshSchema();
  const url = inject("postgresUrl");
  const pool = testPool();
  onTestFinished(async () => {
    await dropSchema(pool, schema);
  });
  return { store: () => postgresStore({ url, schema }), bus: () => postgresBus({ url, schema }) };
});
