/** The entry points: the name of each built file, and its source. `package.json` exports them. */
export const entryPoints = {
  index: "src/index.ts",
  engine: "src/engine/index.ts",
  testing: "src/testing/index.ts",
  "adapters/kafka": "src/adapters/kafka/index.ts",
  "adapters/mongo": "src/adapters/mongo/index.ts",
  "adapters/opentelemetry": "src/adapters/opentelemetry/index.ts",
  "adapters/postgres": "src/adapters/postgres/index.ts",
  "adapters/sqlite": "src/adapters/sqlite/index.ts",
};
